"""What every request passes: the key, the count, the line in the log. Plain ASGI, for it costs time of each one."""

import hmac
from collections.abc import Awaitable, Callable, MutableMapping
from time import perf_counter
from typing import Any

from mamebert.server.api.errors import told_refusal
from mamebert.server.engine.refusals import Refused
from mamebert.server.metrics import Metrics
from mamebert.server.told import tell

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

OPEN = ("/", "/health", "/health/live", "/health/ready", "/favicon.ico")
"""Paths that are answered without a key where nothing is sent to them (GET): the page, and whether all is well."""
UNKNOWN = "other"
NO_RESPONSE = 499
"""What is counted where the client went away before the answer."""


class Doorkeeper:
    """Lets requests in that have the key, if there is one, and notes how each ended."""

    def __init__(self, app: App, metrics: Metrics, key: str, log: bool) -> None:
        self.app, self.metrics, self.log = app, metrics, log
        self.key = key.encode()
        self._figures: dict[tuple[str, int], tuple[Any, Any]] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started, status = perf_counter(), NO_RESPONSE
        scope.setdefault("state", {})

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            if self._may_pass(scope):
                await self.app(scope, receive, noted)
            else:
                refusal = Refused(401, "The key is missing or another one. Send it as Authorization: Bearer KEY.")
                await told_refusal(refusal, scope["path"])(scope, receive, noted)
        finally:
            self._note(scope, status, perf_counter() - started)

    def _may_pass(self, scope: Scope) -> bool:
        if not self.key or scope["method"] == "OPTIONS" or (scope["method"] == "GET" and scope["path"] in OPEN):
            return True
        given = next((value for name, value in scope["headers"] if name == b"authorization"), b"")
        # Takes as long for a key of which the first half is right.
        return hmac.compare_digest(given.removeprefix(b"Bearer ").strip(), self.key)

    def _note(self, scope: Scope, status: int, seconds: float) -> None:
        route = getattr(scope.get("route"), "path", UNKNOWN)  # what clients invent would be a figure of its own each
        if (route, status) not in self._figures:  # to look them up among their labels takes longer than to count
            requests, latency = self.metrics.requests.labels(route, str(status)), self.metrics.latency.labels(route)
            self._figures[route, status] = requests, latency
        requests, latency = self._figures[route, status]
        requests.inc()
        latency.observe(seconds)
        if self.log:
            told = scope["state"].get("told") or {}
            tell("request", method=scope["method"], route=route, status=status, seconds=round(seconds, 5), **told)
