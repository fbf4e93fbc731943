"""The application: all routes, refusals in one sentence, the page."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import HTMLResponse
from starlette.exceptions import HTTPException

import mamebert
from mamebert.server.api import hugging_face, openai, operating, own, text_embeddings_inference
from mamebert.server.api.asking import Server
from mamebert.server.api.direct import Direct
from mamebert.server.api.doorkeeper import Doorkeeper
from mamebert.server.api.errors import first_mistake, told_refusal
from mamebert.server.engine.refusals import Refused
from mamebert.server.page import page

REFUSALS: dict[int | str, dict[str, Any]] = {
    401: {"description": "The key is missing or another one."},
    404: {"description": "There is no model of this name."},
    408: {"description": "The body did not come in time."},
    413: {"description": "The request is larger than is taken."},
    422: {"description": "Nothing can be answered to this request."},
    429: {"description": "Too many texts wait. Come again after so many seconds as Retry-After says."},
    503: {"description": "No answer in time, or no worker."},
}
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"
)
"""The page asks this server alone, whatever a text in it says."""


def make_app(server: Server, key: str, lifespan: Lifespan | None = None) -> FastAPI:
    """Return the application; `lifespan` opens the models before the first request and closes them after the last."""
    app = FastAPI(
        title="mamebert",
        version=mamebert.__version__,
        description="Small BERTs over HTTP. Refusals are one sentence.",
        docs_url=None,  # its scripts would come from elsewhere
        redoc_url=None,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # asks for its settings at every request
        lifespan=lifespan,
        strict_content_type=False,
        responses=REFUSALS,
    )
    app.state.server = server
    parts = (own, openai, text_embeddings_inference, hugging_face, operating)
    for part in parts:
        app.include_router(part.router)
    document = page()

    @app.get("/", include_in_schema=False)
    async def show_page() -> HTMLResponse:
        return HTMLResponse(document, headers={"Content-Security-Policy": PAGE_POLICY})

    _tell_refusals(app)
    app.add_middleware(Direct, routes=[route for part in parts for route in part.router.routes])
    if origins := server.config.cors_origins:
        app.add_middleware(CORSMiddleware, allow_origins=origins, allow_methods=["*"], allow_headers=["*"])
    app.add_middleware(Doorkeeper, metrics=server.metrics, key=key, log=server.config.log == "json")
    return app


def _tell_refusals(app: FastAPI) -> None:
    @app.exception_handler(Refused)
    async def refused(request: Request, error: Refused) -> Response:
        return told_refusal(error, request.url.path)

    @app.exception_handler(RequestValidationError)
    async def not_as_declared(request: Request, error: RequestValidationError) -> Response:
        return told_refusal(first_mistake(error.errors()), request.url.path)

    @app.exception_handler(HTTPException)
    async def no_route(request: Request, error: HTTPException) -> Response:
        path = request.url.path
        if error.status_code == 404:
            return told_refusal(operating.nothing_here(path), path)
        told = "is not answered so" if error.status_code == 405 else f"is refused ({error.detail})"
        return told_refusal(Refused(error.status_code, f"{path[:100]!r} {told}. GET /openapi.json tells how."), path)
