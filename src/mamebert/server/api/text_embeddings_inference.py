"""Routes of text-embeddings-inference: `/embed`, `/predict`, `/rerank`, `/similarity`, `/info`, `/health`."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

import mamebert
from mamebert.server.api.asking import Body, in_list, items, raw, replies, server_of
from mamebert.server.api.strict import StrictRoute
from mamebert.server.engine.refusals import not_understood

router = APIRouter(route_class=StrictRoute, tags=["text-embeddings-inference"])
SENTENCE = "The old boat meets the rope."
PAIRS = ("sentence_embeddings", "regression", "classification")
CLASSES = ("classification", "long_documents", "multi_label", "taxonomy", "regression")


class Truncating(Body):
    """What all of these have."""

    model: Annotated[str | None, Field(examples=[None])] = None
    """Name of the model; without one the first that suits."""
    truncate: bool | None = None
    """false refuses a text that is longer than the model reads; else its beginning is read."""


class EmbedBody(Truncating):
    """Texts whose vectors are asked for."""

    inputs: Annotated[str | list[str], Field(examples=[SENTENCE])]
    normalize: bool = True
    """Whether vectors are brought to length 1."""
    dimensions: int | None = Field(default=None, ge=1)
    """The first so many numbers, brought to length 1."""


class PredictBody(Truncating):
    """Texts, or pairs of texts, whose labels are asked for."""

    inputs: Annotated[str | list[str | list[str]], Field(examples=[SENTENCE])]
    """A text, a pair ["first", "second"], or a list of such lists: [["a text"], ["first", "second"]]."""
    raw_scores: bool = False
    """Only false: probabilities are given."""


class RerankBody(Truncating):
    """Texts to be put in order."""

    query: Annotated[str, Field(examples=[SENTENCE])]
    texts: Annotated[list[str], Field(examples=[[SENTENCE, "Salt the bread."]])]
    return_text: bool = False
    """Whether the texts are told with their places."""
    raw_scores: bool = False
    """Only false."""


class Compared(Body):
    """A sentence and those it is compared with."""

    source_sentence: Annotated[str, Field(examples=[SENTENCE])]
    sentences: Annotated[list[str], Field(examples=[[SENTENCE, "Salt the bread."]])]


class SimilarityBody(Truncating):
    """Sentences to be compared."""

    inputs: Compared


@router.post("/embed")
async def embed(body: EmbedBody, request: Request) -> Response:
    """Return a vector for each text, as a list of lists."""
    texts = body.inputs if isinstance(body.inputs, list) else [body.inputs]
    model = server_of(request).model(body.model, "sentence_embeddings")
    options = {"normalize": body.normalize, "dimensions": body.dimensions, "truncate": body.truncate}
    return raw(in_list(await replies(request, model, items("vector", texts, **options))))


@router.post("/predict")
async def predict(body: PredictBody, request: Request) -> Response:
    """Return every label with its probability, the likeliest first; a list of them for each of several inputs."""
    if body.raw_scores:
        raise not_understood("Raw scores are not told. Leave raw_scores out.")
    asked, is_one = _sequences(body.inputs)
    model = server_of(request).model(body.model, *CLASSES)
    found = await replies(request, model, items("scores", asked, truncate=body.truncate))
    return raw(found[0][1] if is_one else in_list(found))


@router.post("/rerank")
async def rerank(body: RerankBody, request: Request) -> Response:
    """Return the places of the texts, best first, with scores."""
    if body.raw_scores:
        raise not_understood("Raw scores are not told. Leave raw_scores out.")
    pairs = [[body.query, text] for text in body.texts]
    scores = await _scores(request, body, pairs)
    order = sorted(range(len(scores)), key=lambda number: -scores[number])
    told = [
        {"index": number, "score": scores[number]} | ({"text": body.texts[number]} if body.return_text else {})
        for number in order
    ]
    return raw(json.dumps(told, ensure_ascii=False))


@router.post("/similarity")
async def similarity(body: SimilarityBody, request: Request) -> Response:
    """Return how near each sentence is to the first one."""
    pairs = [[body.inputs.source_sentence, other] for other in body.inputs.sentences]
    return raw(json.dumps(await _scores(request, body, pairs)))


@router.get("/info")
async def info(request: Request) -> dict[str, Any]:
    """Return what is served."""
    server = server_of(request)
    first, limits = server.model(None), server.config.limits
    return {
        "model_id": first.name,
        "model_type": _model_type(first.about),
        "max_input_length": first.about.get("max_length"),
        "max_batch_tokens": server.config.batching.tokens,
        "max_client_batch_size": limits.texts,
        "max_concurrent_requests": limits.queue_texts,
        "auto_truncate": True,
        "version": mamebert.__version__,
        "models": list(server.models),
    }


async def _scores(request: Request, body: Truncating, pairs: list[list[str]]) -> list[float]:
    model = server_of(request).model(body.model, *PAIRS)
    found = await replies(request, model, items("relevance", pairs, truncate=body.truncate))
    return [json.loads(reply[1]) for reply in found]


def _sequences(inputs: str | list[str | list[str]]) -> tuple[list[Any], bool]:
    """Return what is asked, and whether it is one: lists of texts are one pair, lists of lists several inputs."""
    if isinstance(inputs, str):
        return [inputs], True
    if all(isinstance(each, str) for each in inputs):
        return [_one(inputs)], True
    return [_one(each if isinstance(each, list) else [each]) for each in inputs], False


def _one(texts: list[Any]) -> Any:
    if not 1 <= len(texts) <= 2:
        raise not_understood("An input is one text or a pair of texts. Give several inputs as a list of lists.")
    return texts[0] if len(texts) == 1 else texts


def _model_type(about: dict[str, Any]) -> dict[str, Any]:
    if about.get("kind") == "sentence_embeddings":
        return {"embedding": {}}
    labels = {str(number): label for number, label in enumerate(about.get("labels") or [])}
    return {"classifier": {"id2label": labels, "label2id": {v: int(k) for k, v in labels.items()}}}
