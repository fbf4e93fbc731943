"""What the outputs of a plain class for texts mean."""

from typing import Any


def problem_type(config: dict[str, Any]) -> str:
    """Return what the outputs of a BertForSequenceClassification mean, as transformers reads its config.json.

    Where that says nothing, one output is a number and several are labels of which one is right.
    """
    num_outputs = len(config.get("id2label") or (0, 1))
    return str(config.get("problem_type") or ("regression" if num_outputs == 1 else "single_label_classification"))
