"""The process that opens one model and answers batches, one after the other, until the server is gone."""

import os
import signal
import sys
from socket import socket
from typing import Any

from mamebert.errors import UserError
from mamebert.server.engine.frames import framed, receive


def main() -> None:
    """Answer over the socket whose number the command line gives."""
    # Both are for the server to answer: it ends us when everything that was taken is answered.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.dup2(2, 1)  # nothing that a library prints may lie among answers of the one who started the server
    with socket(fileno=int(sys.argv[1])) as place:
        answer_all(place)


def answer_all(place: socket) -> None:
    """Read the settings, open the model, and answer batches until the other end is closed."""
    try:
        answering = _open(place, receive(place))
        while answering:
            batch = receive(place)
            place.sendall(framed({"replies": answering.replies(batch["items"])}))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _open(place: socket, settings: dict[str, Any]) -> Any:
    try:
        import torch

        from mamebert.server.engine.answering import Answering

        if settings["threads"]:
            torch.set_num_threads(settings["threads"])
        answering = Answering(settings["folder"], settings["kind"], settings["precision"], settings["most_tokens"])
        place.sendall(framed({"about": answering.about()}))
        return answering
    except UserError as error:
        place.sendall(framed({"mistake": str(error)}))
        return None


if __name__ == "__main__":
    main()
