"""Toy models of every kind, with random weights, and a server whose workers are threads: a process takes seconds."""

import http.client
import json
import threading
import time
from contextlib import asynccontextmanager, contextmanager
from typing import Any, NamedTuple

import pytest
import torch
from tests.contracts.test_tasks import TOYS

from mamebert.checkpoints.save import save_pretraining
from mamebert.config import build
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.server.engine import worker_process
from mamebert.server.engine.worker import answer_all
from mamebert.server.settings import ServeConfig
from mamebert.tasks import Task
from mamebert.tasks.data.features import Example
from mamebert.tasks.network.task_network import save_network, start_network
from mamebert.tokenizer.encoding import Tokenizer

SHAPE = EncoderConfig(
    hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=64, initializer_range=0.3
)


@pytest.fixture(scope="session", autouse=True)
def extra():
    """Skip where the packages of `mamebert[serve]` are not installed."""
    for needed in ("fastapi", "uvicorn", "prometheus_client"):
        pytest.importorskip(needed, reason="the server is the extra `serve`")


@pytest.fixture(scope="session")
def toy_encoder(world, tmp_path_factory):
    """Return the folder of an encoder with random weights."""
    folder, vocabulary = tmp_path_factory.mktemp("served") / "words", world / "vocab" / "tokenizer"
    torch.manual_seed(5)
    save_pretraining(PretrainingNetwork(SHAPE, Tokenizer.open(vocabulary).vocab_size), vocabulary, folder)
    return folder


@pytest.fixture(scope="session")
def toy_model(toy_encoder):
    """Return a function that makes the folder of a fine-tuned model."""

    def make(kind, name, settings, seed=6):
        task = Task.find(kind)(**{"max_length": 32, **settings})
        examples = []
        for number, row in enumerate(TOYS[kind].rows):
            inputs = task.inputs(row)
            examples.append(Example(inputs, task.gold(row, inputs), number))
        learnt = task.learn(examples)
        torch.manual_seed(seed)
        network = start_network(task, toy_encoder, learnt, Reading())
        save_network(network, task, learnt, Reading(), toy_encoder, toy_encoder.with_name(name))
        return toy_encoder.with_name(name)

    return make


@pytest.fixture(scope="session")
def toy_folders(toy_encoder, toy_model):
    """Return a folder for each kind of task, and `words` for the encoder.

    Answers of convolutions are another one in the last bits with other texts beside them (decision 14), so there is
    none.
    """
    settings = {kind: toy.settings for kind, toy in TOYS.items()} | {"sentence_embeddings": {}}
    seeds = {"tagging": 2}  # one that marks something
    return {"words": toy_encoder} | {
        kind: toy_model(kind, kind, each, seeds.get(kind, 6)) for kind, each in settings.items()
    }


class Said(NamedTuple):
    """What a server answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)

    @property
    def sentence(self) -> str:
        """What went wrong, after making sure that it is told as our refusals are."""
        told = self.json["error"]
        told = told["message"] if isinstance(told, dict) else told
        assert self.status >= 400
        assert told.endswith((".", "?"))
        assert "Traceback" not in self.text
        return told


class Reached:
    """A running server."""

    def __init__(self, port, server=None):
        self.port, self.server = port, server
        self.url = f"http://127.0.0.1:{port}"

    def ask(self, path, body=None, headers=(), method=None):
        """Send a request on a connection of its own; bytes go as they are, anything else as JSON."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        content = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        connection.request(method or ("GET" if body is None else "POST"), path, content, dict(headers))
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        text = response.read().decode()
        connection.close()
        return Said(response.status, told, text)


class Thread:
    """What looks like a process, and is a thread: it cannot be killed."""

    pid = 0

    def __init__(self, theirs):
        self.place = theirs.dup()
        self.thread = threading.Thread(target=self.work, daemon=True)
        self.thread.start()

    def work(self):
        with self.place:
            answer_all(self.place)

    def poll(self):
        return None if self.thread.is_alive() else 0

    def wait(self):
        self.thread.join()

    def kill(self):
        pass


@contextmanager
def serving(models, key="", **settings):
    """Serve models by name with workers in threads, and give a `Reached`."""
    import uvicorn

    from mamebert.server.api.app import make_app
    from mamebert.server.api.connection import patient_for
    from mamebert.server.running import opened, server_for

    config = build(ServeConfig, {"models": models, "port": 0, "log": "none", "watch_seconds": 0, **settings})
    server = server_for(config)

    @asynccontextmanager
    async def lifespan(app):
        async with opened(server):
            yield

    app = make_app(server, key, lifespan)
    http = patient_for(config.limits.receive_seconds)
    running = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, lifespan="on", http=http))
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    while not running.started and thread.is_alive():
        time.sleep(0.01)
    assert running.started
    try:
        yield Reached(running.servers[0].sockets[0].getsockname()[1], server)
    finally:
        running.should_exit = True
        thread.join()


@pytest.fixture(scope="session")
def workers_are_threads():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker_process, "start_process", Thread)
        yield


@pytest.fixture(scope="session")
def everything(toy_folders, workers_are_threads):
    """Return a server of all kinds; the encoder gives vectors too, as `vectors`."""
    models = {**toy_folders, "vectors": toy_folders["words"]}
    with serving(models, kinds={"vectors": "sentence_embeddings"}) as reached:
        yield reached
