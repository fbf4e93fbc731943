"""Views: texts as an encoder has them: where tokens look, a plane of texts, the nearest texts and words.

For looking at: what a page shows of some texts proves nothing of others.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.attention_maps import attention_to_itself
from mamebert.probes.scoring.hidden_states import hidden_states, layer_names
from mamebert.probes.scoring.ngrams import text_of
from mamebert.probes.scoring.plane import cosines_of_all, lie_of_texts, principal_plane, same_by_chance
from mamebert.results.probe import FoundExample, FoundMap, FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source
from mamebert.tokenizer.pieces import Located

LEAST = 3
"""Texts: two of them differ in one direction, and a plane has two."""
MOST_WORDS = 12
"""Words that are asked about where none is named."""
AROUND = 24
"""Characters told on each side of a word."""


class Text(NamedTuple):
    """A text, as much of it as is read."""

    text: str
    label: str
    pieces: Located


class Word(NamedTuple):
    """A word where it stands."""

    text: int
    start: int
    end: int
    """Its pieces, within those of the text."""


class Views(Probe):
    """Texts as an encoder has them: attention maps, the plane in which they differ most, nearest texts and words."""

    about: ClassVar[str] = "Views"
    needs: ClassVar = "encoder"
    explained: ClassVar = {
        "nearest_has_its_label": "how often the nearest text has the same label",
        "by_chance": "how often any other text has it",
        "in_two_directions": "share of the variance of the texts' vectors that the drawing has",
        "mean_cosine": "of any two texts: near 1, all of them point one way",
        "layer": "whose vectors are looked at; 0 is the embeddings",
        "texts": "read",
    }
    texts: list[str] = Field(default=[])
    """Texts to look at."""
    source: Reader | None = None
    """More of them."""
    label_column: str = ""
    """Column of `source` with what a text belongs to: dots have its colour, and nearest texts are held against it."""
    sample: int = Field(default=100, ge=LEAST)
    """Texts of `source` that are read, the first ones."""
    length: int = Field(default=64, ge=1)
    """Pieces of a text that are read, at most."""
    layer: int = -1
    """Layer whose vectors are looked at: 0 is the embeddings, -1 the last one."""
    words: list[str] = Field(default=[])
    """Words whose nearest ones in other places are told, each where it first stands; unset, those of the first text."""
    nearest: int = Field(default=3, ge=1)
    """Nearest texts and words that are told."""
    maps: int = Field(default=1, ge=0)
    """Texts whose attention is drawn, the first ones; 0 draws none."""
    map_length: int = Field(default=24, ge=1, le=62)
    """Pieces of a text whose attention is drawn, at most: the rest of it is not read then."""

    def look(self) -> None:
        """Raise UserError where there is no text, or a row lacks one or its label."""
        for row in self.source.first_rows(ROWS_LOOKED_AT) if self.source else []:
            text_of(row)
            self._label(row)
        if not self.source and len(self.texts) < LEAST:
            raise UserError(
                f"There are {len(self.texts)} texts, and a plane needs at least {LEAST}. Give more in texts, or a "
                "source."
            )

    def fingerprint(self) -> list[Source]:
        """Return the file of the texts."""
        return self.source.fingerprint() if self.source else []

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return maps, places in a plane, and what lies nearest; nothing is drawn by chance."""
        texts = self._texts(asked)
        layers = self._read(asked, texts)
        names = layer_names(len(layers.texts))
        chosen = self._chosen(names)
        labels = [each.label for each in texts] if self.label_column else []
        rows = [{"layer": number, **lie_of_texts(layers.texts[number], labels)} for number in range(len(names))]
        told = [FoundRow(name=name, figures=figures) for name, figures in zip(names, rows, strict=True)]
        figures = {name: value for name, value in rows[chosen].items() if name != "layer"}
        drawn = ["nearest_has_its_label"] if labels else ["mean_cosine", "in_two_directions"]
        plot = FoundPlot(
            kind="curves",
            x="layer",
            y=drawn,
            y_title="nearest text has the same label" if labels else "share, and cosine",
            level=round(same_by_chance(labels), 6) if labels else None,
        )
        tables = [_plane(texts, layers.texts[chosen], names[chosen]), FoundTable(title="Layers", rows=told, plot=plot)]
        examples = [
            *self._nearest_texts(texts, layers.texts[chosen], names[chosen]),
            *self._nearest_words(texts, layers.words[chosen], layers.places, names[chosen]),
        ]
        return Findings({**figures, "layer": chosen, "texts": len(texts)}, tables, examples, self._maps(asked, texts))

    def _texts(self, asked: Asked) -> list[Text]:
        found = [(text, "") for text in self.texts]
        for row in self.source.rows() if self.source else ():
            if len(found) >= len(self.texts) + self.sample:
                break
            found.append((text_of(row), self._label(row)))
        most = min(self.length, asked.room)
        located = asked.tokenizer.encode_with_offsets([text for text, _ in found])
        cut = [_cut(each, most) for each in located]
        texts = [
            Text(text, label, pieces)
            for (text, label), pieces in zip(found, cut, strict=True)
            if (pieces.ids != asked.tokenizer.unk_id).any()
        ]
        if len(texts) < LEAST:
            raise UserError(
                f"There are {len(texts)} texts that the encoder knows a piece of, and a plane needs at least {LEAST}. "
                "Give more in texts, or a source."
            )
        return texts

    def _label(self, row: Row) -> str:
        if not self.label_column:
            return ""
        if (label := row.get(self.label_column)) is None:
            raise UserError(
                f"A row has no {self.label_column!r}; its columns are {', '.join(map(repr, row))}. "
                "Name the right one as label_column."
            )
        return str(label)

    def _chosen(self, names: Sequence[str]) -> int:
        if not -len(names) <= self.layer < len(names):
            raise UserError(
                f"There is no layer {self.layer}: this encoder has {len(names) - 1}, and 0 is its embeddings. "
                f"Choose from 0 to {len(names) - 1}, or -1 for the last."
            )
        return range(len(names))[self.layer]

    def _read(self, asked: Asked, texts: Sequence[Text]) -> "Layered":
        places = [word for number, text in enumerate(texts) for word in _words(number, text)]
        first = np.searchsorted([word.text for word in places], range(len(texts) + 1))
        of_texts: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(texts)
        of_words: list[npt.NDArray[np.float32]] = [np.zeros(0, np.float32)] * len(places)
        for number, layers in hidden_states(asked, [each.pieces.ids.astype(np.int64) for each in texts]):
            of_texts[number] = layers.mean(1).numpy()
            for place in range(first[number], first[number + 1]):
                of_words[place] = layers[:, places[place].start : places[place].end].mean(1).numpy()
        empty = np.zeros((len(of_texts[0]), 0, 1), np.float32)
        return Layered(np.stack(of_texts, 1), np.stack(of_words, 1) if of_words else empty, places)

    def _nearest_texts(self, texts: Sequence[Text], vectors: npt.NDArray[np.float32], name: str) -> list[FoundExample]:
        cosines = cosines_of_all(vectors)
        return [
            FoundExample(
                prompt=_with_label(text),
                answers=[(_with_label(texts[n]), value) for n, value in _best(cosines[number], self.nearest)],
                about=f"Nearest texts, {name}",
                unit="cosine",
            )
            for number, text in enumerate(texts)
        ]

    def _nearest_words(
        self, texts: Sequence[Text], vectors: npt.NDArray[np.float32], places: Sequence[Word], name: str
    ) -> list[FoundExample]:
        asked = self._asked_words(texts, places)
        if len(places) < 2:
            return []
        cosines = cosines_of_all(vectors)
        return [
            FoundExample(
                prompt=_where(texts, places[number]),
                answers=[(_where(texts, places[n]), value) for n, value in _best(cosines[number], self.nearest)],
                about=f"Nearest words where they stand, {name}",
                unit="cosine",
            )
            for number in asked
        ]

    def _asked_words(self, texts: Sequence[Text], places: Sequence[Word]) -> list[int]:
        if not self.words:
            return [number for number, word in enumerate(places) if word.text == 0][:MOST_WORDS]
        first: dict[str, int] = {}
        for number, word in enumerate(places):
            first.setdefault(_spelt(texts, word).lower(), number)
        if lacking := [word for word in self.words if word.lower() not in first]:
            raise UserError(
                f"No text has the word {lacking[0]!r}, as this encoder's tokenizer cuts words. Give a text with it, or "
                "leave it out of words."
            )
        return [first[word.lower()] for word in self.words]

    def _maps(self, asked: Asked, texts: Sequence[Text]) -> list[FoundMap]:
        tokenizer, found = asked.tokenizer, list[FoundMap]()
        for text in texts[: self.maps]:
            pieces = text.pieces.ids[: self.map_length].astype(np.int64)
            ids = np.concatenate([[tokenizer.cls_id], pieces, [tokenizer.sep_id]])
            layers = attention_to_itself(asked.network.bert, ids)
            if not sum(map(len, layers)):
                raise UserError("This encoder has no head of attention, and maps draws them. Set maps=0.")
            attention = [layer.numpy().round(3).tolist() for layer in layers]
            found.append(FoundMap(tokens=[tokenizer.spelt(int(number)) for number in ids], attention=attention))
        return found


class Layered(NamedTuple):
    """Mean vectors in every layer, and which words there are."""

    texts: npt.NDArray[np.float32]
    """[layers + 1, texts, width]."""
    words: npt.NDArray[np.float32]
    """[layers + 1, words, width]."""
    places: list[Word]


def _cut(each: Located, most: int) -> Located:
    return Located(each.ids[:most], each.word_starts[:most], each.starts[:most], each.ends[:most])


def _words(number: int, text: Text) -> list[Word]:
    """Return the words of a text; what has neither letter nor digit is none."""
    starts = [0, *np.flatnonzero(text.pieces.word_starts[1:] > 0) + 1]
    ends = [*starts[1:], len(text.pieces.ids)]
    found = [Word(number, int(start), int(end)) for start, end in zip(starts, ends, strict=True)]
    return [word for word in found if any(map(str.isalnum, _slice(text, word)))]


def _slice(text: Text, word: Word) -> str:
    return text.text[text.pieces.starts[word.start] : text.pieces.ends[word.end - 1]]


def _spelt(texts: Sequence[Text], word: Word) -> str:
    return _slice(texts[word.text], word)


def _where(texts: Sequence[Text], word: Word) -> str:
    """Return a word between what stands around it: "…the old »boat« holds the…"."""
    text = texts[word.text]
    start, end = text.pieces.starts[word.start], text.pieces.ends[word.end - 1]
    before, after = text.text[:start], text.text[end:]
    left = f"…{before[-AROUND:]}" if len(before) > AROUND else before
    right = f"{after[:AROUND]}…" if len(after) > AROUND else after
    return " ".join(f"{left}»{text.text[start:end]}«{right}".split())


def _with_label(text: Text) -> str:
    return f"{text.text} [{text.label}]" if text.label else text.text


def _best(cosines: npt.NDArray[np.float64], most: int) -> list[tuple[int, float]]:
    order = np.argsort(-cosines, kind="stable")[: min(most, len(cosines) - 1)]
    return [(int(number), round(float(cosines[number]), 4)) for number in order]


def _plane(texts: Sequence[Text], vectors: npt.NDArray[np.float32], name: str) -> FoundTable:
    plane = principal_plane(vectors)
    assert plane is not None
    rows = [
        FoundRow(name=each.text, figures={"first": round(float(x), 6), "second": round(float(y), 6)}, label=each.label)
        for each, (x, y) in zip(texts, plane.places, strict=True)
    ]
    first, second = (f"{share:.0%} of the variance" for share in plane.shares)
    plot = FoundPlot(
        kind="points", x="first", y=["second"], x_title=f"first direction, {first}", y_title=f"second, {second}"
    )
    return FoundTable(title=f"Plane of texts, {name}", rows=rows, plot=plot)
