"""StructBERT's questions, HerBERT's too: masked words, and the order of sentences (Wang et al., 2020)."""

from typing import ClassVar, Literal

from mamebert.objectives.bases.sentence_question import SentenceQuestion
from mamebert.objectives.data.sentence_pairs import NEXT, PREVIOUS, RANDOM, Relation


class MaskedLMAndSSO(SentenceQuestion):
    """Guess the masked tokens of a pair of segments, and whether the second follows, precedes or neither."""

    question: ClassVar[Literal["", "nsp", "sop", "sso"]] = "sso"
    asks_for: ClassVar[str] = "The sentence structural objective"
    relations: ClassVar[tuple[Relation, ...]] = (NEXT, PREVIOUS, RANDOM)
