"""`mamebert inspect`: labelled rows, looked at before anything is learnt from them or asked about them."""

from typing import Any


def inspect(settings: dict[str, Any]) -> None:
    """Print what there is to know of labelled rows before anything is learnt from them or asked about them."""
    from mamebert.config import build
    from mamebert.inspection.inspecting import check_rows
    from mamebert.stages.evaluate.settings import EvaluateConfig

    check_rows(build(EvaluateConfig, {"output": "looked-at", **settings}))
