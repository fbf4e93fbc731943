"""The pages of a MediaWiki dump, one in memory at a time, whatever version of the export schema it is written in.

The XML parser is that of the standard library: what is not asked for (users, comments, uploads, elements of schemas to
come) is passed over, and what was read is let go of. The element of a whole dump would grow by every page otherwise.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TextIO, cast
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from mamebert.corpus.wiki.blocks import folded_name
from mamebert.errors import UserError
from mamebert.progress import say

BLOCK_CHARACTERS = 1 << 16
MOST_CHARACTERS_PER_PAGE = 16_000_000
"""MediaWiki takes 2 MB of wikitext; a dump with all versions holds several in a page, of which one is in memory."""
ENGLISH_NAMES = {
    "media": -2,
    "special": -1,
    "talk": 1,
    "user": 2,
    "project": 4,
    "file": 6,
    "image": 6,
    "mediawiki": 8,
    "template": 10,
    "help": 12,
    "category": 14,
}
"""Names of namespaces that every wiki understands beside its own."""
TEXTS = ("title", "ns", "id", "model", "text")


class Page(NamedTuple):
    """One page, in its last version that the dump holds."""

    title: str
    number: str
    """The page's id."""
    namespace: int
    is_redirect: bool
    model: str
    """What the text is: wikitext, css, json ...; empty in old dumps."""
    wikitext: str


class Namespaces:
    """The names of a wiki's namespaces, its own and the English ones."""

    def __init__(self) -> None:
        self._numbers = dict(ENGLISH_NAMES)

    def add(self, name: str, number: int) -> None:
        """Learn a name that the dump tells."""
        self._numbers[folded_name(name)] = number

    def split(self, title: str) -> tuple[int, str]:
        """Return the namespace of a title, 0 where it has none, and the rest of the title."""
        name, colon, rest = title.partition(":")
        number = self._numbers.get(folded_name(name)) if colon else None
        return (0, title) if number is None else (number, rest.strip())

    def known(self) -> dict[str, int]:
        """Return the numbers by name, in lower case."""
        return dict(self._numbers)


def pages(file: TextIO, path: Path, namespaces: Namespaces) -> Iterator[Page]:
    """Yield the pages of a dump; `namespaces` is told what the dump calls them, before the first page comes.

    XML that is broken, ends too early or is no dump of MediaWiki is a UserError.
    """
    reading = _Reading(path, namespaces)
    parser: XMLPullParser[Element] = XMLPullParser(("start", "end"))
    try:
        while block := file.read(BLOCK_CHARACTERS):
            reading.heard(len(block))
            parser.feed(block)
            yield from reading.take(parser)
        parser.close()
        yield from reading.take(parser)
    except ParseError as error:
        if "no element found" in str(error) and reading.between_pages:
            say(f"{path} ends without </mediawiki>: it may have been cut behind its last page.")
            return
        cut = not file.read(1) and any(each in str(error) for each in ("no element found", "unclosed token"))
        what = "ends in the middle of a page" if cut else f"is broken ({error})"
        raise UserError(f"The XML of {path} {what}. Get the dump again.") from error


class _Reading:
    """What is known of the page at hand."""

    def __init__(self, path: Path, namespaces: Namespaces) -> None:
        self._path, self._namespaces = path, namespaces
        self._open: list[Element] = []
        self._found: dict[str, str] = {}
        self._redirects = False
        self._characters = 0

    @property
    def between_pages(self) -> bool:
        """Whether all that was begun has ended, except the dump."""
        return [_local(element) for element in self._open] == ["mediawiki"]

    def heard(self, characters: int) -> None:
        self._characters += characters
        if self._characters > MOST_CHARACTERS_PER_PAGE:
            raise UserError(
                f"{self._path} holds a page of more than {MOST_CHARACTERS_PER_PAGE:,} characters, which no wiki has. "
                "Get the dump again."
            )

    def take(self, parser: "XMLPullParser[Element]") -> Iterator[Page]:
        for event, element in cast(Iterator[tuple[str, Element]], parser.read_events()):
            if event == "start":
                self._begin(element)
            elif (page := self._end(element)) is not None:
                yield page

    def _begin(self, element: Element) -> None:
        name = _local(element)
        if not self._open and name != "mediawiki":
            raise UserError(f"{self._path} is no dump of MediaWiki: it begins with <{name[:40]}>. Give pages-articles.")
        self._open.append(element)
        if name == "page":
            self._found, self._redirects = {}, False

    def _end(self, element: Element) -> Page | None:
        self._open.pop()
        name, inside = _local(element), _local(self._open[-1]) if self._open else ""
        page = None
        if name == "namespace":
            self._namespaces.add(element.text or "", int(element.get("key") or 0))
        elif name == "redirect" and inside == "page":
            self._redirects = True
        elif (name in TEXTS and inside in ("page", "revision")) and not (name == "id" and inside == "revision"):
            self._found[name] = element.text or ""
        elif name == "page":
            page = self._page()
        if name in ("page", "revision", "upload", "logitem"):
            self._characters = 0
            if self._open:
                self._open[-1].clear()
        return page

    def _page(self) -> Page:
        found = self._found
        title = " ".join(found.get("title", "").replace("_", " ").split())
        number = found.get("ns", "").strip()
        told = int(number) if number.removeprefix("-").isdecimal() else self._namespaces.split(title)[0]
        wikitext = found.get("text", "")
        return Page(title, found.get("id", ""), told, self._redirects, found.get("model", ""), wikitext)


def _local(element: Element) -> str:
    return element.tag.rpartition("}")[2]
