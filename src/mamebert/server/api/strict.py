"""Requests that are read with a bound, and parsed without mercy: what is no JSON is refused in one sentence."""

from collections.abc import Callable, Coroutine, MutableMapping
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic_core import from_json

from mamebert.server.engine.refusals import Refused, not_understood, too_much


class StrictRequest(Request):
    """A request whose body has a bound, and is JSON without NaN, broken characters or endless nesting."""

    async def body(self) -> bytes:
        """Return the body; `Refused` as soon as it is larger than is taken."""
        if not hasattr(self, "_body"):
            most = self.app.state.server.config.limits.body_bytes
            told = self.headers.get("content-length", "")
            if told.isdecimal() and int(told) > most:
                raise _too_large(most)
            parts, size = [], 0
            async for part in self.stream():
                size += len(part)
                if size > most:
                    raise _too_large(most)
                parts.append(part)
            self._body = b"".join(parts)
        return self._body

    async def json(self) -> Any:
        """Return what the body says; `Refused` where it is no JSON."""
        if not hasattr(self, "_json"):
            try:
                self._json = from_json(await self.body(), allow_inf_nan=False)
            except ValueError as error:
                told = str(error).replace("\n", " ")[:100]
                raise not_understood(f"The body is not JSON in UTF-8 ({told}). Send it as the examples are.") from error
        return self._json


class StrictRoute(APIRoute):
    """A route that reads its request so."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        answer = super().get_route_handler()

        async def strictly(request: Request) -> Response:
            strict = StrictRequest(_as_json(request.scope), request.receive)
            if request.method == "POST":
                await strict.json()  # refused here, and not as one of many mistakes that a framework makes of it
            return await answer(strict)

        return strictly


def _as_json(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Return a request whose body is said to be JSON: that is all there is here, and curl says it is a form."""
    others = [(name, value) for name, value in scope["headers"] if name != b"content-type"]
    return {**scope, "headers": [*others, (b"content-type", b"application/json")]}


def _too_large(most: int) -> Refused:
    return too_much(f"The body is larger than the {most:,} bytes that are taken. Send the texts in parts.")
