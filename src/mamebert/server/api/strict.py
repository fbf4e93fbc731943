"""Requests that are read with a bound, and parsed without mercy: what is no JSON is refused in one sentence."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import cached_property
from typing import Any, get_type_hints

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from pydantic_core import from_json

from mamebert.server.api.errors import first_mistake
from mamebert.server.engine.refusals import ClientGone, Refused, not_understood, too_much


class StrictRoute(APIRoute):
    """A route whose body is JSON without NaN, broken characters or endless nesting, of a bounded size.

    It is declared as FastAPI's routes are, and described by it; requests it answers by itself (decision 57). Whatever
    the content type says, the body is JSON: curl calls it a form.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a request."""
        return self.answer if self.body_class else super().get_route_handler()

    async def answer(self, request: Request) -> Response:
        """Return the response to a request; `Refused` where its body is not as declared."""
        assert self.body_class is not None
        said = _parsed(await _read(request))
        try:
            body = self.body_class.model_validate(said)
        except ValidationError as error:
            raise first_mistake(error.errors(include_url=False, include_input=False)) from error
        found: Response = await self.endpoint(body=body, request=request, **request.path_params)
        return found

    @cached_property
    def body_class(self) -> type[BaseModel] | None:
        """What a body is; None for routes without one."""
        told = get_type_hints(self.endpoint).get("body")
        return told if isinstance(told, type) and issubclass(told, BaseModel) else None


async def _read(request: Request) -> bytes:
    """Return the body; `Refused` where it does not come in time."""
    limits = request.app.state.server.config.limits
    try:
        async with asyncio.timeout(limits.receive_seconds):
            return await _read_bounded(request, limits.body_bytes)
    except TimeoutError as error:
        told = f"The body did not come within {limits.receive_seconds:g} seconds. Send it faster, or in parts."
        raise Refused(408, told) from error


async def _read_bounded(request: Request, most: int) -> bytes:
    """Return the body; `Refused` as soon as it is larger than is taken."""
    told = next((value for name, value in request.scope["headers"] if name == b"content-length"), b"")
    if told.isdigit() and int(told) > most:
        raise _too_large(most)
    parts, size, more = [], 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise _too_large(most)
        more = message.get("more_body", False)
    return b"".join(parts)


def _parsed(content: bytes) -> Any:
    """Return what a body says; `Refused` where it is no JSON."""
    try:
        return from_json(content, allow_inf_nan=False)
    except ValueError as error:
        told = str(error).replace("\n", " ")[:100]
        raise not_understood(f"The body is not JSON in UTF-8 ({told}). Send it as the examples are.") from error


def _too_large(most: int) -> Refused:
    return too_much(f"The body is larger than the {most:,} bytes that are taken. Send the texts in parts.")
