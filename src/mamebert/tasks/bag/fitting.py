"""The convex fit: one linear SVM over sparse columns and document vectors, chosen and calibrated on validation rows."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, Self

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax

from mamebert.progress import Meter, say
from mamebert.tasks.bag.columns import Columns
from mamebert.tasks.bag.document_vectors import DocumentVectors
from mamebert.tasks.bag.grams import LONGEST, Ids
from mamebert.tasks.bag.network import BagNetwork, Floats, pieces_of
from mamebert.tasks.data.encoded import Part
from mamebert.tasks.data.features import IGNORE_INDEX

Judge = Callable[[npt.NDArray[np.int64]], float]
"""How good the numbers of labels are, one for each validation row: higher is better."""

STRENGTHS = (1.0, 5.0, 25.0)
"""C of the SVM, from a smooth to a close fit."""
SHARES = (0.25, 0.5, 1.0, 2.0)
"""Lengths of a document vector beside the sparse columns, whose length is 1."""
MIXES = (0.25, 0.5, 0.75)
"""How much of a classifier that reads document vectors too stands beside one of the sparse columns alone; or all."""
MOST_ROWS_TO_CHOOSE = 10_000
"""Of more training rows, so many decide what is chosen; the last fit reads all."""
_NEVER = -1.0
"""The margin of a label without training rows: what the SVM of such a label says of every text."""


class Chosen(NamedTuple):
    """What the validation rows decided."""

    longest: int
    """Pieces that stand side by side in a column, at most."""
    share: float
    """How long a document vector is beside the sparse columns; 0 leaves it out."""
    C: float
    """How closely the SVM fits its rows."""
    temperature: float = 1.0
    """What margins are divided by, so that their softmax is calibrated (Guo et al., 2017)."""
    mix: float = 1.0
    """What these margins count; those of an SVM on the sparse columns alone count the rest."""
    sparse_C: float = 0.0
    """C of that SVM, where there is one."""


class Rows(NamedTuple):
    """Rows to learn from or to judge by."""

    texts: list[Ids]
    """The pieces of each."""
    targets: npt.NDArray[np.int64]
    """The number of each one's label; IGNORE_INDEX where no output stands for it, or nobody told."""
    weights: npt.NDArray[np.float64]
    """How much each counts."""

    @classmethod
    def of(cls, part: Part) -> Self:
        """Take what is needed of encoded rows."""
        found = part.features
        targets = np.array([IGNORE_INDEX if each.target is None else int(each.target[0]) for each in found])
        return cls([pieces_of(each) for each in found], targets, np.array([each.weight for each in found]))

    def and_known(self, others: Self) -> Self:
        """Return these rows and, behind them, those of others for whose label there is an output."""
        known = np.flatnonzero(others.targets != IGNORE_INDEX)
        return type(self)(
            [*self.texts, *(others.texts[i] for i in known)],
            np.concatenate([self.targets, others.targets[known]]),
            np.concatenate([self.weights, others.weights[known]]),
        )

    def drawn(self, most: int, seed: int) -> Self:
        """Return so many of the rows, drawn by the seed; all where there are no more."""
        if len(self.texts) <= most:
            return self
        kept = np.sort(np.random.default_rng(seed).permutation(len(self.texts))[:most])
        return type(self)([self.texts[i] for i in kept], self.targets[kept], self.weights[kept])


def fit_bag(
    documents: DocumentVectors, train: Rows, valid: Rows, num_labels: int, judge: Judge, seed: int, title: str
) -> tuple[BagNetwork, Chosen]:
    """Return a network fitted to the training rows, and what the validation rows decided.

    Columns are chosen first: pieces alone, or sequences too. Then comes the share of the document vectors. Each is
    tried with every C. What reads document vectors is also mixed with the best that does not: the margins of two
    linear models, added up, are those of a third. The calibrated log loss decides, which differs less by chance than
    `judge` where rows are few; among equals that does. Equal rows and seeds give equal networks.
    """
    some = train.drawn(MOST_ROWS_TO_CHOOSE, seed)
    fits: list[_Fit] = []
    with Meter(title, len(STRENGTHS) * (2 + len(SHARES)), "fits") as meter:
        for longest in (1, LONGEST):
            bench = _Bench(Columns.learn(some.texts, longest, documents), some, valid, num_labels, seed)
            fits += bench.fits((0.0,), judge, meter)
        alone = max(fits, key=_Fit.how_good)
        for fit in alone.bench.fits(SHARES, judge, meter):
            fits += [fit, *(fit.mixed(alone, mix, judge) for mix in MIXES)]
    best = max(fits, key=_Fit.how_good)
    if some is not train:
        say(f"{title}: the last fit reads all {len(train.texts):,} rows")
        columns = Columns.learn(train.texts, best.chosen.longest, documents)
        best = _Bench(columns, train, valid, num_labels, seed).fit(best.chosen, judge)
    return best.network(), best.chosen


def fit_again(documents: DocumentVectors, rows: Rows, chosen: Chosen, num_labels: int, seed: int) -> BagNetwork:
    """Return a network with what was chosen before, temperature and all, fitted to other rows."""
    columns = Columns.learn(rows.texts, chosen.longest, documents)
    table, learn = columns.table(rows.texts), _Learning(rows, num_labels, seed)
    linear = learn(table.beside(chosen.share), chosen.C)
    if chosen.mix < 1:
        linear = linear.mixed(learn(table.sparse, chosen.sparse_C), chosen.mix)
    return linear.network(columns, chosen)


class _Linear(NamedTuple):
    """A linear model: what it gives for a row of columns are margins."""

    weight: Floats
    """[columns, labels]; where the columns of document vectors are missing, it does not read them."""
    bias: Floats
    """[labels]."""

    def mixed(self, alone: Self, mix: float) -> Self:
        """Return the model whose margins are `mix` times its own and for the rest those of one of fewer columns."""
        weight = self.weight * np.float32(mix)
        weight[: len(alone.weight)] += alone.weight * np.float32(1 - mix)
        return type(self)(weight, self.bias * np.float32(mix) + alone.bias * np.float32(1 - mix))

    def network(self, columns: Columns, chosen: Chosen) -> BagNetwork:
        hot = np.float32(chosen.temperature)
        return columns.network(self.weight / hot, self.bias / hot, chosen.share)


class _Fit(NamedTuple):
    """One linear model and how good it is."""

    bench: "_Bench"
    chosen: Chosen
    linear: _Linear
    margins: Floats
    """[validation rows, labels]."""
    score: float
    loss: float

    def how_good(self) -> tuple[float, float]:
        return -self.loss, self.score

    def mixed(self, alone: Self, mix: float, judge: Judge) -> Self:
        """Return what this fit comes to beside one that reads no document vectors."""
        margins = self.margins * np.float32(mix) + alone.margins * np.float32(1 - mix)
        chosen = self.chosen._replace(mix=mix, sparse_C=alone.chosen.C)
        return type(self).of(self.bench, chosen, self.linear.mixed(alone.linear, mix), margins, judge)

    def network(self) -> BagNetwork:
        return self.linear.network(self.bench.columns, self.chosen)

    @classmethod
    def of(cls, bench: "_Bench", chosen: Chosen, linear: _Linear, margins: Floats, judge: Judge) -> Self:
        """Judge a model by its margins; the temperature is found here."""
        temperature, loss = calibrated(margins, bench.targets)
        score = judge(margins.argmax(1))
        return cls(bench, chosen._replace(temperature=temperature), linear, margins, score, loss)


class _Bench:
    """One choice of columns, with the rows in them."""

    def __init__(self, columns: Columns, train: Rows, valid: Rows, num_labels: int, seed: int) -> None:
        self.columns, self.targets = columns, valid.targets
        self.learn = _Learning(train, num_labels, seed)
        self.train, self.valid = columns.table(train.texts), columns.table(valid.texts)

    def fits(self, shares: tuple[float, ...], judge: Judge, meter: Meter) -> Iterator[_Fit]:
        """Yield the fit of each share with each C."""
        for share in shares:
            tables = self.train.beside(share), self.valid.beside(share)
            for strength in STRENGTHS:
                yield self._fitted(*tables, Chosen(self.columns.grams.longest, share, strength), judge)
                meter.advance()

    def fit(self, chosen: Chosen, judge: Judge) -> _Fit:
        """Fit with what was chosen."""
        only = chosen._replace(mix=1.0, sparse_C=0.0)
        fit = self._fitted(self.train.beside(chosen.share), self.valid.beside(chosen.share), only, judge)
        if chosen.mix == 1:
            return fit
        alone = only._replace(share=0.0, C=chosen.sparse_C)
        return fit.mixed(self._fitted(self.train.sparse, self.valid.sparse, alone, judge), chosen.mix, judge)

    def _fitted(self, train: Any, valid: Any, chosen: Chosen, judge: Judge) -> _Fit:
        linear = self.learn(train, chosen.C)
        return _Fit.of(self, chosen, linear, valid @ linear.weight + linear.bias, judge)


class _Learning(NamedTuple):
    """Rows to learn from, whatever the columns."""

    rows: Rows
    num_labels: int
    seed: int

    def __call__(self, table: Any, strength: float) -> _Linear:
        """Return one SVM for each label against the rest."""
        from sklearn.svm import LinearSVC

        model = LinearSVC(C=strength, random_state=self.seed % 2**32)
        model.fit(table, self.rows.targets, self.rows.weights)
        found, biases = model.coef_.T, model.intercept_
        if len(model.classes_) == 2:  # of two classes only the second has a column
            found, biases = np.hstack([-found, found]), np.concatenate([-biases, biases])
        weight = np.zeros((table.shape[1], self.num_labels), np.float32)
        bias = np.full(self.num_labels, _NEVER, np.float32)
        weight[:, model.classes_], bias[model.classes_] = found, biases
        return _Linear(weight, bias)


def calibrated(margins: npt.NDArray[np.floating[Any]], targets: npt.NDArray[np.int64]) -> tuple[float, float]:
    """Return the temperature with which the softmax of margins has the smallest log loss, and that loss in nats.

    Rows whose label no output stands for do not count; where there are no others, the temperature is 1.
    """
    known = targets != IGNORE_INDEX
    if not known.any():
        return 1.0, 0.0
    rows, wanted = margins[known].astype(np.float64), targets[known, None]

    def loss(log_temperature: float) -> float:
        shares = log_softmax(rows / np.exp(log_temperature), axis=1)
        return -float(np.take_along_axis(shares, wanted, 1).mean())

    found = minimize_scalar(loss, bounds=(-5.0, 5.0), method="bounded")
    return float(np.exp(found.x)), float(found.fun)
