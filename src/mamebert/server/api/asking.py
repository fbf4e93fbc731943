"""From a request to replies: which model, how many texts, and whether the client is still there."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from fastapi import Request, Response
from pydantic import BaseModel, ConfigDict

from mamebert.errors import UserError, unknown
from mamebert.server.engine.refusals import Refused, not_understood
from mamebert.server.engine.served_model import ServedModel
from mamebert.server.metrics import Metrics
from mamebert.server.settings import ServeConfig

JSON = "application/json"
Asked = str | list[Any] | dict[str, Any]
"""One text, texts in the order of the model's columns, or a row."""


class Body(BaseModel):
    """What a request says."""

    model_config = ConfigDict(strict=True, extra="ignore", use_attribute_docstrings=True)


class Server:
    """The models, by name, and what the routes share."""

    def __init__(self, config: ServeConfig, models: Mapping[str, ServedModel], metrics: Metrics) -> None:
        self.config = config
        self.models = models
        self.metrics = metrics
        self.is_closing = False
        self.mistake: UserError | None = None
        """What kept it from starting."""

    def model(self, name: str | None, *kinds: str) -> ServedModel:
        """Return the model of a name; without one the first of the first of these kinds. None is `Refused`."""
        if name:
            if name not in self.models:
                raise Refused(404, str(unknown("model", name[:100], self.models)))
            return self.models[name]
        models = list(self.models.values())
        suiting = (model for kind in kinds for model in models if model.about.get("kind") == kind)
        return next(suiting, models[0])


def server_of(request: Request) -> Server:
    """Return the server that a request came to."""
    found: Server = request.app.state.server
    return found


def items(do: str, inputs: Sequence[Any], **options: Any) -> list[dict[str, Any]]:
    """Return what a worker is asked: the same of every input."""
    if not inputs:
        raise not_understood("There is no text in the request. Give one or more as inputs.")
    return [{"do": do, "asked": each, **options} for each in inputs]


async def replies(request: Request, model: ServedModel, asked: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Return the reply to each item; one that is none makes the whole request `Refused`.

    When the client goes away, nothing is computed for it any more (`ClientGone`).
    """
    found = await model.ask(asked, until=lambda: _gone(request))
    request.state.told = {
        "model": model.name,
        "texts": len(found),
        "tokens": sum(reply[2] for reply in found if reply[0] == "ok"),
    }
    for number, reply in enumerate(found):
        if reply[0] != "ok":
            where = f"Input {number}: " if len(found) > 1 else ""
            raise Refused(reply[1], f"{where}{reply[2]}")
    return found


async def _gone(request: Request) -> None:
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            return


def raw(*parts: str, media_type: str = JSON) -> Response:
    """Return JSON that is written already."""
    return Response("".join(parts).encode("utf-8", "backslashreplace"), media_type=media_type)


def in_list(found: Sequence[Sequence[Any]]) -> str:
    """Return the answers of replies as one list."""
    return f"[{', '.join(reply[1] for reply in found)}]"


def several(inputs: Any) -> tuple[list[Any], Literal["one", "many"]]:
    """Return inputs as a list, and whether there was one outside of a list."""
    return (inputs, "many") if isinstance(inputs, list) else ([inputs], "one")
