"""BERT's own two questions: masked words, and whether sentence B follows A (Devlin et al., 2019)."""

from typing import ClassVar, Literal

from mamebert.objectives.bases.sentence_question import SentenceQuestion
from mamebert.objectives.data.sentence_pairs import NEXT, RANDOM, Relation


class MaskedLMAndNSP(SentenceQuestion):
    """Guess the masked tokens of a pair of segments, and whether the second follows the first."""

    question: ClassVar[Literal["", "nsp", "sop", "sso"]] = "nsp"
    asks_for: ClassVar[str] = "Next-sentence prediction"
    relations: ClassVar[tuple[Relation, ...]] = (NEXT, RANDOM)
