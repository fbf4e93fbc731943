"""When a step goes wrong: a loss that is no number, or one that leaps up.

Such a step never changes a weight. What happens then depends on the steps taken and on nothing else (no clock, no
snapshot's moment), and what is remembered for it is part of every snapshot: a run that had trouble, was killed and
resumed ends like one that was not killed.
"""

from dataclasses import asdict, dataclass, field
from math import isfinite
from statistics import median
from typing import Any, Literal

from pydantic import Field

from mamebert.config import Config
from mamebert.errors import UserError


class Trouble(Config):
    """What is trouble, and what is done about it."""

    remedy: Literal["skip", "roll_back", "lower_lr", "stop"] = "roll_back"
    """skip leaves the step out: its batch has been read and no weight changes. roll_back does so too, and when
    `consecutive_steps` steps had trouble, weights that have broken do not mend: earlier ones come back while the
    data goes on (Chowdhery et al., 2022, PaLM). lower_lr rolls back and lowers the rate. stop ends the run at the
    first trouble."""
    spike_ratio: float = Field(default=2.0, ge=0)
    """A loss above this many times the median of the last `spike_window` good steps is trouble; 0 looks for none. The
    median counts as 1 nat at least: below that, batches differ by as much as they teach."""
    spike_window: int = Field(default=20, ge=1)
    """Good steps that a loss is compared with; until there are so many, only a loss that is no number is trouble."""
    consecutive_steps: int = Field(default=3, ge=1)
    """Steps with trouble, one after the other, after which the weights count as broken."""
    back_steps: int = Field(default=200, ge=1)
    """Weights come back from at least this many steps before the trouble, from less than twice as many as a rule. They
    are written down every so many steps."""
    lower_by: float = Field(default=0.5, gt=0, lt=1)
    """lower_lr multiplies the rate of all steps that follow by this."""
    most: int = Field(default=30, ge=0)
    """Steps left out in one run, after which it gives up and says so."""

    @property
    def goes_back(self) -> bool:
        """Whether earlier weights may be needed."""
        return self.remedy in ("roll_back", "lower_lr")


class Diverged(UserError):
    """A training that went wrong and was given up."""


@dataclass
class Watch:
    """Judges every step of a training and remembers, as plain JSON, what later judgements need."""

    settings: Trouble
    recent: list[float] = field(default_factory=list)
    """Losses of the last good steps, in nats."""
    consecutive_steps: int = 0
    left_out: int = 0
    went_back: int = 0
    lr_factor: float = 1.0
    """What the learning rate is multiplied by."""
    marks: list[int] = field(default_factory=list)
    """Steps whose weights were written down and may come back: the last two, the first of all being step 0."""

    def saved(self) -> dict[str, Any]:
        """Return what is remembered as JSON; `Watch(settings, **saved)` goes on from it."""
        return {name: value for name, value in asdict(self).items() if name != "settings"}

    def judge(self, step: int, loss: float, gradient_norm: float) -> str:
        """Return what is wrong with a step, "" when nothing is; a UserError when it is the last straw."""
        wrong = self._wrong(loss, gradient_norm)
        if not wrong:
            self.consecutive_steps = 0
            self.recent = [*self.recent[-self.settings.spike_window + 1 :], loss][-self.settings.spike_window :]
            return ""
        self.consecutive_steps += 1
        self.left_out += 1
        if self.settings.remedy == "stop" or self.left_out > self.settings.most:
            before = f", the {self.left_out}. such step" if self.left_out > 1 else ""
            raise Diverged(
                f"Training went wrong at step {step}{before}: {wrong}. Lower training.peak_lr or raise "
                "training.warmup_rate, in another output; the snapshots of this one stay."
            )
        return wrong

    def weights_are_broken(self) -> bool:
        """Whether earlier weights have to come back now."""
        return self.settings.goes_back and self.consecutive_steps >= self.settings.consecutive_steps

    def go_back_from(self, step: int) -> int:
        """Return the step whose weights come back; whatever was written down after it does not count any more."""
        old_enough = [mark for mark in self.marks if mark <= step - self.settings.back_steps]
        back_to = max(old_enough, default=min(self.marks))
        self.marks = [mark for mark in self.marks if mark <= back_to]
        self.consecutive_steps = 0
        self.went_back += 1
        if self.settings.remedy == "lower_lr":
            self.lr_factor *= self.settings.lower_by
        return back_to

    def mark(self, step: int) -> bool:
        """Return whether the weights after `step` are to be written down, in case they have to come back."""
        # Amid trouble the weights may be broken already.
        due = self.settings.goes_back and step % self.settings.back_steps == 0 and not self.consecutive_steps
        if due and step not in self.marks:
            self.marks = [*self.marks[-1:], step]
        return due

    def _wrong(self, loss: float, gradient_norm: float) -> str:
        if not isfinite(loss) or not isfinite(gradient_norm):
            return f"the loss is {loss}, the gradient norm {gradient_norm}"
        if self.settings.spike_ratio and len(self.recent) == self.settings.spike_window:
            usual = median(self.recent)
            if loss > self.settings.spike_ratio * max(usual, 1.0):
                return f"the loss is {loss:.3f} nats after a median of {usual:.3f}"
        return ""


def stop_at_once() -> Watch:
    """Return the watch of short trainings, which have no way back: a loss that is no number ends them."""
    return Watch(Trouble(remedy="stop", spike_ratio=0))
