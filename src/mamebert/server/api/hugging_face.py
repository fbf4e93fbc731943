"""`{"inputs": ...}` on `POST /` and `POST /models/NAME`, as clients of Hugging Face's inference send it."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from mamebert.server.api.asking import Body, in_list, items, raw, replies, server_of
from mamebert.server.api.strict import StrictRoute
from mamebert.server.engine.refusals import not_understood
from mamebert.server.engine.served_model import ServedModel

router = APIRouter(route_class=StrictRoute, tags=["Hugging Face"])


class Parameters(Body):
    """What may be told beside inputs; what is not known here is passed over, as others do."""

    top_k: int | None = Field(default=None, ge=1)
    """Labels or words that are told."""
    normalize: bool | None = None
    """Whether vectors are brought to length 1."""
    truncate: bool | None = None
    """false refuses a text that is longer than the model reads."""


class InferenceBody(Body):
    """What the model is asked, in the way its task has it."""

    inputs: Annotated[Any, Field(examples=["The old boat meets the rope."])]
    """A text or texts; {"question", "context"}; {"source_sentence", "sentences"}."""
    parameters: Parameters | None = None
    normalize: bool | None = None
    truncate: bool | None = None


@router.post("/")
async def infer(body: InferenceBody, request: Request) -> Response:
    """Ask the first model."""
    return await _infer(server_of(request).model(None), body, request)


@router.post("/models/{name}")
async def infer_by_name(name: str, body: InferenceBody, request: Request) -> Response:
    """Ask a model by its name."""
    return await _infer(server_of(request).model(name), body, request)


async def _infer(model: ServedModel, body: InferenceBody, request: Request) -> Response:
    parameters = body.parameters or Parameters()
    truncate = body.truncate if body.truncate is not None else parameters.truncate
    kind = model.about.get("kind", "")
    inputs = body.inputs
    if kind == "sentence_embeddings" and isinstance(inputs, dict) and {"source_sentence", "sentences"} <= inputs.keys():
        if not isinstance(inputs["sentences"], list):
            raise not_understood("What a sentence is compared with is no list. Give sentences as a list of texts.")
        pairs = [[inputs["source_sentence"], other] for other in inputs["sentences"]]
        return raw(in_list(await replies(request, model, items("relevance", pairs))))
    normalize = body.normalize if body.normalize is not None else parameters.normalize
    do, nested = SHAPES.get(kind, ("answer", False))
    is_one = not isinstance(inputs, list)
    asked = items(do, [inputs] if is_one else inputs, top=parameters.top_k, normalize=normalize, truncate=truncate)
    found = await replies(request, model, asked)
    if kind in RENAMED:
        found = [[reply[0], RENAMED[kind](json.loads(reply[1]))] for reply in found]
    if is_one and not nested:
        return raw(found[0][1])
    return raw(in_list(found))


def _span(answer: dict[str, Any]) -> str:
    if "unanswered" in answer:
        raise not_understood(f"The question cannot be answered: {answer['unanswered']}. Give question and context.")
    told = {"answer": answer["text"], **{name: answer[name] for name in ("score", "start", "end")}}
    return json.dumps(told, ensure_ascii=False)


def _summary(answer: dict[str, Any]) -> str:
    if "unanswered" in answer:
        raise not_understood(f"The text cannot be summarised: {answer['unanswered']}. Give another.")
    return json.dumps({"summary_text": answer["summary"]}, ensure_ascii=False)


SHAPES = {
    "fill-mask": ("filled", False),
    "classification": ("scores", True),
    "long_documents": ("scores", True),
    "multi_label": ("scores", True),
    "taxonomy": ("scores", True),
    "regression": ("scores", True),
    "tagging": ("marked", False),
    "sentence_embeddings": ("vector", True),
    "extractive_summary": ("answer", True),
}
"""What a model is asked for by its kind, and whether one input is answered with a list of one."""
RENAMED = {"span_qa": _span, "extractive_summary": _summary}
