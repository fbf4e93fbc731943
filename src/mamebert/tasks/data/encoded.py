"""Rows of one part as one tokenizer shows them."""

from collections.abc import Sequence
from dataclasses import dataclass

from mamebert.tasks.data.features import Example, Features


@dataclass
class Part:
    """Examples and how one encoder's tokenizer shows them."""

    examples: Sequence[Example]
    features: Sequence[Features]
