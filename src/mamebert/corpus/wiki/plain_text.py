"""The text that a reader of a wiki page sees, without tables, notes, pictures, lists of categories and markup.

mwparserfromhell takes wikitext apart. What it cannot tell, since a wiki decides it (which links show a picture, which
templates show one of their arguments), is decided here; what people left unclosed is cleaned up line by line.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from mamebert.corpus.wiki.blocks import folded_name, without_blocks
from mamebert.corpus.wiki.leftovers import GONE, HEADING, is_language, is_media, tidy
from mamebert.corpus.wiki.templates import SHOWN

_TEXTLESS = """
    ref references table gallery math chem ce source syntaxhighlight pre timeline score hiero imagemap templatestyles
    graph mapframe maplink style script includeonly rt rp rtc indicator categorytree inputbox section templatedata
"""
DROPPED = frozenset(_TEXTLESS.split())
"""Elements of which nothing is text."""
_LINES = "br hr p div center blockquote li ul ol dl dd dt h1 h2 h3 h4 h5 h6 poem tr td th tbody thead"
BLOCKS = frozenset(_LINES.split())
"""Elements that begin a line."""
MARKUP_OF_LISTS = frozenset(("*", "#", ":", ";", "-"))
MAX_DEPTH = 40


@dataclass(frozen=True)
class Rules:
    """What a wiki shows, and what is asked for."""

    namespaces: Mapping[str, int] = field(default_factory=dict)
    """Numbers of namespaces by their names in lower case."""
    templates: Mapping[str, int] = field(default_factory=lambda: SHOWN)
    """The number of the argument that a template shows, by its name in lower case."""
    section_titles: bool = False


def plain_text(wikitext: str, rules: Rules) -> str:
    """Return the text of a page, a paragraph per line; empty where there is none."""
    from mwparserfromhell import parse

    return tidy("".join(_texts(parse(without_blocks(wikitext, rules.templates)), rules, 0)), rules.section_titles)


def _texts(code: Any, rules: Rules, depth: int) -> Iterator[str]:
    if code is None or depth > MAX_DEPTH:
        return
    for node in code.nodes:
        yield from _OF_NODE.get(type(node).__name__, _nothing)(node, rules, depth + 1)


def _nothing(node: Any, rules: Rules, depth: int) -> Iterator[str]:
    yield GONE


def _text(node: Any, rules: Rules, depth: int) -> Iterator[str]:
    yield node.value


def _entity(node: Any, rules: Rules, depth: int) -> Iterator[str]:
    try:
        yield node.normalize()
    except (ValueError, OverflowError, KeyError):  # a number that no character has
        yield GONE


def _heading(node: Any, rules: Rules, depth: int) -> Iterator[str]:
    title = " ".join("".join(_texts(node.title, rules, depth)).split())
    yield f"\n{HEADING * node.level}{title}\n"


def _link(node: Any, rules: Rules, depth: int) -> Iterator[str]:
    title = str(node.title).strip()
    name, colon, rest = title.removeprefix(":").partition(":")
    prefix = folded_name(name)
    number = rules.namespaces.get(prefix, 0) if colon else 0
    plain = not title.startswith(":")
    hidden = plain and (number in (6, 14, -2) or (colon and (is_language(prefix) or is_media(rest))))
    if hidden:
        yield GONE
    elif node.text is not None:
        yield from _texts(node.text, rules, depth)
    else:
        yield title.removeprefix(":").replace("_", " ")


def _external(node: Any, rules: Rules, depth: int) -> Iterator[str]:
    yield GONE  # an address is no text
    if node.brackets and node.title is not None:
        yield from _texts(node.title, rules, depth)


def _template(node: Any, rules: Rules, depth: int) -> Iterator[str]:
    name = folded_name(str(node.name))
    number = rules.templates.get(name) or (1 if name.startswith("lang-") else 0)
    yield GONE
    if number and node.has(str(number)):
        yield from _texts(node.get(str(number)).value, rules, depth)


def _tag(node: Any, rules: Rules, depth: int) -> Iterator[str]:
    name = str(node.tag).strip().casefold()
    if name in DROPPED:
        yield GONE
        return
    line = name in BLOCKS and node.wiki_markup not in MARKUP_OF_LISTS
    if line:
        yield "\n"
    if node.contents is not None:
        yield from _texts(node.contents, rules, depth)
    if line:
        yield "\n"


_OF_NODE = {
    "Text": _text,
    "HTMLEntity": _entity,
    "Heading": _heading,
    "Wikilink": _link,
    "ExternalLink": _external,
    "Template": _template,
    "Tag": _tag,
}
