"""Answers as JSON: the same bytes from `predict`, `fill-mask` and the server."""

import json
from typing import Any


def as_json(answer: Any) -> str:
    """Return an answer as one line of JSON, its letters as they are."""
    return json.dumps(answer, ensure_ascii=False, allow_nan=False)
