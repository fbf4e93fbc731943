"""Our side: the very steps that `mamebert pretrain` takes, from token shards to the optimizer."""

from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from _clock import Round, timed

from mamebert.kernels import torch_only
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.training.heap import GLIBCS_OWN, keep_freed_memory


@dataclass(frozen=True)
class Shape:
    """An encoder as the tables name it."""

    width: int
    layers: int
    length: int = 128

    @property
    def name(self) -> str:
        return f"L{self.layers}-H{self.width}"

    def settings(self) -> dict[str, Any]:
        return {"hidden_size": self.width, "num_hidden_layers": self.layers, "max_position_embeddings": self.length}


class Ours:
    """A pretraining that stops after every few steps, for another to take its turn."""

    def __init__(
        self,
        shape: Shape,
        shards: Path,
        batch_tokens: int,
        objective: str = "masked_lm",
        vectors: Path | None = None,
        storage: str = "float32",
        native: bool = True,
        seed: int = 1,
        encoder: dict[str, Any] | None = None,
        as_decided: bool = False,
        **training: Any,
    ) -> None:
        """`as_decided` leaves to `pretrain` what it decides for small encoders; else they have BERT's own numbers."""
        settings = {
            "shards": shards,
            "output": shards / "nothing is written",
            "seed": seed,
            "encoder": shape.settings() | (encoder or {}),
            "objective": {"kind": objective, "max_length": shape.length},
            "embeddings": {"vectors": vectors, "storage": storage} if vectors else {},
            "training": {"steps": 1_000_000, "batch_tokens": batch_tokens, **training},
        }
        config = PretrainConfig.model_validate(settings)
        self.work = PretrainingSteps(config.settled() if as_decided else config)
        self.native = native
        self._steps = iter(self.work)

    def take(self, steps: int) -> Round:
        """Take some steps."""
        batches: list[PretrainingBatch] = []
        keep_freed_memory()
        with nullcontext() if self.native else torch_only():
            taken = timed(lambda: self._take(steps, batches), self.work.device)
        keep_freed_memory(GLIBCS_OWN)  # the peer, whose turn is next, has the heap that it would have alone
        network, objective = self.work.network, self.work.config.objective
        return replace(taken, flops=sum(objective.flops(network, batch) for batch in batches))

    def _take(self, steps: int, batches: list[PretrainingBatch]) -> int:
        batches += (next(self._steps)[1] for _ in range(steps))
        return sum(len(batch.packed.ids) for batch in batches)


def alternate(sides: dict[str, Ours], rounds: int, steps: int = 2) -> dict[str, list[Round]]:
    """Let each side take some steps in turn; the first round warms up and is not returned."""
    found: dict[str, list[Round]] = {name: [] for name in sides}
    for number in range(rounds + 1):
        for name, ours in sides.items():
            taken = ours.take(steps)
            if number:
                found[name].append(taken)
    return found
