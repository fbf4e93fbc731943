"""Remove heads and neurons until a speed-up is met on this machine, those that cost least (Kurtic et al., 2023)."""

from copy import deepcopy
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor

from mamebert.compression.contract import Bench, Subject
from mamebert.compression.distillation.distiller import Distiller, Pass, Term, right_answers, soft_targets
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.latency_table import Stopwatch, one_by_one
from mamebert.compression.pruning.layer_halves import sizes
from mamebert.compression.pruning.speedup import Cut, Race, Search, cut_until
from mamebert.compression.pruning.uneven_shapes import require_layers_of_their_own
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.progress import say
from mamebert.training.loop import derive_seed
from mamebert.training.settings import Training

TIMED_BATCHES, TIMED_TEXTS = 2, 16


class ZipLM(Compressor):
    """Cut heads and feed-forward neurons out of each layer so that a measured speed-up is met.

    What stays is changed so that it makes up for what goes (Optimal Brain Surgeon). How much goes from where is chosen
    from times measured on this machine and losses on training data.
    """

    reaches_into_layers: ClassVar[bool] = True
    paper: ClassVar[Paper] = Paper(
        "Kurtic, Frantar and Alistarh, 2023",
        "a speed-up asked for is met with more quality than CoFi, MiniLM and TinyBERT; GPT-2 60 % smaller and 30 % "
        "faster than DistilGPT2",
    )
    speedup: float = Field(default=2.0, gt=1)
    """How many times as fast as before the model is to answer, on this machine."""
    timed: Literal["batches", "texts"] = "batches"
    """What is timed: full batches of about 2048 tokens (throughput), or texts one at a time (latency)."""
    threads: int = Field(default=1, ge=1)
    """Threads that are timed. With 1 the processor's own time counts, which other work hardly disturbs."""
    measure_seconds: float = Field(default=20.0, gt=0)
    """How long the table of times is measured, and whole models each time they are compared; slow ones take longer."""
    calibration_batches: int = Field(default=16, ge=1)
    """Batches of about 2048 tokens of training data that show what the matrices get to read."""
    search_starts: int = Field(default=10, ge=0)
    """Random sets of weights on the layers' errors that the search begins with."""
    search_steps: int = Field(default=30, ge=0)
    """Changes to the best set that are tried."""
    mode: Literal["gradual", "one_shot"] = "gradual"
    """gradual trains after every cut; one_shot never trains."""
    on_the_way: list[float] = Field(default=[])
    """Smaller speed-ups, rising, that gradual meets before; each is followed by `training`."""
    training: Training = Training(epochs=3, batch_tokens=2048, peak_lr=2e-4)
    """How what stays learns after every cut."""
    soft_weight: float = Field(default=1.0, ge=0)
    """How much the outputs of the model as it was count in training."""
    token_weight: float = Field(default=0.01, ge=0)
    """How much its hidden states count: the mean of |h_s - h_t|² over tokens and layers, which grows with the width."""
    task_weight: float = Field(default=0.5, ge=0)
    """How much the right answers count."""

    @model_validator(mode="after")
    def _the_way_leads_up(self) -> Self:
        if self.on_the_way and self.mode == "one_shot":
            raise ValueError("on_the_way has speed-ups after which is trained. Leave it out, or set mode=gradual.")
        if any(b <= a for a, b in pairwise([1.0, *self.on_the_way, self.speedup])):
            raise ValueError(
                f"on_the_way is {self.on_the_way}, and leads to {self.speedup:g}. Give numbers that rise from above 1 "
                "to below that."
            )
        if not self.soft_weight + self.token_weight + self.task_weight:
            raise ValueError("Every weight of the loss is 0. Give one of them more, or set mode=one_shot.")
        return self

    def shape_after(self, shape: EncoderConfig, teacher: EncoderConfig) -> EncoderConfig:
        """Return the shape, which is cut by what is measured; layers that share weights are a UserError."""
        require_layers_of_their_own(shape)
        return shape

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse layers that share weights, missing data, and what even a model without layers would not meet."""
        super().check(subject, bench)
        if subject.bert.altered:
            raise UserError("Another method has changed the arithmetic of this model. Put ziplm before it.")
        race = self._race(subject, bench)
        race.refuse_beyond(self.speedup, race.most())

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model with fewer heads and neurons."""
        dtype = subject.bert.compute_dtype = bench.teacher.bert.compute_dtype
        subject.network.eval()
        before = replace(subject, network=deepcopy(subject.network).requires_grad_(False))
        race, batches = self._race(before, bench), bench.batches(self.calibration_batches)
        steps = []
        for target in [*self.on_the_way, self.speedup]:
            seed = derive_seed(bench.seed, "ziplm", round(1000 * target))
            cut = cut_until(subject, target, batches, race, Search(seed, self.search_starts, self.search_steps))
            subject = replace(subject, network=cut.network)
            if self.mode == "gradual":
                bench.learn(subject, self.training, loss=self._distiller(before, subject).loss)
                subject.network.eval()
                subject.bert.compute_dtype = dtype  # learning may have been in bfloat16
            steps.append(_told(target, cut, race.speedup(subject.network), subject))
        subject.notes |= {**steps[-1], "timed": {"what": self.timed, **race.about}}
        if steps[:-1]:
            subject.notes["on_the_way"] = steps[:-1]
        return subject

    def _race(self, subject: Subject, bench: Bench) -> Race:
        subject.network.eval()
        batches = bench.batches(TIMED_BATCHES)
        if not batches:
            raise UserError("There is no training data to calibrate with. Give rows to train on, or shards of text.")
        if self.timed == "texts":
            batches = [text for batch in batches for text in one_by_one(batch)][:TIMED_TEXTS]
        return Race(subject.network, batches, Stopwatch(self.threads, self.measure_seconds, bench.device))

    def _distiller(self, before: Subject, subject: Subject) -> Distiller:
        tokens = Term("tokens", self.token_weight, token_distance, "states")
        return Distiller(before, subject, [soft_targets(self.soft_weight), tokens, right_answers(self.task_weight)])


def token_distance(student: Pass, teacher: Pass) -> Tensor:
    """Return the mean over tokens and layers of |h_s - h_t|² of the layers' outputs [tokens, hidden_size]."""
    pairs = zip(student.states[1:], teacher.states[1:], strict=True)
    return torch.stack([(ours.float() - theirs.float()).square().sum(-1).mean() for ours, theirs in pairs]).mean()


def _told(target: float, cut: Cut, measured: float, subject: Subject) -> dict[str, Any]:
    heads, neurons = sizes(subject.bert)
    if measured < target:
        say(f"ziplm: the speed-up of {target:g} was missed: {measured:.2f} was measured.")
    return {
        "speedup_asked": target,
        "speedup_promised": round(cut.promised, 3),
        "speedup_measured": round(measured, 3),
        "speedup_met": measured >= target,
        "loss_when_cut": round(cut.loss, 4),
        "heads": heads,
        "neurons": neurons,
    }
