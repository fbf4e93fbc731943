"""One form of a model, alone in its process: opened, and timed as often as its parent asks."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch

from mamebert.children import end_with_parent
from mamebert.compression.contract import Form
from mamebert.compression.cost.flops import task_flops, words_flops
from mamebert.compression.forms.onnx_programs import onnx_program
from mamebert.compression.goals import TaskGoal
from mamebert.compression.opening import open_form
from mamebert.encoder.packing import Packed
from mamebert.evaluation.cost.latency import Answer, seconds_of, speed, warm_up
from mamebert.evaluation.cost.memory import forget_peak_memory, peak_memory
from mamebert.tasks.data.features import Example, pack
from mamebert.tokenizer.encoding import Tokenizer

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Ready:
    """A form that answers texts, sorted by length."""

    answer: Answer
    tokenize: Callable[[int], object]
    """Makes tokens of the text of this number."""
    num_texts: int
    flops: Callable[[], int]
    """Floating-point operations of a text, mean."""


def run_form_process(line: Connection, folder: Path, form: Form, samples: Sequence[Any], threads: int) -> None:
    """Open the form and tell about it; then take seconds from the line and send back what was measured in them.

    What goes wrong is sent as {"not_measured": why}. Ends when the other side of the line is closed.
    """
    end_with_parent()
    torch.set_num_threads(threads)
    with suppress(EOFError, OSError):  # nobody listens any more
        try:
            ready, about = _about(folder, form, samples, threads)
        except Exception as error:  # whatever a form's program raises, the other forms are still measured
            line.send({"not_measured": f"{type(error).__name__}: {error}"})
            return
        line.send(about)
        while True:
            line.send(tuple(speed(ready.answer, ready.num_texts, line.recv(), threads=threads)))


def _about(folder: Path, form: Form, samples: Sequence[Any], threads: int) -> tuple[Ready, dict[str, Any]]:
    _import_what_runs(form)
    forget_peak_memory(CPU)
    empty = peak_memory(CPU)
    ready = _ready(folder, form, samples)
    warm_up(ready.answer, ready.num_texts)
    peak = peak_memory(CPU)
    tokenizing = median(seconds_of(lambda n=n: ready.tokenize(n), threads) for n in range(ready.num_texts))  # type: ignore[misc]
    return ready, {
        "peak_memory_bytes": peak,
        "own_memory_bytes": max(0, peak - empty),
        "flops": ready.flops(),
        "tokenizing_ms": round(tokenizing * 1000, 4),
        "threads": threads,
    }


def _import_what_runs(form: Form) -> None:
    if form.name in ("onnx", "onnx_int8"):
        onnx_program("onnxruntime")  # its memory is no model's


def _ready(folder: Path, form: Form, samples: Sequence[Any]) -> Ready:
    opened = open_form(folder, form, CPU)
    make = _task_ready if isinstance(opened.subject.goal, TaskGoal) else _words_ready
    return make(opened.subject.network, opened.subject.goal, opened.tokenizer, samples)


def _task_ready(network: Any, goal: Any, tokenizer: Tokenizer, samples: Sequence[Any]) -> Ready:
    examples = [Example(inputs, None, number) for number, inputs in enumerate(samples)]
    features = goal.task.features(tokenizer, examples, goal.learnt)
    order = sorted(range(len(features)), key=lambda n: features[n].num_tokens)
    features = [features[n] for n in order]

    @torch.inference_mode()
    def answer(texts: Sequence[int]) -> object:
        batch = pack(features, texts)
        return network.conclude(network.gather(batch), batch)

    def tokenize(number: int) -> object:
        return goal.task.features(tokenizer, [examples[order[number]]], goal.learnt)

    return Ready(answer, tokenize, len(features), lambda: task_flops(network, goal, features))


def _words_ready(network: Any, goal: Any, tokenizer: Tokenizer, samples: Sequence[Any]) -> Ready:
    """Return a form that guesses one word of each text, the one in the middle."""
    longest = goal.objective.max_length

    def tokens(sample: Any) -> Any:
        pieces = tokenizer.encode(sample).ids if isinstance(sample, str) else np.asarray(sample)
        ids = np.concatenate([[tokenizer.cls_id], pieces[: longest - 2], [tokenizer.sep_id]])
        ids[len(ids) // 2] = tokenizer.mask_id
        return ids

    order = sorted(range(len(samples)), key=lambda n: len(tokens(samples[n])))
    sequences = [tokens(samples[n]) for n in order]

    @torch.inference_mode()
    def answer(texts: Sequence[int]) -> object:
        chosen = [sequences[n] for n in reversed(texts)]
        packed = Packed.of(chosen)
        places = packed.firsts + torch.tensor([len(ids) // 2 for ids in chosen])
        return network.cls.predictions(network.bert(packed, places))

    return Ready(
        answer,
        lambda n: tokens(samples[order[n]]),
        len(sequences),
        lambda: words_flops(network, list(map(len, sequences))),
    )
