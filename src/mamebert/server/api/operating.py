"""For those who run the server: is it alive, is it ready, how is it doing."""

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from mamebert.server.api.asking import server_of
from mamebert.server.engine.refusals import Refused

router = APIRouter(tags=["operating"])
READY_SECONDS = 5.0
"""A model that does not answer its example by then is not ready."""
PLAIN = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/health/live")
async def live() -> dict[str, str]:
    """Tell that the process answers; whether models do is told by /health/ready."""
    return {"status": "alive"}


@router.get("/health/ready")
async def ready(request: Request) -> Response:
    """Ask every model its own example: 200 where all answer, else 503."""
    server = server_of(request)
    told: dict[str, Any] = {name: await model.is_ready(READY_SECONDS) for name, model in server.models.items()}
    if server.is_closing or not all(told.values()):
        return JSONResponse({"status": "not ready", "models": told}, 503)
    return JSONResponse({"status": "ready", "models": told})


@router.get("/health")
async def health(request: Request) -> Response:
    """As /health/ready."""
    return await ready(request)


@router.get("/metrics")
async def metrics(request: Request) -> Response:
    """Return all figures in the format of Prometheus."""
    return Response(server_of(request).metrics.told(), media_type=PLAIN)


@router.get("/favicon.ico", include_in_schema=False)
async def favicon() -> Response:
    """Return nothing: browsers ask for it."""
    return Response(status_code=204)


def nothing_here(path: str) -> Refused:
    """Return the refusal of a path that no route has."""
    return Refused(404, f"There is nothing at {path[:100]!r}. GET /openapi.json tells what there is.")
