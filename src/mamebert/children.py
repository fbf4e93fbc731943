"""Processes that we start: they end when we do, however that is, and Ctrl-C is for us alone to answer."""

import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing import connection, parent_process, resource_tracker
from threading import Thread

# For a program that is Python and none of ours: standard input is a question, then silence until the parent is gone.
READ_AND_END_WITH_PARENT = """
import os, sys, threading
question = sys.stdin.buffer.read(int(sys.argv.pop(1)))
threading.Thread(target=lambda: (os.read(0, 1), os._exit(1)), daemon=True).start()
"""


@contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Start processes that Ctrl-C, which a terminal sends to all, does not reach; us it reaches a moment later."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # what is blocked stays so in a new process
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def spawning() -> Iterator[None]:
    """Start processes of `multiprocessing` that Ctrl-C does not reach."""
    if os.name == "posix":
        resource_tracker.ensure_running()  # it lets Ctrl-C through again when it starts
    with without_ctrl_c():
        yield


def end_with_parent() -> None:
    """In a process of `multiprocessing`: end at once when the parent is gone, whatever is at work.

    A killed parent cannot say so, and processes of a pool hold both ends of their queue, so they would wait for ever.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_wait_and_end, daemon=True).start()


def _wait_and_end() -> None:
    parent = parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


def ask_program(
    program: Sequence[str], question: bytes, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[bytes]:
    """Run a Python program that begins with `READ_AND_END_WITH_PARENT`; a pipe (64 kB) must hold the `question`."""
    reading, writing = os.pipe()  # our end is closed by the system when we are gone, and no other process has it
    try:
        os.write(writing, question)
        with without_ctrl_c():
            child = subprocess.Popen(
                [*program[:3], str(len(question)), *program[3:]],
                stdin=reading,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(environment),
            )
        with child:
            try:
                answer, said = child.communicate()
            except BaseException:
                child.kill()
                raise
        return subprocess.CompletedProcess(child.args, child.returncode, answer, said)
    finally:
        os.close(reading)
        os.close(writing)
