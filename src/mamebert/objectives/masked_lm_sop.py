"""ALBERT's two questions: masked words, and which of two segments comes first (Lan et al., 2020).

Both are from one document, so that topics give nothing away, as they do in next-sentence prediction. BERTje's code has
the labels the other way round; here, as in ALBERT, 0 is "in order". What is saved says so.
"""

from typing import ClassVar, Literal

from mamebert.objectives.bases.sentence_question import SentenceQuestion
from mamebert.objectives.data.sentence_pairs import NEXT, PREVIOUS, Relation


class MaskedLMAndSOP(SentenceQuestion):
    """Guess the masked tokens of a pair of segments, and whether they are in the order of the text."""

    question: ClassVar[Literal["", "nsp", "sop", "sso"]] = "sop"
    asks_for: ClassVar[str] = "Sentence-order prediction"
    relations: ClassVar[tuple[Relation, ...]] = (NEXT, PREVIOUS)
