"""Time, memory and arithmetic of the forms of a model, measured where they run.

Every form has a process of its own, in which nothing else was opened, so that the memory it takes is its own. All
processes stay, and work in turns: what disturbs the machine for a while disturbs them all. Other work on the machine
still slows them (it shares caches and memory), so numbers of different runs may be compared roughly at best.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mamebert.children import spawning
from mamebert.compression.contract import Form
from mamebert.compression.cost.form_process import run_form_process
from mamebert.evaluation.cost.latency import Speed, in_turn, middle
from mamebert.progress import say

ROUNDS = 3
NUM_TEXTS = 64
DIGITS = 5  # of a measured number; the others are noise
PATIENCE = 10.0  # seconds in which a process that was told to end does so


def measure(
    places: Sequence[tuple[Path, Form]],
    samples: Sequence[Any],
    seconds: float = 5.0,
    rounds: int = ROUNDS,
    threads: int = 1,
    num_texts: int = NUM_TEXTS,
) -> list[dict[str, Any]]:
    """Return for each form, in order, what it costs to answer a text; medians over rounds, on the processor.

    `places` are folders of models, each with one form of it. `samples` are what is asked (a part of them is: about
    `num_texts`): `Example.inputs` of the model's task, or for an encoder texts or arrays of token ids without [CLS]
    and [SEP]. Each form is timed for about `seconds` in all, without the time for tokens to be made of text.

    `latency_ms` (p50, p95: one text at a time), `texts_per_second` (at `batch_size`, the fastest of a few),
    `peak_memory_bytes` (of the whole process, one text at a time), `own_memory_bytes` (what of that an empty process
    with the same imports does not have), `flops` (of one text, mean), `tokenizing_ms` (median) and
    `threads`. A form that cannot be measured has `not_measured`, with the reason, alone.
    """
    some = list(samples[:: max(1, len(samples) // num_texts)])[:num_texts]
    with ExitStack() as stack:
        forms = [stack.enter_context(_Measured(folder, form, some, threads)) for folder, form in places]
        asked = {str(number): partial(each.speed, seconds / rounds) for number, each in enumerate(forms)}
        speeds = in_turn(asked, rounds)
        return [each.told(speeds[str(number)]) for number, each in enumerate(forms)]


class _Measured:
    """A form in a process of its own, begun when it is first asked."""

    def __init__(self, folder: Path, form: Form, samples: Sequence[Any], threads: int) -> None:
        self._asked = (folder, form, samples, threads)
        self._process: Any = None
        self._line: Connection | None = None
        self._about: dict[str, Any] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._line:
            self._line.close()  # the process ends when nobody listens
        if self._process:
            self._process.join(PATIENCE)
            self._process.kill()

    def speed(self, seconds: float) -> Speed | None:
        """Return one round's numbers; None where it could not be measured."""
        if self._process is None:
            self._begin()
        if "not_measured" in self._about or not self._line:
            return None
        try:
            self._line.send(seconds)
            return Speed(*self._line.recv())
        except (EOFError, OSError):
            self._fails("its process ended early, most often because memory ran out")
            return None

    def told(self, rounds: Sequence[Speed | None]) -> dict[str, Any]:
        """Return everything about the form."""
        speeds = [each for each in rounds if each]
        if "not_measured" in self._about or not speeds:
            return {"not_measured": self._about.get("not_measured", "")}
        found = middle(speeds)
        return {
            "latency_ms": {"p50": _short(found.p50_ms), "p95": _short(found.p95_ms)},
            "texts_per_second": _short(found.texts_per_second),
            "batch_size": found.batch_size,
            **self._about,
        }

    def _begin(self) -> None:
        # "spawn" begins an empty interpreter; a fork would have all that this process holds.
        context = get_context("spawn")
        self._line, other = context.Pipe()
        self._process = context.Process(target=run_form_process, args=(other, *self._asked), daemon=True)
        with spawning():
            self._process.start()
        other.close()
        try:
            self._about = self._line.recv()
        except (EOFError, OSError):
            self._fails("its process ended before it was open, most often because memory ran out")
        if "not_measured" in self._about:
            self._fails(self._about["not_measured"])

    def _fails(self, why: str) -> None:
        folder, form, *_ = self._asked
        self._about = {"not_measured": why}
        say(f"{form.name} of {folder} is not measured: {why}")


def _short(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")
