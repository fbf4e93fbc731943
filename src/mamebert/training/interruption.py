"""A polite stop: Ctrl-C or SIGTERM ends the step in hand first, so that what is saved then is whole."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from mamebert.ranks import num_processes


class Stopped(SystemExit):
    """SIGTERM was obeyed. The exit code is 0: whoever stops jobs (a cluster's scheduler) takes others for failures."""

    def __init__(self) -> None:
        super().__init__(0)


class Stopping:
    """Whether someone has asked to stop."""

    def __init__(self) -> None:
        self.asked = False
        self.by_hand = False
        """Whether it was Ctrl-C."""

    def raise_if_requested(self) -> NoReturn:
        """End the process as the one who asked expects it: with 130 after Ctrl-C, else with 0."""
        raise KeyboardInterrupt if self.by_hand else Stopped


@contextmanager
def stop_between_steps() -> Iterator[Stopping]:
    """Catch the first SIGINT or SIGTERM as a wish; a second one stops at once."""
    request = Stopping()

    def note(number: int, frame: FrameType | None) -> None:
        # torchrun passes on what a terminal has sent to all already, and ends by itself whoever takes too long.
        if request.asked and num_processes() == 1:
            raise KeyboardInterrupt
        request.asked, request.by_hand = True, number == signal.SIGINT

    with _handling(note, signal.SIGINT, signal.SIGTERM):
        yield request


@contextmanager
def exit_on_sigterm() -> Iterator[None]:
    """Make SIGTERM end whatever is at work with `Stopped`, as Ctrl-C does with KeyboardInterrupt."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise Stopped

    with _handling(stop, signal.SIGTERM):
        yield


@contextmanager
def _handling(handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may catch signals
        return
    before = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler_before in before.items():
            signal.signal(number, handler_before)
