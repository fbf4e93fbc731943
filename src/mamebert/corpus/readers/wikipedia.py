"""Articles from a dump of Wikipedia or any other MediaWiki."""

import re
from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field

from mamebert.corpus.formats.from_files import FromFiles
from mamebert.corpus.formats.opening import Hear, content_suffix, open_text
from mamebert.corpus.formats.text_lines import tidy
from mamebert.corpus.parallel import ordered_map
from mamebert.corpus.readers import Row
from mamebert.corpus.wiki.blocks import folded_name
from mamebert.corpus.wiki.dump import Namespaces, Page, pages
from mamebert.corpus.wiki.plain_text import Rules, plain_text
from mamebert.corpus.wiki.templates import SHOWN
from mamebert.errors import UserError
from mamebert.extras import require_extra

CHARACTERS_PER_TASK = 1_000_000
# Dumps before 2010 tell of a redirect in the text alone: #REDIRECT, #転送, #WEITERLEITUNG ...
REDIRECT = re.compile(r"\s*#[^\W\d_]+\s*:?\s*\[\[")


class Wikipedia(FromFiles):
    """Articles from a dump in MediaWiki's XML (`pages-articles`), as text without markup; each article is a row.

    Rows have `title`, `text` (a paragraph per line) and `id`. Left out are redirects, pages without text, references,
    tables, galleries, formulas and code, links to files, categories and other languages, and templates except those
    that `templates` names. The dump may be plain, `.bz2`, `.gz`, `.xz` or `.zst`, of any version of the schema and any
    wiki: the names of its namespaces stand in it. It is read as a stream. Needs the extra `wiki`.
    """

    suffixes: ClassVar[tuple[str, ...]] = (".xml",)

    namespaces: list[int] = Field(default=[0], min_length=1)
    """Numbers of the namespaces that are read; 0 holds the articles."""
    section_titles: Literal["drop", "keep"] = "drop"
    """Titles of sections with text in them, as lines of their own, or left out."""
    templates: dict[str, int] = Field(default={})
    """Templates that show one of their arguments in the text, and its number, beside those that are known:
    `{overline = 1}`; 0 hides one. All others are left out."""
    processes: int = Field(default=0, ge=0)
    """Processes that take the markup away; 0 takes one per core. The rows do not depend on it."""

    def read(self, path: Path, hear: Hear) -> Iterator[Row]:
        """Yield the articles of one dump in their order."""
        require_extra("wiki")
        names, met = Namespaces(), 0
        with open_text(path, self.encoding, self.errors) as (file, position):
            batches = _batches(page for page in pages(file, path, names) if self._wanted(page))
            if first := next(batches, None):  # after which the names are known
                rules = Rules(names.known(), self._shown(), self.section_titles == "keep")
                for rows in ordered_map(partial(_rows, rules), chain([first], batches), self.processes):
                    yield from rows
                    met += len(rows)
                    hear(position())
        if not met:
            raise UserError(
                f"{path} holds no article with text in the namespaces {self.namespaces}. Give pages-articles, or other "
                "namespaces."
            )

    def first_rows(self, most: int) -> list[Row]:
        """Return the first articles, found in this process."""
        require_extra("wiki")
        return FromFiles.first_rows(self.model_copy(update={"processes": 1}), most)

    def check(self, path: Path) -> None:
        """Refuse dumps in other formats."""
        if path.suffix.lower() in (".7z", ".sql", ".json"):
            raise UserError(
                f"{path} ends in {path.suffix}, which is not read here. Get pages-articles.xml.bz2 of that wiki."
            )

    def reads(self, path: Path) -> bool:
        """Return whether a file is called like a dump; parts of one end in `.xml-p1p41242.bz2`."""
        return content_suffix(path).startswith(".xml")

    def _shown(self) -> dict[str, int]:
        shown = SHOWN | {folded_name(name): number for name, number in self.templates.items()}
        return {name: number for name, number in shown.items() if number > 0}

    def _wanted(self, page: Page) -> bool:
        return (
            page.namespace in self.namespaces
            and page.model in ("", "wikitext")
            and not page.is_redirect
            and bool(page.wikitext)
            and not REDIRECT.match(page.wikitext)
        )


def _rows(rules: Rules, batch: list[Page]) -> list[Row]:
    made = ((page, plain_text(page.wikitext, rules)) for page in batch)
    return [tidy({"title": page.title, "text": text, "id": page.number}) for page, text in made if text]


def _batches(found: Iterator[Page]) -> Iterator[list[Page]]:
    """Yield the pages in tasks; the first ones are small, so that whoever looks at a few rows does not wait."""
    batch: list[Page] = []
    characters, most = 0, CHARACTERS_PER_TASK // 64
    for page in found:
        batch.append(page)
        characters += len(page.wikitext)
        if characters >= most:
            yield batch
            batch, characters, most = [], 0, min(2 * most, CHARACTERS_PER_TASK)
    if batch:
        yield batch
