"""`mamebert serve`: opens the models, listens, and at SIGTERM answers what was taken before it ends."""

import asyncio
import json
import logging
import os
import signal
import socket
import traceback
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI

from mamebert.errors import UserError
from mamebert.files.disk import disk_errors, write_text
from mamebert.files.json_files import read_object
from mamebert.progress import say
from mamebert.server.api.app import make_app
from mamebert.server.api.asking import Server
from mamebert.server.api.connection import patient_for
from mamebert.server.engine.served_model import ServedModel
from mamebert.server.metrics import Metrics, ModelMetrics
from mamebert.server.settings import LOOPBACK, ServeConfig
from mamebert.server.told import tell

KEY = "MAMEBERT_API_KEY"
MOST_WAITING = 2048
"""Connections that the system keeps until we take them."""


def serve(config: ServeConfig) -> None:
    """Serve until SIGTERM or Ctrl-C; what keeps it from starting is a UserError."""
    key = _key(config)
    if config.host not in (LOOPBACK, "localhost", "::1") and not key:
        say(f"Whoever reaches {config.host} is answered: there is no key. Set {KEY}, or api_key_file.")
    if os.name != "posix":
        raise UserError("Workers are reached over sockets that Windows lacks. Serve from Linux, WSL or macOS.")
    place = _bound(config)
    server = server_for(config)
    app = make_app(server, key, _models_open)
    listening = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        lifespan="on",
        backlog=MOST_WAITING,
        timeout_graceful_shutdown=None,
        timeout_keep_alive=30,
        http=patient_for(config.limits.receive_seconds),
    )
    with place, _told_by(_Telling(server)):
        try:
            _Running(listening, server).run([place])
        except SystemExit:
            if not server.mistake:
                raise
    if server.mistake:
        raise server.mistake


@contextmanager
def _told_by(handler: logging.Handler) -> Iterator[None]:
    logger = logging.getLogger("uvicorn.error")
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)


def server_for(config: ServeConfig) -> Server:
    """Return the models, not opened yet."""
    metrics = Metrics()
    models = {}
    for name, folder in config.models.items():
        settings = {
            "folder": str(Path(folder).absolute()),
            "kind": config.kinds.get(name),
            "precision": config.precision,
            "threads": config.threads,
            "most_tokens": config.limits.tokens,
        }
        models[name] = ServedModel(name, settings, config.limits, config.batching, ModelMetrics(metrics, name))
    return Server(config, models, metrics)


@asynccontextmanager
async def opened(server: Server) -> AsyncIterator[None]:
    """Open all models, and at the end answer what was taken; a folder that cannot be opened is a UserError."""
    models = list(server.models.values())
    try:
        # One after the other: so many processes at once would take memory for their libraries at the same time.
        for model in models:
            await model.open(server.config.watch_seconds)
        if server.config.self_test:
            _compare(server.config.self_test, {model.name: model.about["self_test"] for model in models})
        yield
    finally:
        await asyncio.gather(*(model.close() for model in models))


@asynccontextmanager
async def _models_open(app: FastAPI) -> AsyncIterator[None]:
    server: Server = app.state.server
    try:
        async with opened(server):
            yield
    except UserError as error:
        server.mistake = error
        raise


class _Running(uvicorn.Server):
    """A server that ends with exit code 0 at SIGTERM: everything that was taken is answered then."""

    def __init__(self, config: uvicorn.Config, server: Server) -> None:
        super().__init__(config)
        self.server = server

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Let signals end the server, and then nothing more: uvicorn's own would raise them again."""
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Take no more connections."""
        self.server.is_closing = True
        super().handle_exit(sig, frame)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell where."""
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            host = f"[{host}]" if ":" in host else host
            tell("listening", address=f"http://{host}:{port}", models=list(self.server.models))


class _Telling(logging.Handler):
    """Tells what the HTTP library complains of as our own events; a mistake of the user is told at the end."""

    def __init__(self, server: Server) -> None:
        super().__init__(logging.WARNING)
        self.server = server

    def emit(self, record: logging.LogRecord) -> None:
        """Tell it, with where it happened, and without values: texts may be among them."""
        if self.server.mistake:
            return
        error = record.exc_info[1] if record.exc_info else None
        frames = traceback.extract_tb(error.__traceback__)[-4:] if error else []
        where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        tell("error", why=type(error).__name__ if error else record.getMessage()[:200], where=where)


def _bound(config: ServeConfig) -> socket.socket:
    """Return a socket at the address, before models are opened; one that cannot be had is a UserError."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        place = socket.socket(family, kind, protocol)
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(address)
    except OSError as error:
        raise UserError(
            f"{config.host}:{config.port} cannot be listened at ({error.strerror}). Give another --host or --port."
        ) from error
    return place


def _key(config: ServeConfig) -> str:
    key = os.environ.get(KEY, "").strip()
    if config.api_key_file and not key:
        with disk_errors(config.api_key_file):
            key = config.api_key_file.read_text("utf-8").partition("\n")[0].strip()
        if not key:
            raise UserError(
                f"{config.api_key_file} has no key in its first line. Write one, or leave api_key_file out."
            )
    if not key.isascii():
        raise UserError("The key has letters that no header can hold. Take one of ASCII.")
    return key


def _compare(file: Path, found: dict[str, str]) -> None:
    """Raise a UserError where a model does not answer its example as it did when the file was made."""
    if not file.exists():
        write_text(file, json.dumps(found, indent=1) + "\n")
        return
    kept = read_object(file, "Delete it, and it is made anew.")
    for name, told in found.items():
        if kept.get(name, told) != told:
            raise UserError(
                f"The model {name!r} answers its example differently from when {file} was made. Compare the model, the "
                "machine and the versions, or delete the file."
            )
    if kept.keys() != found.keys():
        write_text(file, json.dumps({**kept, **found}, indent=1) + "\n")
