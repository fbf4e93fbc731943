"""A compression as the page tells it: what was made smaller, how, and what each form of the result costs."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from mamebert.reports.readings.outcomes import Outcome, Score
from mamebert.reports.readings.run_json import first_number, listed, value_at
from mamebert.reports.readings.who_is_ahead import LIKELY
from mamebert.reports.text.number_format import is_number
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

    record: dict[str, Any]
    measure: str

    @property
    def name(self) -> str:
        """Return plain, compact, onnx or onnx_int8."""
        return str(value_at(self.record, "name", "plain"))

    @property
    def place(self) -> str:
        """Return where it lies within the model's folder."""
        return str(value_at(self.record, "place", "."))

    @property
    def opens_with(self) -> str:
        """Return the program that opens it."""
        return str(value_at(self.record, "opens_with", ""))

    @property
    def score(self) -> float | None:
        """Return what the best seed reached through this very form."""
        return self.number(f"scores.{self.measure}")

    def number(self, path: str) -> float | None:
        """Return a number of the record."""
        return first_number(value_at(self.record, path))

    @property
    def num_bytes(self) -> float | None:
        """Return its bytes on disk."""
        return self.number("bytes")

    @property
    def p50(self) -> float | None:
        """Return milliseconds within which half of the texts were answered, one at a time."""
        return self.number("latency_ms.p50")


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

    @property
    def results(self) -> dict[str, Any]:
        """Return the numbers the run ended with."""
        return self.run.results

    @property
    def measure(self) -> str:
        """Return what models are judged by."""
        return str(value_at(self.results, "measure", ""))

    @property
    def chain(self) -> list[dict[str, Any]]:
        """Return the methods, in the order they were used."""
        return [step for step in listed(self.results, "chain") if isinstance(step, dict) and step.get("kind")]

    @property
    def name(self) -> str:
        """Return the name of the result; its methods where it has none."""
        kinds = [str(step.get("kind")) for step in self.chain]
        stated = str(value_at(self._model, "name", "+".join(kinds)) or self.run.final.name)
        return " + ".join(kinds) if stated == "+".join(kinds) else stated  # a long chain may go on in a second line

    @property
    def seeds(self) -> list[dict[str, Any]]:
        """Return what was written down of each seed."""
        return [seed for seed in listed(self._model, "seeds") if isinstance(seed, dict)]

    def notes(self, number: int) -> dict[str, Any]:
        """Return what the method of this number decided, for the seed that was kept."""
        best = next((seed for seed in self.seeds if seed.get("seed") == value_at(self._model, "best_seed")), {})
        told = listed(best, "notes")[number : number + 1]
        return told[0] if told and isinstance(told[0], dict) else {}

    @cached_property
    def teacher(self) -> ComparedModel:
        """Return the model that was made smaller; its spread is only known to the run that made it."""
        record = value_at(self.results, "teacher", {})
        value = value_at(record, f"scores.{self.measure}")
        score = Score(float(value), None) if is_number(value) else None
        return self._entrant(record, str(value_at(record, "name", "teacher")), "teacher", score)

    @cached_property
    def result(self) -> ComparedModel | None:
        """Return the smaller model; None where the run has none."""
        outcome = Outcome.of(self._model, self.measure) if self._model else None
        return self._entrant(self._model, self.name, "smaller", outcome.scores[self.measure]) if outcome else None

    @property
    def data(self) -> tuple[object, ...]:
        """Return what tells the data set: runs that have it alike are compared."""
        return data_of(self.results, self.teacher_path)

    @property
    def teacher_path(self) -> str:
        """Return the folder of the teacher."""
        return str(value_at(self.results, "teacher.path", self.teacher.name))

    def times_smaller(self, form: FormMeasured) -> float | None:
        """Return how many times fewer bytes a form takes than the teacher's main one."""
        return ratio_of(self.teacher.main.num_bytes, form.num_bytes)

    @property
    def _model(self) -> dict[str, Any]:
        models = [model for model in listed(self.results, "models") if isinstance(model, dict)]
        return models[0] if models else {}

    def _entrant(self, record: dict[str, Any], name: str, role: Role, score: Score | None) -> ComparedModel:
        forms = [FormMeasured(form, self.measure) for form in listed(record, "forms") if isinstance(form, dict)]
        pairs = [pair for pair in listed(self.results, "comparisons") if is_number(value_at(pair, "p"))]
        return ComparedModel(
            name,
            role,
            score,
            first_number(value_at(record, "parameters")),
            first_number(value_at(record, "flops")),
            forms or [FormMeasured({}, self.measure)],
            first_number(value_at(record, "kept")) if role == "smaller" else None,
            role == "smaller" and any(pair["p"] >= LIKELY for pair in pairs),
        )


def data_of(results: dict[str, Any], otherwise: str = "") -> tuple[object, ...]:
    """Return what tells the data set of a run; `otherwise` where it has no rows.

    A method may have learnt from fewer rows than another: what they are judged by is the same.
    """
    labels = tuple(map(str, listed(results, "labels")))
    rows = tuple(value_at(results, f"rows.{part}") for part in ("valid", "test"))
    return value_at(results, "task", ""), value_at(results, "measure", ""), labels, rows if any(rows) else otherwise


def ratio_of(above: float | None, below: float | None) -> float | None:
    """Return how many times the first is the second; None where one is not known."""
    return above / below if above and below else None
