"""The Livedoor news corpus: 7,367 articles in nine categories, packed or unpacked.

Papers that count 7,376 have read the LICENSE.txt of each category as an article.
"""

import hashlib
import tarfile
from collections.abc import Callable, Iterator
from lzma import LZMAError
from pathlib import Path, PurePosixPath
from typing import Annotated
from zlib import error as ZlibError

from pydantic import AfterValidator

from mamebert.corpus.readers import Reader, Row, ignore_progress
from mamebert.errors import UserError
from mamebert.files.names import path_of
from mamebert.runs import Source

NOT_ARTICLES = {"LICENSE.txt", "README.txt", "CHANGES.txt"}
# The longest article has 37 kB and all of them 29 MB; more than this is not the corpus but a trap.
MAX_ARTICLE_BYTES = 4_000_000
MAX_CORPUS_BYTES = 400_000_000
HEADER_LINES = 3


class Livedoor(Reader):
    """News articles with `category`, `title`, `body`, `url`, `date`, `file`, and `text` (title and body)."""

    path: Annotated[Path, AfterValidator(path_of)]
    """The archive (`.tar`, `.tar.gz`, `.tar.xz` ...), or the folder it was unpacked to."""

    def rows(self, told: Callable[[int], None] = ignore_progress) -> Iterator[Row]:
        """Yield the articles by category, then by file name."""
        for file, content in self._articles():
            yield self._article(file, content)

    def fingerprint(self) -> list[Source]:
        """Return one source, the same for the archive and the unpacked folder."""
        total = hashlib.sha256()
        for file, content in self._articles():
            total.update(file.encode() + b"\0" + hashlib.sha256(content).digest())
        return [Source("livedoor", total.hexdigest())]

    def _articles(self) -> list[tuple[str, bytes]]:
        if self.path.is_dir():
            found = self._from_folder()
        elif self.path.is_file():
            found = self._from_archive()
        else:
            raise UserError(
                f"There is no Livedoor corpus at {self.path}. Give its archive (ldcc-*.tar.gz) or the unpacked folder."
            )
        if not found:
            raise UserError(
                f"{self.path} holds no Livedoor article (CATEGORY/*.txt). "
                "Give the archive ldcc-*.tar.gz or the unpacked folder."
            )
        return sorted(found)

    def _from_folder(self) -> list[tuple[str, bytes]]:
        root = self.path / "text" if (self.path / "text").is_dir() else self.path
        return [
            (f"{p.parent.name}/{p.name}", p.read_bytes()) for p in root.glob("*/*.txt") if p.name not in NOT_ARTICLES
        ]

    def _from_archive(self) -> list[tuple[str, bytes]]:
        found, total = [], 0
        try:
            # Members are read one after the other and never unpacked: an archive cannot write anywhere.
            with tarfile.open(self.path, "r|*") as archive:
                for member in archive:
                    place = PurePosixPath(member.name)
                    if (
                        not member.isfile()
                        or place.suffix != ".txt"
                        or place.name in NOT_ARTICLES
                        or len(place.parts) < 2
                    ):
                        continue
                    total += member.size
                    if member.size > MAX_ARTICLE_BYTES or total > MAX_CORPUS_BYTES:
                        raise UserError(
                            f"{self.path} holds more than the Livedoor corpus can ({member.name}). "
                            "Get the archive again."
                        )
                    content = archive.extractfile(member)
                    assert content is not None  # it is a file
                    found.append((f"{place.parent.name}/{place.name}", content.read()))
        except (tarfile.TarError, EOFError, OSError, LZMAError, ZlibError) as error:
            raise UserError(f"{self.path} cannot be read as a tar archive ({error}). Get it again.") from error
        return found

    def _article(self, file: str, content: bytes) -> Row:
        try:
            lines = content.decode("utf-8").replace("\r\n", "\n").split("\n", HEADER_LINES)
        except UnicodeDecodeError as error:
            raise UserError(
                f"{file} in {self.path} is not UTF-8 at byte {error.start}. Get the corpus again."
            ) from error
        if len(lines) < HEADER_LINES:
            raise UserError(
                f"{file} in {self.path} has no URL, date and title lines. Give the original Livedoor corpus."
            )
        url, date, title, body = (
            *(line.strip() for line in lines[:HEADER_LINES]),
            "".join(lines[HEADER_LINES:]).strip(),
        )
        text = f"{title}\n{body}"
        return {
            "category": file.partition("/")[0],
            "title": title,
            "body": body,
            "text": text,
            "url": url,
            "date": date,
            "file": file,
        }
