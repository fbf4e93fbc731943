"""What goes before wikitext is taken apart: comments, notes, formulas, code, and templates that show nothing.

They are two fifths of an article and three quarters of its nodes; mwparserfromhell, which builds an object of each
node, takes a third of the time without them. What is opened and never closed loses its mark: the parser would go over
it again and again. Every step takes time in proportion to the text, whatever somebody has left open in it.
"""

import re
from collections.abc import Container, Iterator

from mamebert.corpus.wiki.leftovers import GONE

_TEXTLESS = frozenset(
    ("ref", "math", "gallery", "timeline", "source", "syntaxhighlight", "pre", "score", "chem", "ce", "hiero", "graph")
) | {"templatedata", "includeonly"}
_ALONE = frozenset(("br", "hr", "li", "dt", "dd", "p", "td", "th", "tr", "wbr", "references"))
_TAG = re.compile(r"<!--|<(?P<closes>/?)(?P<name>[a-z][a-z0-9]{0,19})\b[^<>]{0,2000}>", re.IGNORECASE)
_TABLE = re.compile(r"^[ :*#]{0,9}(?:\{\||\|\}(?!\}))", re.MULTILINE)
_LINK = re.compile(r"\[\[|\]\]")
_OPEN_LINK = re.compile(r"\[\[(?:[^\[\]|\n]{0,200}\|)?")
_ADDRESS = re.compile(r"\[(?=(?:https?:|ftp:)?//)(?!(?:[^\[\]\n]|\[\[[^\[\]\n]*\]\])*\])")
_MARKUP = re.compile(r"[\[\]{}|'=<>*#:;~_]")
_ARGUMENT = re.compile(r"\{\{\{[^{}]*\}\}\}")
_BRACES = re.compile(r"(\{\{|\}\})")
_DEEPEST = 40


def without_blocks(wikitext: str, shown: Container[str]) -> str:
    """Return wikitext with a mark in the place of what shows nothing; templates named in `shown` stay."""
    text = "".join(_without_elements(wikitext)) if "<" in wikitext else wikitext
    text = _without_templates(_ARGUMENT.sub(GONE, text), shown) if "{{" in text else text
    text = "".join(_without_open_tables(text)) if "{|" in text else text
    return "".join(_without_open_links(_ADDRESS.sub("", text))) if "[" in text else text


def is_shown(name: str, shown: Container[str]) -> bool:
    """Say whether the template of that name shows one of its arguments."""
    folded = folded_name(name)
    return folded in shown or folded.startswith("lang-")


def folded_name(name: str) -> str:
    """Return a name as wikis compare it: one space for spaces and underscores, in lower case."""
    return " ".join(name.replace("_", " ").split()).casefold()


def _without_elements(text: str) -> Iterator[str]:
    tags = list(_TAG.finditer(text))
    ends = _ends(tags)
    last_comment = text.rfind("-->")
    at = 0
    for tag in tags:
        if tag.start() < at or tag["closes"]:
            continue
        name = (tag["name"] or "").lower()
        end = ends.get(tag.start(), -1)
        if not name and last_comment >= tag.end():
            end = text.find("-->", tag.end()) + 3
        if end > tag.end() and name == "nowiki":
            yield text[at : tag.start()]
            yield _MARKUP.sub(_as_entity, text[tag.end() : text.rfind("<", tag.end(), end)])
        elif end > tag.end() or (name in _TEXTLESS and tag[0].endswith("/>")):
            if name and name not in _TEXTLESS:
                continue  # the parser knows what to do with it
            yield text[at : tag.start()]
            yield GONE
        elif name in _ALONE or tag[0].endswith("/>"):
            continue
        else:  # never closed
            yield text[at : tag.start()]
            yield GONE
        at = max(end, tag.end())
    yield text[at:]


def _ends(tags: list[re.Match[str]]) -> dict[int, int]:
    """Return where the elements end, by where they begin; those that are never closed are left out."""
    waiting: dict[str, list[int]] = {}
    ends: dict[int, int] = {}
    for tag in tags:
        name = (tag["name"] or "").lower()
        if tag["closes"]:
            begun = waiting.get(name)
            # An element without text in it holds no other of its name: all that were opened before end here.
            while begun:
                ends[begun.pop()] = tag.end()
                if name not in _TEXTLESS:
                    break
        elif name and not tag[0].endswith("/>"):
            waiting.setdefault(name, []).append(tag.start())
    return ends


def _without_open_tables(text: str) -> Iterator[str]:
    """Yield a text with a mark before each table that is never closed: no table to the parser, one to `leftovers`."""
    waiting: list[int] = []
    for sign in _TABLE.finditer(text):
        if sign[0].endswith("{|"):
            waiting.append(sign.start())
        elif waiting:
            waiting.pop()
    at = 0
    for place in waiting:
        yield text[at:place]
        yield GONE
        at = place
    yield text[at:]


def _without_open_links(text: str) -> Iterator[str]:
    """Yield a text without the brackets of links that are never closed, over which the parser goes again and again."""
    waiting: list[int] = []
    for mark in _LINK.finditer(text):
        if mark[0] == "[[":
            waiting.append(mark.start())
        elif waiting:
            waiting.pop()
    at = 0
    for place in waiting:
        yield text[at:place]
        opened = _OPEN_LINK.match(text, place)
        at = opened.end() if opened else place
    yield text[at:]


def _without_templates(text: str, shown: Container[str]) -> str:
    open_: list[list[str]] = [[]]
    for part in _BRACES.split(text):
        if part == "{{":
            if len(open_) < _DEEPEST:
                open_.append([])
        elif part == "}}":
            if len(open_) > 1:
                content = "".join(open_.pop())
                open_[-1].append(f"{{{{{content}}}}}" if is_shown(content.partition("|")[0], shown) else GONE)
        else:
            open_[-1].append(part)
    return "".join("".join(parts) for parts in open_)


def _as_entity(mark: re.Match[str]) -> str:
    return f"&#{ord(mark[0])};"
