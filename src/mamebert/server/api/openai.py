"""`POST /v1/embeddings` and `GET /v1/models`, as clients of OpenAI's API know them."""

import json
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from pydantic import Field

from mamebert.server.api.asking import Body, items, raw, replies, server_of
from mamebert.server.api.strict import StrictRoute
from mamebert.server.engine.refusals import not_understood

router = APIRouter(route_class=StrictRoute, tags=["OpenAI"])


class EmbeddingsBody(Body):
    """Texts whose vectors are asked for."""

    input: Annotated[str | list[Any], Field(examples=[["The old boat meets the rope."]])]
    """A text, or a list of texts. Lists of token numbers are not taken."""
    model: Annotated[str | None, Field(examples=[None])] = None
    """Name of the model; without one the first that gives vectors."""
    encoding_format: Literal["float", "base64"] = "float"
    """Numbers, or the bytes of float32 in base64."""
    dimensions: int | None = Field(default=None, ge=1)
    """The first so many numbers, brought to length 1."""


@router.post("/v1/embeddings")
async def embeddings(body: EmbeddingsBody, request: Request) -> Response:
    """Return a vector for each text."""
    texts = body.input if isinstance(body.input, list) else [body.input]
    if not all(isinstance(text, str) for text in texts):
        raise not_understood("The input holds something else than texts. Give a text, or a list of texts.")
    model = server_of(request).model(body.model, "sentence_embeddings")
    asked = items("vector", texts, dimensions=body.dimensions, base64=body.encoding_format == "base64")
    found = await replies(request, model, asked)
    tokens = sum(reply[2] for reply in found)
    data = ", ".join(
        f'{{"object": "embedding", "index": {number}, "embedding": {reply[1]}}}' for number, reply in enumerate(found)
    )
    usage = f'{{"prompt_tokens": {tokens}, "total_tokens": {tokens}}}'
    return raw(f'{{"object": "list", "data": [{data}], "model": {json.dumps(model.name)}, "usage": {usage}}}')


@router.get("/v1/models")
async def models(request: Request) -> dict[str, Any]:
    """Return the models that are served, with what they are for and an example of what they are asked."""
    told = []
    for name, model in server_of(request).models.items():
        about = {key: value for key, value in model.about.items() if key not in ("example", "tokens_each_second")}
        asked = model.about["example"]["asked"] if "example" in model.about else None
        told.append({"id": name, "object": "model", "owned_by": "mamebert", **about, "example": asked})
    return {"object": "list", "data": told}
