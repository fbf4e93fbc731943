"""A compression as the page tells it: what was made smaller, how, and what each form of the result costs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mamebert.reports.readings.outcomes import Score, scores_of
from mamebert.reports.readings.run_json import first_number
from mamebert.reports.readings.who_is_ahead import LIKELY
from mamebert.reports.text.number_format import is_number
from mamebert.results.compress import CompressionSeed, CompressResults, FormResult, SmallerModel, Step, Teacher
from mamebert.results.labelled import RowsResults
from mamebert.runs import Run

WHAT_DIFFERS = (
    "The largest difference is between the outputs of a form and of the first one, on the test rows; for a first form "
    "that is plain, between plain transformers and our network. Forms that round otherwise are not meant to agree."
)
FAR = 0.01
"""A difference of outputs that is no float32 rounding."""

Role = Literal["teacher", "smaller", "other"]


@dataclass(frozen=True)
class FormMeasured:
    """One way in which a model lies on disk and runs, with what was measured of it; None where nothing was."""

    told: FormResult | None
    """None for a model of which no form is known."""
    measure: str

    @property
    def known(self) -> FormResult:
        """Return what was written down of it; an empty table where nothing was."""
        return self.told or FormResult()

    @property
    def name(self) -> str:
        """Return plain, compact, onnx or onnx_int8."""
        return self.known.name

    @property
    def place(self) -> str:
        """Return where it lies within the model's folder."""
        return self.known.place

    @property
    def opens_with(self) -> str:
        """Return the program that opens it."""
        return self.known.opens_with

    @property
    def score(self) -> float | None:
        """Return what the best seed reached through this very form."""
        return first_number(self.known.scores.get(self.measure))

    @property
    def num_bytes(self) -> float | None:
        """Return its bytes on disk."""
        return self.known.bytes

    @property
    def p50(self) -> float | None:
        """Return milliseconds within which half of the texts were answered, one at a time."""
        return first_number(self.known.latency_ms.p50) if self.known.latency_ms else None

    @property
    def p95(self) -> float | None:
        """Return milliseconds within which 95 of 100 were answered."""
        return first_number(self.known.latency_ms.p95) if self.known.latency_ms else None

    @property
    def difference(self) -> float | None:
        """Return how far its outputs are from those of the first form, or of plain transformers."""
        return first_number(self.known.largest_difference)


@dataclass(frozen=True)
class ComparedModel:
    """A model of the comparison: the teacher, what was made of it, or another fine-tuned model."""

    name: str
    role: Role
    score: Score | None
    parameters: float | None
    flops: float | None
    forms: list[FormMeasured]
    kept: float | None = None
    """Share of the teacher's score."""
    untold: bool = False
    """Whether its difference from the teacher may be chance (paired bootstrap, p >= 0.05)."""

    @property
    def main(self) -> FormMeasured:
        """Return the form that its scores are of."""
        return self.forms[0]


@dataclass(frozen=True)
class Compression:
    """One run of `compress`."""

    run: Run

    @cached_property
    def results(self) -> CompressResults:
        """Return the numbers the run ended with."""
        return CompressResults.read(self.run.results)

    @property
    def measure(self) -> str:
        """Return what models are judged by."""
        return self.results.measure

    @property
    def chain(self) -> list[Step]:
        """Return the methods, in the order they were used."""
        return [step for step in self.results.chain if step.kind]

    @property
    def name(self) -> str:
        """Return the name of the result; its methods where it has none."""
        kinds = [step.kind for step in self.chain]
        stated = (self._model.name if self._model else "") or "+".join(kinds) or self.run.final.name
        return " + ".join(kinds) if stated == "+".join(kinds) else stated  # a long chain may go on in a second line

    @property
    def seeds(self) -> list[CompressionSeed]:
        """Return what was written down of each seed."""
        return self._model.seeds if self._model else []

    def notes(self, number: int) -> dict[str, Any]:
        """Return what the method of this number decided, for the seed that was kept."""
        best = self._model.best_seed if self._model else None
        notes = next((seed.notes for seed in self.seeds if seed.seed == best), [])
        return notes[number] if number < len(notes) else {}

    def scores(self, model: "ComparedModel") -> dict[str, Score]:
        """Return all scores of the teacher or of the result."""
        if model.role == "teacher":
            return scores_of(dict(self._teacher.scores), 1)
        return scores_of(self._model.scores, len(self.seeds)) if self._model else {}

    @cached_property
    def teacher(self) -> ComparedModel:
        """Return the model that was made smaller; its spread is only known to the run that made it."""
        score = scores_of(dict(self._teacher.scores), 1).get(self.measure)
        return self._entrant(self._teacher, self._teacher.name, "teacher", score)

    @cached_property
    def result(self) -> ComparedModel | None:
        """Return the smaller model; None where the run has none."""
        score = scores_of(self._model.scores, len(self.seeds)).get(self.measure) if self._model else None
        return self._entrant(self._model, self.name, "smaller", score) if self._model and score else None

    @property
    def data(self) -> tuple[object, ...]:
        """Return what tells the data set: runs that have it alike are compared."""
        return data_of(self.results, self.teacher_path)

    @property
    def teacher_path(self) -> str:
        """Return the folder of the teacher."""
        return self._teacher.path or self.teacher.name

    def times_smaller(self, form: FormMeasured) -> float | None:
        """Return how many times fewer bytes a form takes than the teacher's main one."""
        return ratio_of(self.teacher.main.num_bytes, form.num_bytes)

    @property
    def _teacher(self) -> Teacher:
        return self.results.teacher or Teacher()

    @property
    def _model(self) -> SmallerModel | None:
        return self.results.models[0] if self.results.models else None

    def _entrant(self, model: Teacher | SmallerModel, name: str, role: Role, score: Score | None) -> ComparedModel:
        forms = [FormMeasured(form, self.measure) for form in model.forms]
        chances = [pair.p for pair in self.results.comparisons if pair.p is not None and is_number(pair.p)]
        return ComparedModel(
            name,
            role,
            score,
            model.parameters,
            model.flops,
            forms or [FormMeasured(None, self.measure)],
            first_number(model.kept) if isinstance(model, SmallerModel) else None,
            role == "smaller" and any(p >= LIKELY for p in chances),
        )


def data_of(results: RowsResults, otherwise: str = "") -> tuple[object, ...]:
    """Return what tells the data set of a run; `otherwise` where it has no rows.

    A method may have learnt from fewer rows than another: what they are judged by is the same.
    """
    rows = tuple(results.rows.get(part) for part in ("valid", "test"))
    return results.task or "", results.measure, tuple(results.labels), rows if any(rows) else otherwise


def ratio_of(above: float | None, below: float | None) -> float | None:
    """Return how many times the first is the second; None where one is not known."""
    return above / below if above and below else None
