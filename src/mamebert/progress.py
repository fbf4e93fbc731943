"""The progress of long work: a bar on a terminal, plain lines elsewhere; rate and time left in both."""

import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sized
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from mamebert.errors import printable
from mamebert.ranks import is_main_process

if TYPE_CHECKING:
    from rich.progress import Progress

T = TypeVar("T")

SECONDS_BETWEEN_LINES = 10.0
SECONDS_OF_RATE = 120.0  # long enough to have evaluations and snapshots in it, short enough to follow a change


_bars = True


def lines_alone() -> None:
    """Show plain lines on a terminal too, from now on: several processes write there, and their bars would mix."""
    global _bars  # noqa: PLW0603  # of this process
    _bars = False


class Meter:
    """Counts units of work towards a total and shows the rate (units per second) and the time left.

    Use as a context; call `advance` as work is done. Everything goes to stderr, so results on stdout
    stay clean. `done` is where a resumed piece of work starts: it counts as done but not as speed, and
    so does what was done more than two minutes ago.
    """

    def __init__(self, title: str, total: float | None, unit: str, done: float = 0) -> None:
        self.title, self.total, self.unit = printable(title), total, unit
        self.done = done
        self._note = ""
        self._last_line = monotonic()
        self._marks = deque([(self._last_line, done)])
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        """Start the clock."""
        if _bars and sys.stderr.isatty() and is_main_process():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TextColumn

            columns = (
                TextColumn("{task.description}", markup=False),
                BarColumn(),
                TextColumn("{task.fields[text]}", markup=False),
            )
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(self.title, total=self.total, completed=int(self.done), text="")
            self._bar.start()
        return self

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Count `amount` more units; `note` (a loss, say) is shown beside the rate."""
        self.done += amount
        if self.total and self.done > self.total:
            self.total = self.done  # the total was an estimate
        self._note = note or self._note
        self._mark()
        if self._bar:
            self._bar.update(self._task, total=self.total, completed=self.done, text=self._text())
        elif monotonic() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = monotonic()
            self._print()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Say the last figures."""
        if self._bar:
            self._bar.update(self._task, completed=self.done, text=self._text())
            self._bar.stop()
        else:
            self._print()

    @property
    def left(self) -> str:
        """Return the time left at the present rate, as 1m05s; empty where it is not known."""
        if not self.total or self.done >= self.total or self._rate() <= 0:
            return ""
        return _clock((self.total - self.done) / self._rate())

    def _mark(self) -> None:
        now = monotonic()
        if now - self._marks[-1][0] >= 1:
            self._marks.append((now, self.done))
        while len(self._marks) > 2 and now - self._marks[1][0] >= SECONDS_OF_RATE:
            self._marks.popleft()

    def _rate(self) -> float:
        since, done = self._marks[0]
        return (self.done - done) / max(monotonic() - since, 1e-9)

    def _text(self) -> str:
        of_total = f"/{_short(self.total)}" if self.total else ""
        left = f"{self.left} left" if self.left else ""
        parts = [f"{_short(self.done)}{of_total} {self.unit}", f"{_short(self._rate())}/s", self._note, left]
        return "  ".join(part for part in parts if part)

    def _print(self) -> None:
        say(f"{self.title}: {self._text()}")


def progress(items: Iterable[T], title: str, unit: str, total: int | None = None) -> Iterator[T]:
    """Yield the items, counting each as one unit."""
    if total is None and isinstance(items, Sized):
        total = len(items)
    with Meter(title, total, unit) as meter:
        for item in items:
            yield item
            meter.advance()


def say(text: str) -> None:
    """Print one line for the person who waits (stderr)."""
    if is_main_process():  # of several processes, the first one speaks
        print(printable(text), file=sys.stderr, flush=True)


def _short(number: float) -> str:
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if number >= size:
            return f"{number / (1e3 if letter == 'k' else size):.4g}{letter}"
    return f"{number:.4g}"


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{seconds:02}s"
