"""The server under more clients than it can answer: is an answer lost, swapped or late, and what does HTTP cost?

    python benchmarks/serving.py                        1,000 clients for a minute
    python benchmarks/serving.py --quick                60 clients for four seconds; nothing is kept
    python benchmarks/serving.py --kill 10              and a worker is killed (-9) every ten seconds

`mamebert serve` runs with a classifier, an encoder and its vectors (random weights, texts of lognormal lengths). The
clients, in a process of their own, each ask one request after the other on a connection that stays open; every answer
is compared, byte for byte, with what `mamebert.load` gives offline. A client that is refused (429) comes again when it
was told to.

`lost_or_swapped` counts requests without an answer, with another status than 200 or 429 (or 503, told to come again,
where workers are killed), or with another answer than the offline one. `p99_seconds` is that of the accepted.
`of_offline` are the texts a second that were answered, as a share of those of `load` on the same texts in one call:
clients, server and workers share the cores. `overhead_ms` is processor time of the server's own process for each
answer. `memory_growth` compares the memory of all its processes at the end with that after a third of the time. Ends
with one JSON line.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

os.environ |= {"OMP_WAIT_POLICY": "passive", "HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false"}

import numpy as np
import torch
from _clock import machine
from transformers import BertTokenizer

from mamebert.checkpoints.save import save_pretraining
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.serving.load import load
from mamebert.serving.spelling import as_json
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import save_network, start_network
from mamebert.tokenizer.pieces import SPECIAL_TOKENS

WORDS, LONGEST = 2_000, 126
LOG_LENGTH = 3.0, 0.8  # logarithms of the numbers of words of a text: half of them have twenty or fewer
CLIENT_SECONDS = 120.0
RESULT = Path(__file__).parent / "results" / "serving.json"


class Question(NamedTuple):
    """A request as bytes, and the body that answers it."""

    request: bytes
    answer: bytes | None
    """None where it is not compared: another's numbers differ in their last digits."""
    num_texts: int


def make_models(folder: Path, layers: int, width: int) -> dict[str, Path]:
    """Write an encoder and a classifier with random weights."""
    words = [*SPECIAL_TOKENS, *(f"w{number}" for number in range(WORDS))]
    BertTokenizer(vocab={word: number for number, word in enumerate(words)}).save_pretrained(folder / "tokenizer")
    (folder / "tokenizer" / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    torch.manual_seed(0)
    sizes = {"hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": width // 64}
    shape = EncoderConfig(**sizes, max_position_embeddings=128, initializer_range=0.1)
    save_pretraining(PretrainingNetwork(shape, len(words)), folder / "tokenizer", folder / "words")
    task, learnt = Task.find("classification")(max_length=128), TaskState(("bad", "good", "neither"))
    network = start_network(task, folder / "words", learnt, Reading())
    save_network(network, task, learnt, Reading(), folder / "words", folder / "classes")
    return {"classes": folder / "classes", "words": folder / "words"}


def texts_of(number: int, rng: np.random.Generator) -> list[str]:
    lengths = np.clip(rng.lognormal(*LOG_LENGTH, number), 1, LONGEST).astype(int)
    return [" ".join(f"w{word}" for word in rng.integers(0, WORDS, length)) for length in lengths]


def questions(models: dict[str, Path], number: int) -> tuple[list[Question], float]:
    """Return requests with the answers of `load`, and how many texts a second that answered."""
    rng = np.random.default_rng(1)
    classes, vectors = load(models["classes"]), load(models["words"], "sentence_embeddings")
    words = load(models["words"], "fill-mask")
    made, texts = [], texts_of(number, rng)
    classes(texts[:64]), vectors(texts[:64])  # the first batch lays weights out
    started = perf_counter()
    labels, found = classes(texts), vectors(texts)
    rate = 2 * number / (perf_counter() - started)
    for start in range(0, number, 4):
        some = slice(start, start + int(rng.integers(1, 5)))
        answers = ", ".join(map(as_json, labels[some]))
        made.append(
            question("/v1/classify", {"inputs": texts[some]}, f'{{"model": "classes", "answers": [{answers}]}}')
        )
        lists = ", ".join(as_json(each["vector"]) for each in found[some])
        made.append(question("/embed", {"inputs": texts[some], "normalize": False}, f"[{lists}]"))
    for text in texts[: number // 8]:
        masked = f"{text[:300].rsplit(' ', 1)[0]} [MASK]"
        answer = as_json({"text": masked, "masks": words([masked])[0]})
        made.append(question("/v1/fill-mask", {"inputs": masked}, f'{{"model": "words", "answers": [{answer}]}}'))
    return made, rate


def question(path: str, body: dict[str, Any], answer: str | None) -> Question:
    content = json.dumps(body).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    )
    texts = body.get("inputs", body.get("input"))
    number = len(texts) if isinstance(texts, list) else 1
    return Question(head.encode() + content, None if answer is None else answer.encode(), number)


class Clients:
    """Connections that ask one request after the other, and what came back."""

    def __init__(self, port: int, asked: list[Question], seconds: float, *, may_be_given_up: bool = False) -> None:
        self.port, self.asked, self.may_be_given_up = port, asked, may_be_given_up
        self.end = perf_counter() + seconds
        self.statuses: Counter[str] = Counter()
        self.accepted: list[float] = []
        self.refused: list[float] = []
        self.num_texts = 0

    async def all(self, number: int) -> None:
        await asyncio.gather(*(self._client(seed) for seed in range(number)))

    async def _client(self, seed: int) -> None:
        rng, connection = random.Random(seed), None
        await asyncio.sleep(rng.random())
        while perf_counter() < self.end:
            asked = rng.choice(self.asked)
            started = perf_counter()
            try:
                connection = connection or await asyncio.open_connection("127.0.0.1", self.port, limit=2**24)
                status, body, again = await asyncio.wait_for(exchange(*connection, asked.request), CLIENT_SECONDS)
            except (OSError, asyncio.IncompleteReadError, TimeoutError, ValueError) as error:
                self.statuses[f"lost: {type(error).__name__}"] += 1
                connection = None
                continue
            seconds = perf_counter() - started
            self.statuses[str(status)] += 1
            if status == 200:
                self.accepted.append(seconds)
                self.num_texts += asked.num_texts
                self.statuses["swapped"] += asked.answer is not None and body != asked.answer
            else:
                self.refused.append(seconds)
                left = self.end - perf_counter()
                await asyncio.sleep(max(0.0, min(again * (0.5 + rng.random()), left)))
        if connection:
            connection[1].close()

    @property
    def num_wrong(self) -> int:
        # Where workers are killed faster than others start, a request may be given up in time (503).
        told = ("200", "429", "503") if self.may_be_given_up else ("200", "429")
        return sum(count for name, count in self.statuses.items() if name not in told)


async def exchange(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes
) -> tuple[int, bytes, int]:
    """Return status, body, and the seconds after which to come again."""
    writer.write(request)
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    size = int(head.partition("content-length:")[2].split("\r\n")[0])
    again = int(head.partition("retry-after:")[2].split("\r\n")[0] or 1)
    return int(head.split()[1]), await reader.readexactly(size), again


class Running:
    """`mamebert serve`, and what its processes take."""

    def __init__(self, models: dict[str, Path], threads: int, precision: str = "auto") -> None:
        words = [f"models.{name}={folder}" for name, folder in models.items()]
        words += [f"threads={threads}", f"precision={precision}"]
        if "words" in models:
            words += [f"models.vectors={models['words']}", "kinds.vectors=sentence_embeddings"]
        program = [sys.executable, "-m", "mamebert", "serve", *words, "--port", "0", "--log", "none"]
        self.process = subprocess.Popen(program, stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = next(line for line in self.process.stderr if '"listening"' in line)
        self.port = int(json.loads(line)["address"].rpartition(":")[2])

    def workers(self) -> list[int]:
        told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(number) for number in told.split()]

    def bytes(self) -> int:
        total = 0
        for number in (self.process.pid, *self.workers()):
            with suppress(OSError):
                total += int(Path(f"/proc/{number}/statm").read_text().split()[1])
        return total * os.sysconf("SC_PAGE_SIZE")

    def stop(self) -> int:
        self.process.terminate()
        return self.process.wait(60)

    def processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load_test(
    running: Running, asked: list[Question], clients: int, seconds: float, kill: float
) -> dict[str, Any]:
    load_of = Clients(running.port, asked, seconds, may_be_given_up=kill > 0)
    before, memory = running.processor_seconds(), [0]

    async def look() -> None:
        await asyncio.sleep(seconds / 3)
        memory[0] = running.bytes()

    async def kill_some() -> None:
        while kill:
            await asyncio.sleep(kill)
            if workers := running.workers():
                os.kill(random.choice(workers), signal.SIGKILL)

    others = [asyncio.create_task(look()), asyncio.create_task(kill_some())]
    await load_of.all(clients)
    for task in others:
        task.cancel()
    accepted, refused = np.array(load_of.accepted or [0.0]), np.array(load_of.refused or [0.0])
    return {
        "clients": clients,
        "seconds": seconds,
        "statuses": dict(load_of.statuses),
        "lost_or_swapped": load_of.num_wrong,
        "p50_seconds": round(float(np.quantile(accepted, 0.5)), 4),
        "p99_seconds": round(float(np.quantile(accepted, 0.99)), 4),
        "refused_p99_seconds": round(float(np.quantile(refused, 0.99)), 4),
        "texts_each_second": round(load_of.num_texts / seconds, 1),
        "overhead_ms": round(1000 * (running.processor_seconds() - before) / max(1, load_of.statuses.total()), 3),
        "memory_growth": round(running.bytes() / max(1, memory[0]) - 1, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--kill", type=float, default=0.0, help="seconds between two kills of a worker")
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--threads", type=int, default=1, help="of each worker")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # and the server ends with us
    clients, seconds = (60, 4.0) if given.quick else (given.clients, given.seconds)
    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as scratch:
        models = make_models(Path(scratch), given.layers, given.width)
        asked, offline = questions(models, 64 if given.quick else 512)
        running = Running(models, given.threads)
        try:
            found = asyncio.run(load_test(running, asked, clients, seconds, given.kill))
        finally:
            code = running.stop()
    told = {"kind": "serving", **machine(torch.device("cpu")), "shape": f"L{given.layers}-H{given.width}", **found}
    told |= {"offline_texts_each_second": round(offline, 1), "exit_code": code, "kills_every": given.kill}
    told["of_offline"] = round(found["texts_each_second"] / offline, 3)
    if not given.quick and not given.kill:
        RESULT.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told))


if __name__ == "__main__":
    main()
