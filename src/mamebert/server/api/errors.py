"""Refusals as responses: one sentence, in the shape that the clients of a route read."""

from collections.abc import Sequence
from typing import Any

from fastapi.responses import JSONResponse

from mamebert.server.engine.refusals import Refused

TYPES = {
    401: "Unauthorized",
    404: "NotFound",
    405: "NotFound",
    408: "Validation",
    413: "Validation",
    422: "Validation",
    429: "Overloaded",
    503: "Unhealthy",
}


def told_refusal(refusal: Refused, path: str) -> JSONResponse:
    """Return the response: OpenAI's object for its routes, else {"error", "error_type"} as others have it."""
    kind = TYPES.get(refusal.status, "Backend")
    sentence = refusal.sentence.encode("utf-8", "backslashreplace").decode()
    headers = {"Retry-After": str(refusal.retry_after)} if refusal.retry_after else {}
    if refusal.status == 408:
        headers["Connection"] = "close"  # what is still to come would be taken for the next request
    if path.startswith(("/v1/embeddings", "/v1/models")):
        told: Any = {"error": {"message": sentence, "type": kind, "param": None, "code": refusal.status}}
    else:
        told = {"error": sentence, "error_type": kind}
    return JSONResponse(told, refusal.status, headers)


def first_mistake(errors: Sequence[Any]) -> Refused:
    """Return one sentence for what a body should have been, and is not."""
    for_place = max(errors, key=lambda each: len(each["loc"])) if errors else {"loc": (), "msg": "It is empty"}
    place = ".".join(str(part) for part in for_place["loc"] if part != "body")[:100] or "the body"
    told = str(for_place["msg"]).rstrip(".")[:200]
    return Refused(422, f"What {place} holds is not taken: {told}. GET /openapi.json shows what is.")
