"""`mamebert serve` beside FastAPI around the pipeline of transformers, or beside Infinity, in turns.

    python benchmarks/serving_peer.py                        L6-H384, 32 clients, three turns of 15 seconds each
    python benchmarks/serving_peer.py --precision int8       ours with bytes as weights
    python benchmarks/serving_peer.py --infinity PROGRAM     vectors, by infinity_emb, which wants its own environment

Both serve the same folder of a classifier (random weights, texts of lognormal lengths, one to four in a request) to
the same clients, and all labels are compared: with those of float32 the peer's, with `mamebert.load`'s ours. The peer
is `uvicorn --workers` with a process for each thread of the machine, torch on one thread in each, and the texts of a
request as one batch. Ends with one JSON line: texts a second of both, medians over the turns, and their ratio.
"""

import argparse
import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import closing
from functools import partial
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from time import sleep
from typing import Any

import numpy as np
import torch
from _clock import machine

from mamebert.serving.load import load
from mamebert.serving.spelling import as_json
from serving import Clients, Question, Running, make_models, question, texts_of

MODEL = "SERVING_PEER_MODEL"  # the folder, for the workers that uvicorn starts


def make_app() -> Any:
    """Return the peer's application: a classifier of transformers behind one route."""
    from fastapi import FastAPI
    from pydantic import BaseModel
    from transformers import pipeline

    class Asked(BaseModel):
        inputs: list[str]

    torch.set_num_threads(1)
    classify, app = pipeline("text-classification", os.environ[MODEL]), FastAPI()

    @app.post("/classify")
    def _(asked: Asked) -> list[str]:
        with torch.inference_mode():
            return [each["label"] for each in classify(asked.inputs, batch_size=len(asked.inputs), truncation=True)]

    return app


class Peer:
    """A server of somebody else, on a port of its own."""

    def __init__(self, path: str, body: dict[str, Any], program: Sequence[str], **environment: str) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        words = [*program, "--port", str(self.port)]
        self.process = subprocess.Popen(words, env=os.environ | environment, start_new_session=True)
        for _ in range(1200):
            if self.answer(path, body):
                return
            sleep(0.1)
        self.stop()
        raise SystemExit("the peer did not start within two minutes")

    def answer(self, path: str, body: dict[str, Any]) -> Any:
        """Return what it answers, None where it does not."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", path, json.dumps(body).encode(), {"Content-Type": "application/json"})
            response = connection.getresponse()
            return json.loads(response.read()) if response.status == 200 else None
        except OSError:
            return None
        finally:
            connection.close()

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(60)


def pipeline_server(folder: Path, threads: int) -> Peer:
    program = [sys.executable, "-m", "uvicorn", "--factory", "serving_peer:make_app", "--app-dir"]
    program += [str(Path(__file__).parent), "--workers", str(threads), "--log-level", "error", "--no-access-log"]
    return Peer("/classify", {"inputs": ["w1 w2"]}, program, **{MODEL: str(folder)})


def infinity_server(program: str, folder: Path, threads: int) -> Peer:
    words = [program, "v2", "--model-id", str(folder), "--engine", "torch", "--device", "cpu"]
    words += ["--no-bettertransformer", "--no-model-warmup", "--log-level", "error"]
    quiet = {"DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0", "OMP_NUM_THREADS": str(threads)}
    return Peer("/embeddings", {"model": "words", "input": ["w1 w2"]}, words, **quiet)


def classify_questions(folder: Path, texts: list[list[str]], precision: str) -> tuple[list[Question], list[Question]]:
    """Return the same texts as we and FastAPI are asked for labels, with the right answers."""
    classes, floats, ours, theirs = load(folder, precision=precision), load(folder), [], []
    for some in texts:
        answers = ", ".join(map(as_json, classes(some)))
        ours.append(question("/v1/classify", {"inputs": some}, f'{{"model": "classes", "answers": [{answers}]}}'))
        labels = json.dumps([label["label"] for label in floats(some)], separators=(",", ":"))
        theirs.append(question("/classify", {"inputs": some}, labels))
    return ours, theirs


def embedding_questions(texts: list[list[str]]) -> tuple[list[Question], list[Question]]:
    """Return the same texts as we and Infinity are asked for vectors."""
    bodies = [{"model": "vectors", "input": some} for some in texts]
    return tuple([question(path, body, None) for body in bodies] for path in ("/v1/embeddings", "/embeddings"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--infinity", default="", metavar="PROGRAM", help="infinity_emb of an environment of its own")
    parser.add_argument("--precision", default="float32", help="of ours; the peer's is float32")
    given = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        models = make_models(Path(scratch), given.layers, given.width)
        rng, texts = np.random.default_rng(1), texts_of(512, np.random.default_rng(1))
        parts = [texts[start : start + int(rng.integers(1, 5))] for start in range(0, len(texts), 4)]
        if given.infinity:
            mine, peer = {"words": models["words"]}, partial(infinity_server, given.infinity, models["words"], threads)
            ours, theirs = embedding_questions(parts)
        else:
            mine, peer = {"classes": models["classes"]}, partial(pipeline_server, models["classes"], threads)
            ours, theirs = classify_questions(models["classes"], parts, given.precision)
        rates: dict[str, list[float]] = {"mamebert": [], "peer": []}
        wrong = 0
        for name, questions in [("mamebert", ours), ("peer", theirs)] * given.turns:
            server = peer() if name == "peer" else Running(mine, 1, given.precision)
            clients = Clients(server.port, questions, given.seconds)
            try:
                asyncio.run(clients.all(given.clients))
            finally:
                server.stop()
            rates[name].append(clients.num_texts / given.seconds)
            wrong += clients.num_wrong
    told = {"kind": "serving_peer", **machine(torch.device("cpu")), "shape": f"L{given.layers}-H{given.width}"}
    told |= {"peer": "infinity" if given.infinity else "pipeline", "clients": given.clients}
    told |= {"precision": given.precision, "wrong": wrong}
    told |= {f"{name}_texts_each_second": round(median(found), 1) for name, found in rates.items()}
    ratios = [one / other for one, other in zip(rates["mamebert"], rates["peer"], strict=True)]
    print(json.dumps(told | {"times_the_peer": round(median(ratios), 2)}))


if __name__ == "__main__":
    main()
