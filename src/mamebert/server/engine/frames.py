"""Messages between the server and a worker: the length in four bytes, then JSON."""

import asyncio
import json
from socket import socket
from typing import Any

MOST_BYTES = 2**30
_LENGTH = 4


def framed(message: Any) -> bytes:
    """Return a message as bytes."""
    content = json.dumps(message, separators=(",", ":")).encode()
    return len(content).to_bytes(_LENGTH, "big") + content


async def read_frame(reader: asyncio.StreamReader) -> Any:
    """Return the next message; `asyncio.IncompleteReadError` where the other side is gone."""
    size = int.from_bytes(await reader.readexactly(_LENGTH), "big")
    if size > MOST_BYTES:
        raise ConnectionError("A worker sent what is no message.")
    return json.loads(await reader.readexactly(size))


def receive(place: socket) -> Any:
    """Return the next message, waiting for it; `EOFError` where the other side is gone."""
    size = int.from_bytes(_exactly(place, _LENGTH), "big")
    return json.loads(_exactly(place, size))


def _exactly(place: socket, size: int) -> bytes:
    found = bytearray()
    while len(found) < size:
        try:
            some = place.recv(min(size - len(found), 1 << 20))
        except ConnectionError as error:
            raise EOFError from error
        if not some:
            raise EOFError
        found += some
    return bytes(found)
