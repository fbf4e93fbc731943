"""Networks without numbers, to learn what their sizes are."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch.overrides import TorchFunctionMode


class _NoFirstNumbers(TorchFunctionMode):
    # To draw numbers that have no place, torch imports its compiler: seconds, for every model that is opened.
    def __torch_function__(
        self, func: Any, types: Iterable[type], args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        if getattr(func, "__module__", "") == "torch.nn.init":
            return args[0] if args else given["tensor"]
        return func(*args, **given)


@contextmanager
def shapes_alone() -> Iterator[None]:
    """Build networks on torch's "meta" device within: no memory is taken for their weights, none are drawn."""
    with torch.device("meta"), _NoFirstNumbers():
        yield
