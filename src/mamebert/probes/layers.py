"""Layers: what a linear classifier can read off each (Conneau et al., 2018; Tenney et al., 2019), with control tasks.

A control task gives every word a label drawn by chance, the same wherever it stands (Hewitt and Liang, 2019). A probe
that learns it has learnt words by heart; selectivity is how much better it does at the real task.
"""

from collections import Counter
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.hidden_states import hidden_states, layer_names
from mamebert.probes.scoring.intervals import SHARE, share_plus_minus
from mamebert.probes.scoring.linear_probe import learn
from mamebert.probes.scoring.treebank_tasks import ORDER, WORD_TASKS, disordered, labelled_words, require_tree
from mamebert.progress import progress, say
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source

MIX = "mixture of all"
TEST_SHARE = 0.3
MAJORITY = "the most frequent label"


class Words(NamedTuple):
    """Vectors of words or of sentences, with what they are called and what is to be told of them."""

    vectors: Tensor
    """float32 [layers + 1, words, width]."""
    forms: list[str]
    labels: list[str]


class Layers(Probe):
    """What can be read off the vectors of a layer: part of speech, depth in the tree, tense, number, word order."""

    about: ClassVar[str] = "What layers know"
    needs: ClassVar = "encoder"
    explained: ClassVar = {
        "mean": "of the accuracies below",
        "*_majority": "what the most frequent label alone would get",
        "*": "accuracy of a linear classifier in the best layer, or in the mixture of all",
    }
    treebank: Reader
    """Sentences to learn from: Universal Dependencies (*.conllu)."""
    test: Reader | None = None
    """Sentences to be judged on; unset, three tenths of the treebank are."""
    sentences: int = Field(default=1000, ge=10)
    """Sentences of each that are read, the first ones."""
    words: int = Field(default=3000, ge=10)
    """Words of each part that have a say in a task, drawn by chance."""

    def look(self) -> None:
        """Raise UserError where the first rows are no sentences of a treebank."""
        for row in [
            *self.treebank.first_rows(ROWS_LOOKED_AT),
            *(self.test.first_rows(ROWS_LOOKED_AT) if self.test else []),
        ]:
            require_tree(row)

    def fingerprint(self) -> list[Source]:
        """Return the treebanks."""
        return [*self.treebank.fingerprint(), *(self.test.fingerprint() if self.test else [])]

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return accuracy and selectivity of every task in every layer and in the mixture of all."""
        train, test = self._parts(asked)
        tables, figures = list[FoundTable](), dict[str, float]()
        for task in progress([*WORD_TASKS, ORDER], "layers", "tasks", total=len(WORD_TASKS) + 1):
            rng = np.random.default_rng([seed, len(tables)])
            make = _ordered if task == ORDER else self._words
            parts = [make(asked, some, task, rng) for some in (train, test)]
            if min(len(set(part.labels)) for part in parts) < 2:
                say(f"{task} has one label in these sentences, or none, so nothing is asked about it.")
                continue
            rows = _read_off(parts[0], parts[1], seed, has_control=task != ORDER)
            drawn = ["accuracy", "control"] if task != ORDER else ["accuracy"]
            chance = Counter(parts[1].labels).most_common(1)[0][1] / len(parts[1].labels)
            level = round(chance, 6)
            plot = FoundPlot(
                kind="curves",
                x="layer",
                y=drawn,
                y_title="accuracy",
                level=level,
                level_name=MAJORITY,
                bounds=SHARE,
            )
            title = task.replace("_", " ").capitalize()
            tables.append(FoundTable(title=title, rows=rows, plot=plot))
            figures[task] = max(row.figures["accuracy"] for row in rows)
            figures[f"{task}_majority"] = round(chance, 6)
        if not figures:
            raise UserError("Every task has one label in these sentences. Give a treebank with more of them.")
        real = [value for name, value in figures.items() if not name.endswith("_majority")]
        return Findings({"mean": round(float(np.mean(real)), 6), **figures}, tables)

    def _parts(self, asked: Asked) -> tuple[list[Row], list[Row]]:
        """Return sentences to learn from and to be judged on, those alone that the encoder reads whole."""
        rows = _first(self.treebank, self.sentences)
        cut = len(rows) if self.test else round(len(rows) * (1 - TEST_SHARE))
        parts = rows[:cut], _first(self.test, self.sentences) if self.test else rows[cut:]
        fitting = [[row for row in part if _fits(row, asked)] for part in parts]
        if not all(fitting):
            raise UserError("There are no sentences to learn from, or none to be judged on. Give more of them.")
        return fitting[0], fitting[1]

    def _words(self, asked: Asked, rows: list[Row], task: str, rng: np.random.Generator) -> Words:
        chosen = labelled_words(rows, task, self.words, rng)
        pieces = asked.tokenizer.encode_words([row["words"] for row in rows])
        wanted: dict[int, list[int]] = {}
        for place, each in enumerate(chosen):
            wanted.setdefault(each.sentence, []).append(place)
        numbers = list(wanted)
        vectors: list[Tensor] = [torch.zeros(0)] * len(chosen)
        for at, layers in hidden_states(asked, [np.concatenate(pieces[n]).astype(np.int64) for n in numbers]):
            lengths = [len(word) for word in pieces[numbers[at]]]
            parts = layers.split(lengths, dim=1)
            for place in wanted[numbers[at]]:
                vectors[place] = parts[chosen[place].word or 0].mean(1)
        forms = [str(rows[each.sentence]["words"][each.word or 0]) for each in chosen]
        stacked = torch.stack(vectors, 1) if vectors else torch.zeros(1, 0, 1)
        return Words(stacked, forms, [each.label for each in chosen])


def _ordered(asked: Asked, rows: list[Row], task: str, rng: np.random.Generator) -> Words:
    told = list(disordered(rows, rng))
    pieces = asked.tokenizer.encode_words([words for words, _ in told])
    vectors: list[Tensor] = [torch.zeros(0)] * len(told)
    for at, layers in hidden_states(asked, [np.concatenate(each).astype(np.int64) for each in pieces]):
        vectors[at] = layers.mean(1)
    stacked = torch.stack(vectors, 1) if vectors else torch.zeros(1, 0, 1)
    return Words(stacked, [" ".join(words) for words, _ in told], [label for _, label in told])


def _read_off(train: Words, test: Words, seed: int, has_control: bool) -> list[FoundRow]:
    labels = sorted(set(train.labels))
    known = [place for place, label in enumerate(test.labels) if label in labels]
    gold = torch.tensor([labels.index(test.labels[place]) for place in known])
    numbers = torch.tensor([labels.index(label) for label in train.labels])
    drawn = _control(train, test, labels, seed)
    layers = [*(slice(n, n + 1) for n in range(len(train.vectors))), slice(None)]
    rows = []
    for number, (layer, name) in enumerate(zip(layers, [*layer_names(len(train.vectors)), MIX], strict=True)):
        parts = train.vectors[layer], test.vectors[layer][:, known]
        found = learn(parts[0], numbers, parts[1], gold, len(labels), seed)
        accuracy = float(found.right.float().mean()) * len(known) / len(test.labels)
        figures = {"accuracy": accuracy, "plus_minus": share_plus_minus(accuracy, len(test.labels))}
        if has_control:
            right = learn(parts[0], drawn[0], test.vectors[layer], drawn[1], len(labels), seed).right
            figures |= {"control": float(right.float().mean()), "selectivity": accuracy - float(right.float().mean())}
        if name == MIX:
            figures |= {f"weight_{n}": float(weight) for n, weight in enumerate(found.weights)}
        at = {"layer": float(number)} if name != MIX else {}  # which is no layer, and not drawn among them
        told = {**at, **{name: round(value, 6) for name, value in figures.items()}}
        rows.append(FoundRow(name=name, figures=told))
    return rows


def _control(train: Words, test: Words, labels: list[str], seed: int) -> tuple[Tensor, Tensor]:
    """Return labels drawn for every form, as often as the real ones come."""
    counts = Counter(train.labels)
    shares = np.array([counts[label] for label in labels], float) / len(train.labels)
    forms = dict.fromkeys([*train.forms, *test.forms])
    drawn = np.random.default_rng([seed, 1]).choice(len(labels), len(forms), p=shares)
    of = dict(zip(forms, drawn.tolist(), strict=True))
    return torch.tensor([of[form] for form in train.forms]), torch.tensor([of[form] for form in test.forms])


def _first(reader: Reader, most: int) -> list[Row]:
    found = []
    for row in reader.rows():
        require_tree(row)
        found.append(row)
        if len(found) == most:
            break
    return found


def _fits(row: Row, asked: Asked) -> bool:
    (pieces,) = asked.tokenizer.encode_words([row["words"]])
    return bool(pieces) and sum(map(len, pieces)) <= asked.room
