"""Agreement of pieces with words that people have marked: whether the borders of words lie between pieces."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from mamebert.errors import UserError, unknown
from mamebert.tokenizer.encoding import Tokenizer

COLUMNS = ("morphemes", "words")
"""Columns of a row that tell its words, the finest first; `morphemes` is a list for each of `words`."""
MOST_SENTENCES = 5_000


class Boundaries(NamedTuple):
    """Borders within runs of characters without white space, where nothing shows them."""

    gold: int
    """Borders of marked words."""
    pieces: int
    """Borders of pieces."""
    both: int
    sentences: int
    left_out: int
    """Sentences whose words do not spell their text, as where one written word is two."""

    @property
    def recall(self) -> float:
        """Share of the marked borders that lie between pieces; below 1, pieces cross borders."""
        return round(self.both / max(self.gold, 1), 4)

    @property
    def precision(self) -> float:
        """Share of the borders of pieces that are marked; it falls with every word that is cut."""
        return round(self.both / max(self.pieces, 1), 4)

    @property
    def f1(self) -> float:
        """Harmonic mean of the two."""
        return round(2 * self.both / max(self.gold + self.pieces, 1), 4)


def agreement(tokenizer: Tokenizer, rows: Iterable[Mapping[str, Any]]) -> Boundaries:
    """Compare the pieces of up to 5,000 sentences with their marked words; rows without words are a UserError."""
    texts, borders, left_out = [], [], 0
    for row in islice(rows, MOST_SENTENCES):
        found = marked(row)
        if found is None:
            left_out += 1
            continue
        texts.append(found[0])
        borders.append(found[1])
    gold = pieces = both = 0
    for text, wanted, cut in zip(texts, borders, tokenizer.encode_with_offsets(texts), strict=True):
        given = {int(start) for start in cut.starts[1:]} & set(_hidden(text))
        gold, pieces, both = gold + len(wanted), pieces + len(given), both + len(wanted & given)
    return Boundaries(gold, pieces, both, len(texts), left_out)


def marked(row: Mapping[str, Any]) -> tuple[str, set[int]] | None:
    """Return the text of a row and the places where words border in it, or None where its words do not spell it."""
    column = next((name for name in COLUMNS if isinstance(row.get(name), list)), None)
    if column is None:
        raise UserError(
            f"{unknown('column', 'words', map(str, row))} Give rows with words in a list: a treebank (.conllu), say."
        )
    words = [part for each in row[column] for part in (each if isinstance(each, list) else [each])]
    text = str(row.get("text") or "".join(words))
    starts, place = [], 0
    for word in words:
        start = text.find(word, place)
        if start < 0 or text[place:start].strip():
            return None
        starts.append(start)
        place = start + len(word)
    return text, set(starts) & set(_hidden(text))


def _hidden(text: str) -> Iterator[int]:
    """Yield the places between two characters that are no white space."""
    return (n for n in range(1, len(text)) if not (text[n].isspace() or text[n - 1].isspace()))
