"""The counters of a pretraining."""

from dataclasses import asdict, dataclass, field
from time import monotonic, process_time
from typing import Any

from mamebert.training.loop import Step


@dataclass
class Counters:
    """How far a pretraining has come; plain JSON, kept in every snapshot."""

    epoch: int = 0
    batch: int = 0
    """Batches of this epoch that are done."""
    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    """Wall time of the steps alone: evaluation, snapshots and saving are not in it."""
    cpu_seconds: float = 0.0
    flops: int = 0
    """Floating-point operations of the matrix products."""
    epoch_began: dict[str, float] = field(default_factory=lambda: {"tokens": 0, "seconds": 0.0, "cpu_seconds": 0.0})
    epoch_loss: float = 0.0
    """Sum over the steps of this epoch that had no trouble."""
    epoch_good: int = 0
    """Steps of this epoch that had no trouble."""
    epochs: list[dict[str, Any]] = field(default_factory=list)
    kept: list[dict[str, Any]] = field(default_factory=list)
    """Model folders kept on the way."""

    def saved(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)

    def add(self, step: Step, tokens: int, flops: int, wall: float, cpu: float) -> None:
        """Count a step of `tokens` that took `wall` and `cpu` seconds."""
        self.step, self.batch = step.number, self.batch + 1
        self.tokens += tokens
        self.flops += flops
        self.seconds += wall
        self.cpu_seconds += cpu
        if not step.trouble:
            self.epoch_loss += step.loss
            self.epoch_good += 1

    def place(self) -> dict[str, Any]:
        """Return where we are, as the beginning of a line of metrics.jsonl."""
        return {"step": self.step, "epoch": self.epoch + 1, "tokens": self.tokens, "seconds": round(self.seconds, 3)}

    def line(self, step: Step) -> dict[str, Any]:
        """Return the step as a line of metrics.jsonl."""
        return {**self.place(), "lr": step.lr, "loss": step.loss, **step.parts, "gradient_norm": step.gradient_norm}

    def close_epoch(self, of_batches: int, held_out: dict[str, float]) -> None:
        """Write down the epoch that ends here; one stopped early is extrapolated to its full length and marked."""
        began, share = self.epoch_began, self.batch / of_batches
        seconds, cpu = self.seconds - began["seconds"], self.cpu_seconds - began["cpu_seconds"]
        tokens = self.tokens - began["tokens"]
        self.epochs.append(
            {
                "epoch": self.epoch + 1,
                "seconds": round(seconds / share, 3),
                "cpu_seconds": round(cpu / share, 3),
                "extrapolated": share < 1,
                "tokens": tokens,
                "tokens_per_second": round(tokens / max(seconds, 1e-9)),
                "train_loss": self.epoch_loss / max(1, self.epoch_good),
                **held_out,
            }
        )
        self.epoch, self.batch, self.epoch_loss, self.epoch_good = self.epoch + 1, 0, 0.0, 0
        self.epoch_began = {"tokens": self.tokens, "seconds": self.seconds, "cpu_seconds": self.cpu_seconds}


class Clock:
    """Wall and processor seconds between two moments."""

    def __init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew; what went before is not counted."""
        self._wall, self._cpu = monotonic(), process_time()

    def lap(self) -> tuple[float, float]:
        """Return the (wall, processor) seconds since the last lap, and begin anew."""
        wall, cpu = monotonic() - self._wall, process_time() - self._cpu
        self.restart()
        return wall, cpu
