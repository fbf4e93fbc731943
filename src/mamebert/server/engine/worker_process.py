"""A worker seen from the server: started, asked, noticed when it is gone, ended."""

import asyncio
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from socket import socket, socketpair
from typing import Any, Self

from mamebert.children import without_ctrl_c
from mamebert.errors import UserError
from mamebert.server.engine.frames import MOST_BYTES, framed, read_frame

PROGRAM = (sys.executable, "-P", "-m", "mamebert.server.engine.worker")
WAY_OUT = "The lines above tell why; start it again."


def start_process(theirs: socket) -> subprocess.Popen[bytes]:
    """Start a process that has the other end of a socket."""
    with without_ctrl_c():
        number = theirs.fileno()
        return subprocess.Popen([*PROGRAM, str(number)], pass_fds=[number], stdin=subprocess.DEVNULL)


class WorkerGone(Exception):
    """A worker ended before it answered."""

    def __init__(self, was_begun: bool) -> None:
        super().__init__("The worker is gone.")
        self.was_begun = was_begun
        """Whether it was at work on what it was asked, so that this may be why it ended."""


class Worker:
    """A process that answers batches in the order in which it is asked."""

    def __init__(
        self, process: subprocess.Popen[bytes], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.process = process
        self.about: dict[str, Any] = {}
        self._reader, self._writer = reader, writer
        self._asked: deque[asyncio.Future[Any]] = deque()
        self._listening: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()

    @classmethod
    async def start(cls, settings: Mapping[str, Any]) -> Self:
        """Start a process and let it open its model; what is wrong with the folder is a UserError."""
        ours, theirs = socketpair()
        with theirs:
            process = start_process(theirs)
        worker = cls(process, *await asyncio.open_connection(sock=ours, limit=MOST_BYTES))
        try:
            worker._writer.write(framed(dict(settings)))
            told = await read_frame(worker._reader)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            await worker.end()
            raise UserError(f"The process that opens {settings['folder']} ended by itself. {WAY_OUT}") from error
        except BaseException:  # stopped while it opens
            worker.kill()
            process.wait()
            raise
        if mistake := told.get("mistake"):
            await worker.end()
            raise UserError(mistake)
        worker.about = told["about"]
        worker._listening = asyncio.create_task(worker._listen())
        return worker

    @property
    def num_asked(self) -> int:
        """Batches that it has and has not answered."""
        return len(self._asked)

    async def ask(self, items: Sequence[Mapping[str, Any]]) -> list[Any]:
        """Return a reply to each item; `WorkerGone` where it ends before."""
        if self.gone.is_set():
            raise WorkerGone(was_begun=False)
        future = asyncio.get_running_loop().create_future()
        try:
            self._writer.write(framed({"items": list(items)}))
        except (OSError, RuntimeError):  # closed a moment ago: `gone` is told when what it wrote last is read
            raise WorkerGone(was_begun=False) from None
        self._asked.append(future)
        replies: list[Any] = await future
        return replies

    def kill(self) -> None:
        """End it at once, whatever it is at."""
        with suppress(ProcessLookupError):
            self.process.kill()
        self._writer.close()

    async def end(self) -> None:
        """Let it answer what it has, then end it."""
        while self._asked and not self.gone.is_set():
            await asyncio.sleep(0.005)
        self._writer.close()
        for _ in range(200):
            if self.process.poll() is not None:
                break
            await asyncio.sleep(0.01)
        else:
            self.kill()
            await asyncio.to_thread(self.process.wait)
        if self._listening:
            await self._listening

    async def _listen(self) -> None:
        try:
            while True:
                found = await read_frame(self._reader)
                future = self._asked.popleft()
                if not future.done():
                    future.set_result(found["replies"])
        except (asyncio.IncompleteReadError, OSError, ValueError):
            self.kill()
        finally:
            self.gone.set()
            for number, future in enumerate(self._asked):
                if not future.done():
                    future.set_exception(WorkerGone(was_begun=number == 0))
            self._asked.clear()
            await asyncio.to_thread(self.process.wait)
