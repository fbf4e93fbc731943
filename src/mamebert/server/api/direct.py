"""The short way to the routes that compute: a look into a table, where a framework tries one route after the other."""

from collections.abc import Iterable, MutableMapping
from typing import Any

from fastapi import Request, Response
from starlette.routing import BaseRoute

from mamebert.server.api.doorkeeper import NO_RESPONSE, App, Receive, Send
from mamebert.server.api.errors import told_refusal
from mamebert.server.api.strict import StrictRoute
from mamebert.server.engine.refusals import ClientGone, Refused


class Direct:
    """Answers the routes that have a body; what else there is goes on to the application."""

    def __init__(self, app: App, routes: Iterable[BaseRoute]) -> None:
        self.app = app
        ours = [route for route in routes if isinstance(route, StrictRoute) and route.body_class]
        self.by_path = {route.path: route for route in ours if not route.param_convertors}
        self.with_names = [route for route in ours if route.param_convertors]

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request."""
        route = self._route(scope) if scope["type"] == "http" and scope["method"] == "POST" else None
        if route is None:
            await self.app(scope, receive, send)
            return
        scope["route"] = route
        try:
            response = await route.answer(Request(scope, receive))
        except Refused as refusal:
            response = told_refusal(refusal, scope["path"])
        except ClientGone:
            response = Response(status_code=NO_RESPONSE)
        await response(scope, receive, send)

    def _route(self, scope: MutableMapping[str, Any]) -> StrictRoute | None:
        path = scope["path"]
        if found := self.by_path.get(path):
            return found
        for route in self.with_names:
            if match := route.path_regex.match(path):
                scope["path_params"] = match.groupdict()
                return route
        return None
