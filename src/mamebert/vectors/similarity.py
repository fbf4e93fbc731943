"""Whether a table of word vectors finds those words alike that people find alike."""

from collections.abc import Sequence
from pathlib import Path

from mamebert.errors import UserError
from mamebert.vectors.probes import directions
from mamebert.vectors.table import VectorTable

Pair = tuple[str, str, float]


def similarity(table: VectorTable, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return Spearman's rank correlation between cosines and people's scores, with the number of pairs it rests on.

    Pairs with a word that is no learnt token are left out; `num_pairs` and `num_pairs_known` say how many. With
    fewer than three known pairs there is no `spearman`.
    """
    from scipy.stats import spearmanr

    ids = {token: i for i, token in enumerate(table.tokens) if table.learnt[i]}
    known = [(ids[first], ids[second], score) for first, second, score in pairs if first in ids and second in ids]
    numbers: dict[str, float] = {"num_pairs": len(pairs), "num_pairs_known": len(known)}
    if len(known) >= 3:
        vectors = directions(table)
        cosines = [float(vectors[first] @ vectors[second]) for first, second, _ in known]
        numbers["spearman"] = float(spearmanr(cosines, [score for *_, score in known]).statistic)
    return numbers


def read_pairs(path: Path) -> list[Pair]:
    """Return the rows `word TAB word TAB score` of a file such as WordSim-353; # begins a comment line."""
    if not path.is_file():
        raise UserError(f"There is no file {path}. Give rows of word, word and score, parted by tabs.")
    pairs: list[Pair] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            first, second, score = line.split("\t")
            pairs.append((first, second, float(score)))
        except ValueError as error:
            raise UserError(
                f"{path}, line {number} is not a pair. Give rows of word, word and score, parted by tabs."
            ) from error
    return pairs
