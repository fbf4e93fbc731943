"""A route for each task: what `predict` and `fill-mask` answer, byte for byte."""

import json
from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from mamebert.server.api.asking import Asked, Body, in_list, items, raw, replies, server_of, several
from mamebert.server.api.strict import StrictRoute
from mamebert.server.engine.refusals import not_understood

router = APIRouter(route_class=StrictRoute, tags=["tasks"])
SENTENCE = "The old boat meets the rope."
Inputs = str | dict[str, Any] | list[Asked]
"""A text, a row, or a list of them; texts in a list within it stand for the columns of the task, in their order."""


class TaskBody(Body):
    """What a model is asked."""

    inputs: Annotated[Inputs, Field(examples=[SENTENCE])]
    """A text, a row, or a list of them; in a list within it, texts in the order of the model's columns."""
    model: Annotated[str | None, Field(examples=[None])] = None
    """Name of the model; without one the first that does this."""


class AnswerBody(Body):
    """A question and the passage that answers it; or several as inputs."""

    question: Annotated[str | None, Field(examples=["What does the boat meet?"])] = None
    context: Annotated[str | None, Field(examples=[SENTENCE])] = None
    inputs: Annotated[dict[str, Any] | list[Asked] | None, Field(examples=[None])] = None
    """Rows with question and passage, or lists of these two texts."""
    model: Annotated[str | None, Field(examples=[None])] = None


class ChooseBody(Body):
    """A question and the choices; or several as inputs."""

    question: Annotated[str | None, Field(examples=["What does the boat meet?"])] = None
    choices: Annotated[list[str] | None, Field(examples=[["the rope", "the bread"]])] = None
    inputs: Annotated[dict[str, Any] | list[Asked] | None, Field(examples=[None])] = None
    """Rows as the model was trained on."""
    model: Annotated[str | None, Field(examples=[None])] = None


class FillMaskBody(Body):
    """Texts with [MASK] where a word is wanted."""

    inputs: Annotated[str | list[str], Field(examples=["The old [MASK] meets the rope."])]
    """A text, or texts; the mark is that of the model's tokenizer."""
    top: int = Field(default=5, ge=1, le=1000)
    """Candidates for each [MASK]."""
    model: Annotated[str | None, Field(examples=[None])] = None


class AttentionBody(Body):
    """A sentence to look into."""

    text: Annotated[str, Field(examples=[SENTENCE])]
    model: Annotated[str | None, Field(examples=[None])] = None


@router.post("/v1/predict")
async def predict(body: TaskBody, request: Request) -> Response:
    """Ask any fine-tuned model for its own answer."""
    return await _answers(request, body.model, body.inputs, ())


@router.post("/v1/classify")
async def classify(body: TaskBody, request: Request) -> Response:
    """Return the label of each text or pair, with its probability; labels, or paths, where the model has several."""
    return await _answers(
        request, body.model, body.inputs, ("classification", "long_documents", "multi_label", "taxonomy")
    )


@router.post("/v1/score")
async def score(body: TaskBody, request: Request) -> Response:
    """Return the number of each text or pair."""
    return await _answers(request, body.model, body.inputs, ("regression",))


@router.post("/v1/embed")
async def embed(body: TaskBody, request: Request) -> Response:
    """Return the vector of a text; for two texts in a list their cosine."""
    return await _answers(request, body.model, body.inputs, ("sentence_embeddings",))


@router.post("/v1/tag")
async def tag(body: TaskBody, request: Request) -> Response:
    """Return a tag for each word, and the entities with their characters."""
    return await _answers(request, body.model, body.inputs, ("tagging",))


@router.post("/v1/parse")
async def parse(body: TaskBody, request: Request) -> Response:
    """Return words, the head of each (from 1; 0 is the root), and its relation."""
    return await _answers(request, body.model, body.inputs, ("dependency_parsing",))


@router.post("/v1/summarise")
async def summarise(body: TaskBody, request: Request) -> Response:
    """Return the sentences of each text that sum it up."""
    return await _answers(request, body.model, body.inputs, ("extractive_summary",))


@router.post("/v1/answer")
async def answer(body: AnswerBody, request: Request) -> Response:
    """Return the words of the passage that answer the question, with their characters in it."""
    inputs = _either([body.question, body.context], body.inputs, "question and context")
    return await _answers(request, body.model, inputs, ("span_qa",))


@router.post("/v1/choose")
async def choose(body: ChooseBody, request: Request) -> Response:
    """Return the likeliest choice."""
    given: Any = _either([body.question, body.choices], body.inputs, "question and choices")
    if body.inputs is None:
        model = server_of(request).model(body.model, "multiple_choice")
        columns = model.about.get("columns", [])
        given = [dict(zip(columns, given[0], strict=False))] if len(columns) == 2 else [[given[0][0], *given[0][1]]]
    return await _answers(request, body.model, given, ("multiple_choice",))


@router.post("/v1/fill-mask")
async def fill_mask(body: FillMaskBody, request: Request) -> Response:
    """Return, for each [MASK] of each text, the likeliest tokens with their probabilities."""
    return await _answers(request, body.model, body.inputs, ("fill-mask",), top=body.top)


@router.post("/v1/attention")
async def attention(body: AttentionBody, request: Request) -> Response:
    """Return the tokens of a sentence and, for each layer and head, what share each takes from each."""
    server = server_of(request)
    able = [model for model in server.models.values() if model.about.get("has_attention")]
    model = server.model(body.model or (able[0].name if able else None))
    found = await replies(request, model, items("attention", [body.text]))
    return raw(f'{{"model": {json.dumps(model.name)}, ', found[0][1][1:])


async def _answers(request: Request, name: str | None, inputs: Any, kinds: Sequence[str], **options: Any) -> Response:
    model = server_of(request).model(name, *kinds)
    kind = model.about.get("kind", "")
    if kinds and kind not in kinds:
        raise not_understood(
            f"The model {model.name!r} is for {kind}. Ask it at /v1/predict, or name one for {kinds[0]}."
        )
    found = await replies(request, model, items("answer", several(inputs)[0], **options))
    return raw(f'{{"model": {json.dumps(model.name)}, "answers": {in_list(found)}}}')


def _either(texts: list[Any], inputs: Any, what: str) -> Any:
    if inputs is not None:
        return inputs
    if None in texts:
        raise not_understood(f"There is nothing to answer. Give {what}, or rows as inputs.")
    return [texts]
