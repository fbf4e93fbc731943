"""`mamebert serve` beside what people write themselves: FastAPI around the pipeline of transformers, in turns.

    python benchmarks/serving_peer.py                        L6-H384, 32 clients, three turns of 15 seconds each
    python benchmarks/serving_peer.py --precision int8       ours with bytes as weights

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
from contextlib import closing
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
from serving import Clients, Running, make_models, question, texts_of

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
    """The peer's processes, on a port of their own."""

    def __init__(self, folder: Path, workers: int) -> None:
        with closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        program = [sys.executable, "-m", "uvicorn", "--factory", "serving_peer:make_app", "--app-dir"]
        program += [str(Path(__file__).parent), "--port", str(self.port), "--workers", str(workers)]
        program += ["--log-level", "error", "--no-access-log"]
        self.process = subprocess.Popen(program, env=os.environ | {MODEL: str(folder)}, start_new_session=True)
        for _ in range(600):
            if self._answers():
                return
            sleep(0.1)
        raise SystemExit("the peer did not start within a minute")

    def _answers(self) -> bool:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("POST", "/classify", b'{"inputs": ["w1 w2"]}', {"Content-Type": "application/json"})
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--layers", type=int, default=6)
    parser.add_argument("--width", type=int, default=384)
    parser.add_argument("--precision", default="float32", help="of ours; the peer's is float32")
    given = parser.parse_args()
    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = make_models(Path(scratch), given.layers, given.width)["classes"]
        rng = np.random.default_rng(1)
        texts, classes, ours, theirs = texts_of(512, rng), load(folder, precision=given.precision), [], []
        labels, float_labels = classes(texts), load(folder)(texts)
        for start in range(0, len(texts), 4):
            some = slice(start, start + int(rng.integers(1, 5)))
            answers = ", ".join(map(as_json, labels[some]))
            body = {"inputs": texts[some]}
            ours.append(question("/v1/classify", body, f'{{"model": "classes", "answers": [{answers}]}}'))
            named = json.dumps([label["label"] for label in float_labels[some]], separators=(",", ":"))
            theirs.append(question("/classify", body, named))
        rates: dict[str, list[float]] = {"mamebert": [], "pipeline": []}
        wrong = 0
        asked = {"mamebert": ours, "pipeline": theirs}
        for name, questions in list(asked.items()) * given.turns:
            server = Peer(folder, threads) if name == "pipeline" else Running({"classes": folder}, 1, given.precision)
            clients = Clients(server.port, questions, given.seconds)
            try:
                asyncio.run(clients.all(given.clients))
            finally:
                server.stop()
            rates[name].append(clients.num_texts / given.seconds)
            wrong += clients.num_wrong
    told = {"kind": "serving_peer", **machine(torch.device("cpu")), "shape": f"L{given.layers}-H{given.width}"}
    told |= {"clients": given.clients, "precision": given.precision, "wrong": wrong}
    told |= {f"{name}_texts_each_second": round(median(found), 1) for name, found in rates.items()}
    ratios = [one / other for one, other in zip(rates["mamebert"], rates["pipeline"], strict=True)]
    print(json.dumps(told | {"times_the_pipeline": round(median(ratios), 2)}))


if __name__ == "__main__":
    main()
