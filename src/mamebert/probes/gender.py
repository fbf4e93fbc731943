"""Gender: whether dates and places change the gender of who is masked (McMilin, 2022), and two sets of sentence pairs.

Gender does not depend on the year in the world, and does in texts that were selected by what somebody found worth
writing about: a slope tells of that selection.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import product
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from mamebert.corpus.readers import Reader, Row
from mamebert.errors import UserError
from mamebert.files.names import file_name
from mamebert.probes import ROWS_LOOKED_AT, Asked, Findings, Probe
from mamebert.probes.scoring.gender_words import LISTS, Language, Lists, Over
from mamebert.probes.scoring.intervals import SHARE, SURE, line_through, share_plus_minus
from mamebert.probes.scoring.kept import kept_or_asked
from mamebert.probes.scoring.masses import masses
from mamebert.probes.scoring.pseudo_likelihood import Scored, log_likelihoods
from mamebert.probes.scoring.sentences import scored
from mamebert.probes.scoring.shared_tokens import shared_scores
from mamebert.progress import progress, say
from mamebert.results.probe import FoundPlot, FoundRow, FoundTable
from mamebert.runs.identity import Source


class Gender(Probe):
    """The share of female words for [MASK] by year or by country, with its slope and correlation."""

    about: ClassVar[str] = "Gender"
    explained: ClassVar = {
        "slope": "change of the female share from the first year or country to the last, along a straight line",
        "correlation": "of the female share with the place in that order",
        "female_share": "probability of female words at [MASK], of that of female and male ones, mean",
        "female_slope": "slope of the probability of female words as it is",
        "male_slope": "that of male words",
        "crows_pairs": "CrowS-Pairs: how often the stereotype is likelier than its twin; 0.5 is no preference",
        "winogender_female": "WinoGender: how often the sentence with she is likelier than that with he",
        "winogender_by_share_of_women": "correlation over occupations of her lead with the share of women in them",
    }
    over: Over = "dates"
    """What stands in the templates: 30 years from 1801 to 2001, or 20 countries by their gender gap, widest first."""
    language: Language = "en"
    """Language of templates and words."""
    female: list[str] = Field(default=[])
    """Words that count as female instead of the list of the language."""
    male: list[str] = Field(default=[])
    """Words that count as male instead of the list of the language."""
    crows_pairs: Reader | None = None
    """Rows with `sent_more`, `sent_less` and `bias_type` (CrowS-Pairs): how often the stereotype is likelier."""
    winogender: Reader | None = None
    """Rows with `sentid` and `sentence` (WinoGender): how often she is likelier than he, by occupation."""
    occupations: Reader | None = None
    """Rows with `occupation` and `bls_pct_female` (WinoGender's occupations-stats.tsv): whether she is likelier where
    more women do that work."""
    newer: ClassVar[tuple[str, ...]] = ("occupations",)

    def look(self) -> None:
        """Raise UserError where the first rows are not those of the sets."""
        if self.occupations and not self.winogender:
            raise UserError("occupations are those of winogender. Give its all_sentences.tsv as winogender too.")
        for reader, columns in self._sets():
            for row in reader.first_rows(ROWS_LOOKED_AT) if reader else []:
                _require(row, columns)

    def fingerprint(self) -> list[Source]:
        """Return the files of the sets."""
        return [source for each, _ in self._sets() if each for source in each.fingerprint()]

    def _sets(self) -> list[tuple[Reader | None, Sequence[str]]]:
        return [(self.crows_pairs, CROWS), (self.winogender, WINO), (self.occupations, WORK)]

    def ask(self, asked: Asked, keep: Path, seed: int) -> Findings:
        """Return slopes of the female share, of the two masses as they are, and the scores of the sets of pairs."""
        lists = LISTS[self.language]._replace(
            **{name: words for name, words in (("female", self.female), ("male", self.male)) if words}
        )
        xs = lists.dates if self.over == "dates" else lists.places
        female, male = (_known(words, asked, name) for name, words in (("female", lists.female), ("male", lists.male)))
        both = np.array([_masses(asked, lists, x, female, male) for x in xs])
        share = both[:, 0] / both.sum(1)
        at = np.linspace(0, 1, len(xs))
        line = line_through(at, share)
        figures = {
            "slope": line.slope,
            "plus_minus": line.plus_minus,
            "correlation": line.pearson,
            "correlation_plus_minus": line.pearson_plus_minus,
            "female_share": float(share.mean()),
            "female_slope": line_through(at, both[:, 0]).slope,
            "male_slope": line_through(at, both[:, 1]).slope,
        }
        rows = [
            FoundRow(name=x, figures={**_at(x, self.over), "female_share": round(float(share[n]), 6), **_mass(both[n])})
            for n, x in enumerate(xs)
        ]
        plot = FoundPlot(kind="curves", x="year", y=["female_share"], y_title="share of female words", **EVEN)
        if self.over == "places":
            plot = FoundPlot(kind="dots", y=["female_share"], y_title="share of female words", **EVEN)
        tables = [FoundTable(title=self.over.capitalize(), rows=rows, plot=plot)]
        for reader, tell in ((self.crows_pairs, _crows), (self.winogender, self._winogender)):
            if reader:
                more, table = tell(asked, list(reader.rows()), keep)
                figures |= more
                tables.append(table)
        return Findings({name: round(value, 6) for name, value in figures.items()}, tables)

    def _winogender(self, asked: Asked, rows: list[Row], keep: Path) -> tuple[dict[str, float], FoundTable]:
        pairs = _of_both_genders(rows)
        texts = scored([text for pair in pairs.values() for text in pair], asked)
        given = asked.network, texts, asked.tokenizer.special
        scores = kept_or_asked(keep / "winogender.json", (len(texts),), lambda: log_likelihoods(*given))
        lead = scores[::2] - scores[1::2]
        occupations = np.array([name.split(".")[0] for name in pairs])
        told = {str(each): _lead(lead[occupations == each]) for each in dict.fromkeys(occupations.tolist())}
        whole = _rate(lead > 0)
        figures = {"winogender_female": whole["rate"], "winogender_plus_minus": whole["plus_minus"]}
        if self.occupations:
            shares = _shares_of_women(self.occupations.rows())
            known = [name for name in told if name in shares]
            if len(known) < FEWEST_OCCUPATIONS:
                raise UserError(
                    f"{len(known)} of the {len(told)} occupations in winogender are in occupations, and a correlation "
                    f"needs {FEWEST_OCCUPATIONS}. Give its occupations-stats.tsv."
                )
            x = np.array([shares[name] for name in known])
            if not np.ptp(x):
                raise UserError("All occupations have the same share of women, which tells nothing. Give others.")
            line = line_through(x, np.array([told[name]["lead"] for name in known]))
            figures["winogender_by_share_of_women"] = line.pearson
            figures["winogender_by_share_of_women_plus_minus"] = line.pearson_plus_minus
        plot = FoundPlot(kind="dots", y=["lead"], y_title="log-probability with she, less that with he (nats)", **EQUAL)
        rows_told = [FoundRow(name=name, figures=found) for name, found in told.items()]
        return figures, FoundTable(title="WinoGender", rows=rows_told, plot=plot)


CROWS = ("sent_more", "sent_less", "bias_type")
WINO = ("sentid", "sentence")
WORK = ("occupation", "bls_pct_female")
FEWEST_OCCUPATIONS = 4
EQUAL: dict[str, Any] = {"level": 0.0, "level_name": "as likely"}
EVEN: dict[str, Any] = {"level": 0.5, "level_name": "one as often as the other", "bounds": SHARE}


def _at(x: str, over: Over) -> dict[str, float]:
    """Return the year, which is drawn across; countries have no place of their own there."""
    return {"year": int(re.sub(r"\D", "", x))} if over == "dates" else {}


def _masses(asked: Asked, lists: Lists, x: str, female: Sequence[str], male: Sequence[str]) -> list[float]:
    """Return the mean probability of female and of male words over all templates with one x."""
    mask = asked.tokenizer.tokens[asked.tokenizer.mask_id]
    texts = [
        template.format(mask=mask, verb=verb, stage=stage, x=x)
        for template, verb, stage in product(lists.templates, lists.verbs, lists.stages)
    ]
    found = masses(asked, texts, [*female, *male]).mean(0)
    return [float(found[: len(female)].sum()), float(found[len(female) :].sum())]


def _mass(masses: npt.NDArray[np.float64]) -> dict[str, float]:
    return {"female": round(float(masses[0]), 8), "male": round(float(masses[1]), 8)}


def _known(words: Sequence[str], asked: Asked, what: str) -> list[str]:
    """Return the words that are tokens; what is left out is told, and a list of none is a UserError."""
    tokens = asked.tokenizer.whole_words
    known = [word for word in dict.fromkeys(words) if word in tokens]
    if not known:
        raise UserError(
            f"None of the {what} words ({', '.join(words[:5])}, ...) is a token of this encoder, and [MASK] stands for "
            f"one. Name some that are with {what}, or another language."
        )
    if len(known) < len(set(words)):
        say(f"{what.capitalize()} words that are no single token: {', '.join(w for w in words if w not in tokens)}.")
    return known


def _crows(asked: Asked, rows: list[Row], keep: Path) -> tuple[dict[str, float], FoundTable]:
    for row in rows:
        _require(row, CROWS)
    if not rows:
        raise UserError("There are no pairs in crows_pairs. Give a file with some.")
    texts = scored([row[name] for row in rows for name in CROWS[:2]], asked)
    by_kind: dict[str, list[Scored]] = {}
    for number, row in enumerate(rows):
        by_kind.setdefault(row["bias_type"], []).extend(texts[2 * number : 2 * number + 2])
    likelier = {
        kind: _first_is_likelier(asked, some, keep / f"{file_name(f'crows-pairs-{kind}')}.json")
        for kind, some in progress(by_kind.items(), "crows-pairs", "kinds", total=len(by_kind))
    }
    told = [FoundRow(name=kind, figures=_rate(found)) for kind, found in likelier.items()]
    plot = FoundPlot(kind="dots", y=["rate"], y_title="stereotype likelier", **EVEN)
    whole = _rate(np.concatenate([*likelier.values()]))
    figures = {"crows_pairs": whole["rate"], "crows_pairs_plus_minus": whole["plus_minus"]}
    return figures, FoundTable(title="CrowS-Pairs", rows=told, plot=plot)


def _first_is_likelier(asked: Asked, texts: Sequence[Scored], file: Path) -> npt.NDArray[np.bool_]:
    scores = kept_or_asked(file, (len(texts),), lambda: shared_scores(asked, texts))
    found: npt.NDArray[np.bool_] = scores[::2] > scores[1::2]
    return found


def _of_both_genders(rows: list[Row]) -> dict[str, tuple[str, str]]:
    """Return the sentence with her and the one with him, by the name of the pair."""
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        _require(row, WINO)
        name, gender = re.sub(r"\.(male|female|neutral)\.txt$", "", row["sentid"]), row["sentid"].split(".")[-2]
        found.setdefault(name, {})[gender] = row["sentence"]
    pairs = {name: (each["female"], each["male"]) for name, each in found.items() if {"female", "male"} <= each.keys()}
    if not pairs:
        raise UserError("There are no sentences of both genders in winogender. Give its all_sentences.tsv.")
    return pairs


def _shares_of_women(rows: Iterable[Row]) -> dict[str, float]:
    """Return the share of women in each occupation, from 0 to 1."""
    found = {}
    for row in rows:
        _require(row, WORK)
        try:
            share = float(row["bls_pct_female"]) / 100
        except ValueError:
            share = -1.0
        if not 0 <= share <= 1:
            raise UserError(
                f"{row['occupation']!r} has {row['bls_pct_female']!r} per cent of women. Give a number from 0 to 100."
            )
        found[row["occupation"]] = share
    return found


def _lead(found: npt.NDArray[np.float64]) -> dict[str, float]:
    """Return her lead in the pairs of an occupation, in nats, with its interval, and how often there is one."""
    wide = SURE * float(found.std(ddof=1)) / len(found) ** 0.5 if len(found) > 1 else 0.0
    rate = _rate(found > 0)
    return {
        "lead": round(float(found.mean()), 6),
        "plus_minus": round(wide, 6),
        "rate": rate["rate"],
        "pairs": rate["pairs"],
    }


def _rate(found: npt.NDArray[np.bool_]) -> dict[str, float]:
    rate = float(found.mean())
    wide = share_plus_minus(rate, len(found))
    return {"rate": round(rate, 6), "plus_minus": round(wide, 6), "pairs": len(found)}


def _require(row: Row, columns: Sequence[str]) -> None:
    if lacking := [name for name in columns if not isinstance(row.get(name), str)]:
        raise UserError(
            f"A row has no text in {lacking[0]!r}; its columns are {', '.join(map(repr, row))}. "
            "Give the file as it is published, or name its columns in the reader's columns."
        )
