"""A polite stop: Ctrl-C or SIGTERM ends the step in hand first, so that what is saved then is whole."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Stopping:
    """Whether someone has asked to stop."""

    def __init__(self) -> None:
        self.asked = False


@contextmanager
def stop_between_steps() -> Iterator[Stopping]:
    """Catch the first SIGINT or SIGTERM as a wish; a second one stops at once."""
    wish = Stopping()
    if threading.current_thread() is not threading.main_thread():
        yield wish  # only the main thread may catch signals
        return

    def note(number: int, frame: FrameType | None) -> None:
        if wish.asked:
            raise KeyboardInterrupt
        wish.asked = True

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield wish
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
