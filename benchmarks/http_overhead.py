"""What HTTP costs: processor time of the server's process for each request, where the model answers at once.

    python benchmarks/http_overhead.py                  one client, and 32, four rounds of three seconds each
    python benchmarks/http_overhead.py --quick          one round of half a second

The worker is a process that computes nothing and has its answer ready, so that what is counted is ours: reading the
request, checking it, the queue, the pipe to the worker and back, figures, the response. Beside it, by turns, the same
HTTP library (uvicorn) answers `{}` to whoever asks: `bare_ms`, below which nothing on it can go. Both are medians of
the rounds. Ends with one JSON line. `benchmarks/serving.py` has `overhead_ms` of a server that works.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import torch
from _clock import machine

WORKER = """
import json, sys
from socket import socket
from mamebert.server.engine.frames import framed, receive
example = {"do": "answer", "asked": "x"}
about = {"kind": "classification", "example": example, "self_test": "", "tokens_each_second": 1e9}
answer = json.dumps({"label": "good", "probability": 0.8123456789012345})
with socket(fileno=int(sys.argv[1])) as place:
    receive(place)
    place.sendall(framed({"about": about}))
    try:
        while True:
            place.sendall(framed({"replies": [["ok", answer, 20, 0]] * len(receive(place)["items"])}))
    except (EOFError, OSError):
        pass
"""
SERVER = """
import sys
from mamebert.config import build
from mamebert.server import running
from mamebert.server.engine import worker_process
from mamebert.server.settings import ServeConfig
worker_process.PROGRAM = (sys.executable, "-c", sys.argv[1])
running.serve(build(ServeConfig, {"model": ".", "port": 0, "log": "none", "watch_seconds": 0}))
"""
BARE = """
import json, socket, sys
import uvicorn
async def app(scope, receive, send):
    await receive()
    head = [(b"content-length", b"2"), (b"content-type", b"application/json")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"{}"})
place = socket.create_server(("127.0.0.1", 0))
print(json.dumps({"event": "listening", "address": f":{place.getsockname()[1]}"}), file=sys.stderr, flush=True)
uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="off")).run([place])
"""
BODY = json.dumps({"inputs": " ".join(f"w{number}" for number in range(20))}).encode()
REQUEST = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BODY)}\r\n\r\n".encode() + BODY


class Asked:
    """A server in a process of its own, and what its answers took."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", *words], stderr=subprocess.PIPE, text=True)
        assert self.process.stderr is not None
        line = next(line for line in self.process.stderr if '"listening"' in line)
        self.port = int(json.loads(line)["address"].rpartition(":")[2])
        self.count = 0

    def milliseconds(self, clients: int, seconds: float) -> float:
        """Return processor time for a request of so many clients that each ask one after the other."""
        return asyncio.run(self._milliseconds(clients, seconds))

    async def _milliseconds(self, clients: int, seconds: float) -> float:
        tasks = [asyncio.create_task(self._ask()) for _ in range(clients)]
        await asyncio.sleep(0.3)
        count, took = self.count, self._processor_seconds()
        await asyncio.sleep(seconds)
        count, took = self.count - count, self._processor_seconds() - took
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return 1000 * took / max(count, 1)

    async def _ask(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            while True:
                writer.write(REQUEST)
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                assert head.startswith(b"http/1.1 200")
                await reader.readexactly(int(head.partition(b"content-length:")[2].split(b"\r\n")[0]))
                self.count += 1
        finally:
            writer.close()

    def _processor_seconds(self) -> float:
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    rounds, seconds = (1, 0.5) if given.quick else (4, 3.0)
    servers = {"ours": Asked(SERVER, WORKER), "bare": Asked(BARE)}
    try:
        told: dict[str, list[float]] = {}
        for clients in (1, 32):
            for _ in range(rounds):
                for name, server in servers.items():
                    told.setdefault(f"{name}_ms_{clients}", []).append(server.milliseconds(clients, seconds))
    finally:
        for server in servers.values():
            server.process.terminate()
        for server in servers.values():
            server.process.wait(60)
    found = {name: round(median(values), 3) for name, values in told.items()}
    print(json.dumps({"kind": "http_overhead", **machine(torch.device("cpu")), **found}))


if __name__ == "__main__":
    main()
