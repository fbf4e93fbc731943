"""The language of a text, by py3langid (Lui and Baldwin, 2012)."""

from functools import cache
from typing import Any

from mamebert.corpus.filters.writing import base
from mamebert.errors import UserError, unknown
from mamebert.extras import import_extra

ALIASES = {"nb": "no", "cmn": "zh", "fil": "tl", "iw": "he", "in": "id", "sh": "sr", "arb": "ar", "pes": "fa"}
MOST_CHARACTERS = 2000
"""More of a text tells nothing new."""


def confidence(text: str, language: str) -> tuple[float, bool]:
    """Return the probability that a text is in a language, and whether it is the likeliest.

    A text in which no feature of any language is found has the same low probability for each. A language that
    py3langid does not know is a UserError.
    """
    identifier, place = _identifier(language)
    scores = identifier._decide(text[:MOST_CHARACTERS])
    return float(scores[place]), int(scores.argmax()) == place


@cache
def _identifier(language: str) -> tuple[Any, int]:
    labels = _model().nb_classes
    name = ALIASES.get(base(language), base(language))
    if name not in labels:
        raise UserError(
            f"{unknown('language of py3langid', name, labels)} Turn the rules of language off: "
            "filters.sentences.min_language_confidence=0 filters.documents.language=any."
        )
    return _model(), labels.index(name)


@cache
def _model() -> Any:
    langid = import_extra("filters", "py3langid.langid")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE, norm_probs=True)
