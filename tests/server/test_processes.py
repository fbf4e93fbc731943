"""The real thing: the command, its workers as processes, signals, and folders that are replaced meanwhile."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import pytest
from tests.server.conftest import Reached

from mamebert.serving.load import load
from mamebert.serving.spelling import as_json

pytestmark = pytest.mark.slow
NOUNS = ("boat", "rope", "tide", "sail", "net", "gull", "pier", "pot", "salt", "bread", "bean", "leaf")
TEXTS = [f"The old {noun} meets the {other}." for noun, other in zip(NOUNS, NOUNS[1:] + NOUNS[:1], strict=True)]
PATIENCE = 120
"""Seconds: machines that do other things start a process slowly."""


class Running(Reached):
    """`mamebert serve` in a process of its own, and what it told."""

    def __init__(self, *words):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "mamebert", "serve", *map(str, words), "--port", "0", "--threads", "1"],
            stderr=subprocess.PIPE,
            text=True,
        )
        self.events = []
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        address = self.wait_for("listening")["address"]
        super().__init__(int(address.rpartition(":")[2]))

    def _read(self):
        for line in self.process.stderr:
            self.events.append(json.loads(line) if line.startswith("{") else {"event": line})

    def wait_for(self, event):
        """Return the first event of this name, when it is told."""
        for _ in range(PATIENCE * 50):
            for each in self.events:
                if each["event"] == event:
                    self.events.remove(each)
                    return each
            assert self.process.poll() is None, self.events
            time.sleep(0.02)
        raise AssertionError(f"{event} was not told: {self.events}")

    def workers(self):
        """Return the processes of the workers."""
        words = ["ps", "-o", "pid=", "--ppid", str(self.process.pid)]
        told = subprocess.run(words, capture_output=True, text=True, check=False)
        return [int(number) for number in told.stdout.split()]


class Clients:
    """Threads that ask one after the other, and keep what was not answered as it should be."""

    def __init__(self, reached, *allowed):
        self.reached, self.allowed = reached, allowed
        self.wrong, self.num_right, self.stopped = [], 0, False
        self.threads = [threading.Thread(target=self._ask, args=(n,)) for n in range(4)]

    def _ask(self, number):
        while not self.stopped:
            text = TEXTS[(self.num_right + number) % len(TEXTS)]
            said = self.reached.ask("/v1/classify", {"inputs": text})
            if said.status == 200 and said.text in [expected[text] for expected in self.allowed]:
                self.num_right += 1
            else:
                self.wrong.append((text, said))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopped = True
        for thread in self.threads:
            thread.join()

    def until(self, more):
        """Wait until so many more answers are there."""
        goal = self.num_right + more
        while self.num_right < goal and not self.wrong:
            time.sleep(0.01)


@pytest.fixture(scope="module")
def folder(toy_model, tmp_path_factory):
    place = tmp_path_factory.mktemp("live") / "pets"
    shutil.copytree(toy_model("classification", "one", {}), place)
    return place


@pytest.fixture(scope="module")
def running(folder):
    found = Running(folder, "watch_seconds=0.2", "limits.seconds=100")
    yield found
    found.process.kill()


def answers_of(folder):
    told = zip(TEXTS, load(folder)(TEXTS), strict=True)
    return {text: f'{{"model": "pets", "answers": [{as_json(each)}]}}' for text, each in told}


@pytest.fixture(scope="module")
def expected(folder):
    found = answers_of(folder)
    assert len(set(found.values())) > 6  # so that answers that are swapped are seen
    return found


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_a_killed_worker_is_noticed_and_no_answer_is_lost(running, expected):
    with Clients(running, expected) as clients:
        clients.until(8)
        (worker,) = running.workers()
        killed = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        running.wait_for("worker gone")
        assert time.monotonic() - killed < 2
        clients.until(8)
    assert clients.wrong == []
    assert worker not in running.workers()
    assert 'mamebert_worker_deaths_total{model="pets"} 1.0' in running.ask("/metrics").text


def test_a_folder_that_is_replaced_is_taken_over_without_losing_a_request(running, folder, toy_model, expected):
    new = folder.with_name("new")
    shutil.copytree(toy_model("classification", "two", {}, seed=7), new)
    others = answers_of(new)
    assert others != expected
    with Clients(running, expected, others) as clients:
        clients.until(4)
        folder.rename(folder.with_name("old"))
        new.rename(folder)
        running.wait_for("model replaced")
        clients.until(4)
    assert clients.wrong == []
    assert running.ask("/v1/classify", {"inputs": TEXTS[0]}).text == others[TEXTS[0]]


def test_a_folder_that_becomes_a_wrong_one_changes_nothing(running, folder):
    running.events.clear()
    before = running.ask("/v1/classify", {"inputs": TEXTS[0]})
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text("{}")
    told = running.wait_for("new folder refused, the old model answers")
    assert told["why"].endswith(".")
    assert running.ask("/v1/classify", {"inputs": TEXTS[0]}).text == before.text
    assert running.ask("/health").status == 200
    (folder / "config.json").write_text(config)


@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_sigterm_answers_what_was_taken_and_ends_with_0(running):
    many = {"inputs": [f"{text} {'boat ' * 25}" for text in TEXTS * 20]}
    said = []
    thread = threading.Thread(target=lambda: said.append(running.ask("/v1/classify", many)))
    thread.start()
    time.sleep(0.1)
    running.process.send_signal(signal.SIGTERM)
    thread.join()
    assert said[0].status == 200
    assert len(said[0].json["answers"]) == 240
    assert running.process.wait(PATIENCE) == 0
    assert running.workers() == []


def test_no_text_is_in_the_log(running):
    told = json.dumps(running.events)
    assert "request" in told
    assert "boat" not in told
