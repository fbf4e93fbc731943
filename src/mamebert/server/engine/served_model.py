"""A model that is served: a queue, a worker, another worker when that one is gone or the folder is a new one."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from mamebert.errors import UserError
from mamebert.server.engine.refusals import ClientGone, Refused
from mamebert.server.engine.state_of_folder import state_of
from mamebert.server.engine.waiting import Piece, Request, Waiting
from mamebert.server.engine.worker_process import Worker, WorkerGone
from mamebert.server.metrics import ModelMetrics
from mamebert.server.settings import Batching, Limits
from mamebert.server.told import tell

BATCHES_AHEAD = 2
"""Batches that a worker has: one at work, and one so that it need not wait for the next."""
MOST_DEATHS = 3
"""Workers that may end over a text before it is given up."""
UNWATCHED_SECONDS = 0.05
"""An answer that takes no longer is not given up when its client goes away."""
SLOWEST_RESTART = 5.0
FIRST_RESTART = 0.05


class ServedModel:
    """Answers of one model; everything runs in one event loop."""

    def __init__(
        self, name: str, settings: Mapping[str, Any], limits: Limits, batching: Batching, metrics: ModelMetrics
    ) -> None:
        self.name = name
        self.settings = dict(settings)
        """What a worker is told: folder, kind, precision, threads, most_tokens."""
        self.limits, self.batching, self.metrics = limits, batching, metrics
        self.waiting = Waiting(limits)
        self.about: dict[str, Any] = {}
        self._worker: Worker | None = None
        self._is_there = asyncio.Event()
        self._slots = asyncio.Semaphore(BATCHES_AHEAD)
        self._num_requests = 0
        self._state = ""
        self._tasks: list[asyncio.Task[Any]] = []
        self._background: set[asyncio.Task[None]] = set()
        self._num_batches = 0
        self._last_answer = 0.0
        metrics.follow(self.waiting)

    async def open(self, watch_seconds: float = 0.0) -> None:
        """Start the first worker; a folder that cannot be opened is a UserError."""
        self._state = state_of(self._folder)
        self._take_over(await Worker.start(self.settings))
        self._tasks = [asyncio.create_task(self._feed()), asyncio.create_task(self._keep_a_worker())]
        if watch_seconds:
            self._tasks.append(asyncio.create_task(self._watch(watch_seconds)))

    async def close(self) -> None:
        """Answer everything that was taken, then end the worker."""
        while self._num_requests:
            await asyncio.sleep(0.005)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._background, return_exceptions=True)
        if self._worker:
            await self._worker.end()

    async def ask(
        self,
        items: Sequence[Mapping[str, Any]],
        *,
        is_first: bool = False,
        seconds: float = 0.0,
        until: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> list[Any]:
        """Return a reply to each item; `Refused` where there is no room, or no answer in time.

        `until` ends when nobody waits any more, which is `ClientGone`. Then, and where this is cancelled, what was not
        begun is not computed.
        """
        if not items:
            return []
        request = self.waiting.add(items, is_first=is_first)
        self._num_requests += 1
        left = seconds or self.limits.seconds
        # Most answers are there before it is worth a task to look whether somebody still waits for them.
        soon = min(UNWATCHED_SECONDS, left)
        watch = asyncio.get_running_loop().call_later(
            soon, lambda: self._in_background(self._watch_over(request, left - soon, until))
        )
        try:
            return await request.answered
        finally:
            watch.cancel()
            self._num_requests -= 1
            self._forget(request)

    async def _watch_over(
        self, request: Request, seconds: float, until: Callable[[], Coroutine[Any, Any, None]] | None
    ) -> None:
        """End the wait of a request whose time is over, or whose client is gone."""
        gone = asyncio.create_task(until()) if until else None
        ends: list[asyncio.Future[Any]] = [request.answered, *([gone] if gone else [])]
        try:
            await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            if request.answered.done():
                return
            if gone and gone.done():
                request.answered.set_exception(ClientGone())
                return
            self.metrics.timed_out()
            told = Refused(503, "The answer did not come in time. Come again.", retry_after=1)
            request.answered.set_exception(told)
        finally:
            if gone:
                gone.cancel()

    async def is_ready(self, seconds: float) -> bool:
        """Tell whether the model answers its own example now, as it did when it was opened."""
        if not self.about:
            return False
        try:
            (reply,) = await self.ask([self.about["example"]], is_first=True, seconds=seconds)
        except Refused:
            return False
        return bool(reply[0] == "ok")

    @property
    def process_id(self) -> int | None:
        """The process of the worker; None while there is none."""
        return self._worker.process.pid if self._worker and not self._worker.gone.is_set() else None

    @property
    def _folder(self) -> Path:
        return Path(self.settings["folder"])

    def _forget(self, request: Request) -> None:
        request.answered.cancel()
        if request.left:
            self.waiting.give_up(request)

    def _take_over(self, worker: Worker) -> None:
        """Ask this worker from now on; the one before ends when it has answered what it has."""
        old, self._worker, self.about = self._worker, worker, worker.about
        if old and not old.gone.is_set():
            self._in_background(old.end())
        self.waiting.tokens_each_second = worker.about.get("tokens_each_second", 0.0)
        self._is_there.set()
        self.metrics.up(True)

    async def _feed(self) -> None:
        """Give the worker batches for as long as there is something to do."""
        while True:
            await self._slots.acquire()
            await self.waiting.has_some.wait()
            await self._wait_for_more()
            batch = self.waiting.take(self._most_tokens())
            if not batch:
                self._slots.release()
                continue
            self._num_batches += 1
            self._in_background(self._do(batch))

    def _most_tokens(self) -> int:
        """Return how large a batch may be: as is answered in a moment, on this machine, as it is now."""
        speed = self.waiting.tokens_each_second
        return min(self.batching.tokens, int(speed * self.batching.seconds)) if speed else self.batching.tokens

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)  # the loop itself does not hold it
        task.add_done_callback(self._background.discard)

    async def _wait_for_more(self) -> None:
        """Wait a moment where the model is idle and others ask too, so that their texts share a batch."""
        is_alone = self._num_requests <= 1
        while not is_alone and not self._num_batches and self.waiting.pieces:
            left = self.waiting.pieces[0].since + self.batching.wait_seconds - monotonic()
            if left <= 0 or self.waiting.tokens >= self._most_tokens():
                return
            await asyncio.sleep(min(left, 0.001))

    async def _do(self, batch: list[Piece]) -> None:
        try:
            worker = await self._a_worker()
            started = monotonic()
            most = self.batching.worker_seconds * (1 + worker.num_asked)
            try:
                async with asyncio.timeout(most):
                    replies = await worker.ask([piece.item for piece in batch])
            except TimeoutError:
                tell("worker hangs", model=self.name, seconds=most)
                worker.kill()
                raise WorkerGone(was_begun=True) from None
            now = monotonic()
            # A batch that was sent ahead began when the one before it was answered.
            self._settle(batch, replies, now - max(started, self._last_answer))
            self._last_answer = now
        except WorkerGone as gone:
            self._again(batch, gone.was_begun)
        except Exception as error:  # whatever it is, those who wait are answered, by the next try or with a sentence
            tell("batch failed", model=self.name, why=type(error).__name__)
            self._again(batch, was_begun=True)
        finally:
            self.waiting.came_back(batch)
            self._num_batches -= 1
            self._slots.release()

    async def _a_worker(self) -> Worker:
        await self._is_there.wait()
        assert self._worker is not None
        return self._worker

    def _settle(self, batch: list[Piece], replies: list[Any], seconds: float) -> None:
        tokens = sum(reply[2] for reply in replies if reply[0] == "ok")
        self.waiting.learn(batch, tokens, seconds)
        self.metrics.batch(len(batch), tokens, seconds)
        for piece, reply in zip(batch, replies, strict=True):
            piece.request.settle(piece.place, reply)

    def _again(self, batch: list[Piece], was_begun: bool) -> None:
        """Let texts wait again whose worker ended; one over which several did is given up."""
        kept = []
        for piece in batch:
            piece.num_deaths += was_begun
            if piece.num_deaths < MOST_DEATHS:
                kept.append(piece)
            else:
                sentence = f"{MOST_DEATHS} workers ended while they were at this text. Ask it differently."
                piece.request.settle(piece.place, ["no", 503, sentence])
        self.waiting.put_back(kept)

    async def _keep_a_worker(self) -> None:
        """Start a new worker whenever one ends by itself."""
        pause = FIRST_RESTART
        while True:
            worker = self._worker
            if worker and not worker.gone.is_set():
                await worker.gone.wait()
                if worker is not self._worker:  # its folder was replaced, and it has done its work
                    continue
                self._is_there.clear()
                self.metrics.up(False)
                self.metrics.died()
                tell("worker gone", model=self.name, code=worker.process.poll())
            try:
                self._state = state_of(self._folder)
                self._take_over(await Worker.start(self.settings))
                tell("worker started", model=self.name)
                pause = FIRST_RESTART
            except Exception as error:  # whatever it is, another one has to be tried
                told = str(error) if isinstance(error, UserError) else type(error).__name__
                tell("worker does not start", model=self.name, why=told)
                await asyncio.sleep(pause)
                pause = min(2 * pause, SLOWEST_RESTART)

    async def _watch(self, every: float) -> None:
        """Take over a folder that was replaced, once it has stopped changing and answers; else keep what is there."""
        seen = refused = self._state
        while True:
            await asyncio.sleep(every)
            before, seen = seen, await asyncio.to_thread(state_of, self._folder)
            if seen in ("", self._state, refused) or seen != before or not self._is_there.is_set():
                continue
            try:
                new = await Worker.start(self.settings)
            except (UserError, OSError) as error:
                refused = seen
                tell("new folder refused, the old model answers", model=self.name, why=str(error))
                continue
            self._state = seen
            self._take_over(new)
            self.metrics.replaced()
            tell("model replaced", model=self.name, self_test=new.about["self_test"])
