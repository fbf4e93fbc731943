"""The queue, and workers that answer late, wrongly or never; no model is needed to see that."""

import asyncio
import time

import pytest

from mamebert.errors import UserError
from mamebert.server.engine.refusals import Refused
from mamebert.server.engine.state_of_folder import state_of
from mamebert.server.engine.waiting import Waiting
from mamebert.server.engine.worker_process import Worker, WorkerGone
from mamebert.server.settings import Batching, Limits

TEXT = "x" * 100  # 40 tokens and two around it, before anything is known of the tokenizer


class FakeWorker:
    """Answers each text with itself, after `seconds`, and ends over the texts in `deadly`."""

    started = 0
    seconds = 0.0
    deadly = ()
    hangs = False
    refuses = False

    def __init__(self):
        type(self).started += 1
        self.number = self.started
        self.about = {"kind": "echo", "example": {"do": "answer", "asked": "me"}, "self_test": "0"}
        self.batches = []
        self.gone = asyncio.Event()
        self.num_asked = 0
        self.process = type("Process", (), {"poll": lambda _: -9, "pid": 1})()
        self.turn = asyncio.Lock()

    @classmethod
    async def start(cls, settings):
        if cls.refuses:
            raise UserError("The folder is odd. Mend it.")
        await asyncio.sleep(0)
        return cls()

    async def ask(self, items):
        self.num_asked += 1
        async with self.turn:
            if self.gone.is_set():
                raise WorkerGone(was_begun=False)
            texts = [item["asked"] for item in items]
            self.batches.append(texts)
            if self.hangs:
                await asyncio.sleep(60)
            if set(texts) & set(self.deadly):
                self.gone.set()
                raise WorkerGone(was_begun=True)
            await asyncio.sleep(self.seconds)
            self.num_asked -= 1
            return [["ok", f'"{text}"', max(1, int(len(text) * 0.4)), 0] for text in texts]

    def kill(self):
        self.gone.set()

    async def end(self):
        self.gone.set()


@pytest.fixture
def made(monkeypatch):
    """Return a function that makes an open model and a kind of workers for it."""
    from mamebert.server.engine import served_model
    from mamebert.server.metrics import Metrics, ModelMetrics

    async def make(limits=None, batching=None, **how):
        worker = type("Worker", (FakeWorker,), {"started": 0, **how})
        monkeypatch.setattr(served_model, "Worker", worker)
        metrics = ModelMetrics(Metrics(), "m")
        settings = {"folder": "/nowhere"}
        model = served_model.ServedModel("m", settings, Limits(**(limits or {})), Batching(**(batching or {})), metrics)
        await model.open()
        return model

    return make


def asked(*texts):
    return [{"do": "answer", "asked": text} for text in texts]


def told(replies):
    return [reply[1].strip('"') for reply in replies]


def test_texts_that_wait_together_share_a_batch_of_so_many_tokens(made):
    async def go():
        model = await made(batching={"tokens": 100}, seconds=0.02)
        worker = model._worker
        found = await asyncio.gather(*(model.ask(asked(f"{n}{TEXT}")) for n in range(6)))
        assert [told(each)[0][0] for each in found] == list("012345")
        sizes = [len(batch) for batch in worker.batches]
        assert sum(sizes) == 6
        assert max(sizes) == 2  # 42 tokens each, about
        await model.close()

    asyncio.run(go())


def test_a_text_larger_than_a_batch_is_a_batch_of_its_own(made):
    """Others went round for ever where the limit of a batch was below the length of an input."""

    async def go():
        model = await made(batching={"tokens": 8})
        worker = model._worker
        assert told(await model.ask(asked(TEXT, TEXT * 3, "a"))) == [TEXT, TEXT * 3, "a"]
        assert [len(batch) for batch in worker.batches] == [1, 1, 1]
        await model.close()

    asyncio.run(go())


def test_a_full_queue_refuses_at_once_and_says_when_to_come_again(made):
    async def go():
        model = await made(limits={"texts": 4, "queue_texts": 8}, batching={"tokens": 8}, seconds=0.2)
        waiting = [asyncio.create_task(model.ask(asked(*[TEXT] * 4))) for _ in range(2)]
        await asyncio.sleep(0.05)  # two of eight are with the worker
        started = time.perf_counter()
        with pytest.raises(Refused) as refusal:
            await model.ask(asked(*[TEXT] * 4))
        assert time.perf_counter() - started < 0.05
        assert refusal.value.status == 429
        assert refusal.value.retry_after >= 1
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert not model.waiting.pieces
        assert model.waiting.characters == 0
        await model.close()

    asyncio.run(go())


def test_a_list_counts_as_all_its_texts(made):
    """Others counted requests, so that lists went by the limit."""

    async def go():
        model = await made(limits={"texts": 4, "queue_texts": 4})
        with pytest.raises(Refused, match="5 texts, and 4 are taken") as refusal:
            await model.ask(asked(*"abcde"))
        assert refusal.value.status == 413
        await model.close()

    asyncio.run(go())


def test_too_many_characters_are_refused_before_anything_reads_them():
    async def go():
        waiting = Waiting(Limits(characters=10, queue_characters=2000))
        with pytest.raises(Refused, match="11 characters, and 10 are taken"):
            waiting.add(asked("x" * 11))
        with pytest.raises(Refused, match="characters"):
            waiting.add(asked({"text": ["deep", ["deeper", "and deeper"]]}))

    asyncio.run(go())


def test_what_is_not_answered_in_time_is_given_up_and_not_computed(made):
    async def go():
        model = await made(limits={"seconds": 0.15}, batching={"tokens": 8}, seconds=0.1)
        worker = model._worker
        with pytest.raises(Refused, match="in time") as refusal:
            await model.ask(asked(*"abcdefgh"))
        assert refusal.value.status == 503
        await asyncio.sleep(0.3)
        assert len(worker.batches) < 5
        await model.close()

    asyncio.run(go())


def test_whoever_goes_away_leaves_nothing_behind(made):
    async def go():
        model = await made(batching={"tokens": 8}, seconds=0.05)
        worker = model._worker
        gone = asyncio.create_task(model.ask(asked(*"abcdefgh")))
        stays = asyncio.create_task(model.ask(asked("z")))
        await asyncio.sleep(0.02)
        gone.cancel()
        assert told(await stays) == ["z"]
        assert len(worker.batches) <= 3
        await model.close()

    asyncio.run(go())


def test_what_a_worker_had_when_it_ended_is_answered_by_the_next(made):
    async def go():
        model = await made(batching={"tokens": 8}, seconds=0.05)
        first = model._worker
        answers = asyncio.gather(*(model.ask(asked(letter)) for letter in "abcdef"))
        await asyncio.sleep(0.07)
        first.kill()
        assert [told(each)[0] for each in await answers] == list("abcdef")
        assert model._worker is not first
        await model.close()

    asyncio.run(go())


def test_a_text_over_which_workers_end_takes_no_other_with_it(made):
    async def go():
        model = await made(deadly=("poison",), batching={"wait_seconds": 0.01})
        found = await asyncio.gather(*(model.ask(asked(text)) for text in ("a", "poison", "b", "c")))
        assert [told(each)[0] for each in (found[0], *found[2:])] == ["a", "b", "c"]
        assert found[1][0][:2] == ["no", 503]
        assert type(model._worker).started == 4  # the first, and one for each time it was tried
        await model.close()

    asyncio.run(go())


def test_a_batch_that_fails_in_an_unforeseen_way_is_tried_again(made):
    failures = iter([RuntimeError("the handler is closed")])

    async def fails_once(worker, items):
        if error := next(failures, None):
            raise error
        return await FakeWorker.ask(worker, items)

    async def go():
        model = await made(ask=fails_once)
        assert told(await model.ask(asked("a", "b"))) == ["a", "b"]
        await model.close()

    asyncio.run(go())


def test_a_worker_whose_socket_was_closed_a_moment_ago_is_gone_and_keeps_nothing():
    class Closed:
        def write(self, content):
            raise RuntimeError("unable to perform operation; the handler is closed")

    async def run():
        worker = Worker(None, None, Closed())
        with pytest.raises(WorkerGone) as gone:
            await worker.ask([{"do": "answer", "asked": "a"}])
        assert not gone.value.was_begun
        assert not worker.num_asked

    asyncio.run(run())


def test_a_worker_that_hangs_is_ended(made):
    async def go():
        model = await made(batching={"worker_seconds": 0.1})
        first = model._worker
        first.hangs = True
        assert told(await model.ask(asked("a"))) == ["a"]
        assert model._worker is not first
        await model.close()

    asyncio.run(go())


def test_closing_answers_what_was_taken(made):
    async def go():
        model = await made(batching={"tokens": 8}, seconds=0.03)
        answers = asyncio.gather(*(model.ask(asked(letter)) for letter in "abcdef"))
        await asyncio.sleep(0.01)
        await model.close()
        assert [told(each)[0] for each in await answers] == list("abcdef")

    asyncio.run(go())


def test_it_is_not_ready_while_nothing_answers(made):
    """Others told 200 while their model was dead."""

    async def go():
        model = await made()
        assert await model.is_ready(1.0)
        type(model._worker).refuses = True
        model._worker.kill()
        started = time.perf_counter()
        assert not await model.is_ready(0.2)
        assert time.perf_counter() - started < 2
        type(model._worker).refuses = False
        assert await model.is_ready(8.0)
        await model.close()

    asyncio.run(go())


def test_it_is_ready_behind_a_full_queue(made):
    async def go():
        model = await made(limits={"texts": 8, "queue_texts": 8}, batching={"tokens": 8}, seconds=0.05)
        waiting = asyncio.create_task(model.ask(asked(*"abcdefgh")))
        await asyncio.sleep(0.01)
        assert await model.is_ready(0.3)
        assert not waiting.done()
        await waiting
        await model.close()

    asyncio.run(go())


def test_what_would_wait_too_long_is_not_taken(made):
    async def go():
        model = await made(limits={"wait_seconds": 1.0}, batching={"tokens": 100, "seconds": 9}, seconds=0.3)
        await model.ask(asked(TEXT))  # 133 tokens a second: what is known of the speed
        waiting = []
        for _ in range(2):  # two batches are with the worker, and then 168 tokens wait
            waiting += [asyncio.create_task(model.ask(asked(TEXT, TEXT))) for _ in range(2)]
            await asyncio.sleep(0.05)
        with pytest.raises(Refused, match="wait already") as refusal:
            await model.ask(asked(TEXT))
        assert refusal.value.status == 429
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await model.close()

    asyncio.run(go())


def test_a_folder_is_another_one_when_its_model_is(tmp_path):
    (tmp_path / "model").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "model" / name).write_text("{}")
    (tmp_path / "metrics.jsonl").write_text("{}")
    before = state_of(tmp_path)
    (tmp_path / "metrics.jsonl").write_text("{}{}")  # a training that goes on
    (tmp_path / "run.json").write_text("{}")
    assert state_of(tmp_path) == before
    (tmp_path / "model" / "config.json").write_text("{ }")
    assert state_of(tmp_path) != before
    assert state_of(tmp_path / "nowhere") == ""
