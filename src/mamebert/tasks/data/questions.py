"""Questions about passages, and what rows tell of their answers."""

import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

from mamebert.errors import UserError
from mamebert.evaluation.metrics.answers import Unit
from mamebert.tasks.data.features import Unusable

FEW_SPACES = 0.08
"""Share of spaces below which a language writes none between words: XQuAD has 4 % in Thai and Chinese, 13 % and more
in its other languages."""


class Asked(NamedTuple):
    """A question about a passage."""

    question: str
    context: str


def right_answers(told: Any, context: str) -> list[dict[str, Any]]:
    """Return every answer with its text and its characters start:end of the passage.

    `told` is SQuAD's list of {"text", "answer_start"} or the Hugging Face object of two lists; anything else is a
    UserError. Answers that do not stand where they should, or are empty, are left out; none left is `Unusable`.
    """
    each = _pairs(told)
    standing = [(_as_in(context, text, start), start) for text, start in each]
    found = [{"text": text, "start": start, "end": start + len(text)} for text, start in standing if text.strip()]
    if each and not found:
        raise Unusable("an answer that does not stand in the passage where answer_start says")
    return found


def _as_in(context: str, text: str, start: int) -> str:
    """Return an answer as it stands at its start, in whichever Unicode form; "" where it does not stand there."""
    forms = (text, unicodedata.normalize("NFC", text), unicodedata.normalize("NFD", text))
    return next((each for each in forms if start >= 0 and context.startswith(each, start)), "")


def unit_of(contexts: Sequence[str]) -> Unit:
    """Return what the answers in these passages are made of: words, or characters where hardly any spaces are."""
    text = "".join(dict.fromkeys(contexts))
    num_spaces = sum(text.count(space) for space in " \n\t\u00a0\u3000")
    return "word" if num_spaces >= FEW_SPACES * len(text) else "character"


def _pairs(told: Any) -> list[tuple[str, int]]:
    try:
        if isinstance(told, dict):
            return [(str(text), int(start)) for text, start in zip(told["text"], told["answer_start"], strict=True)]
        return [(str(each["text"]), int(each["answer_start"])) for each in told or []]
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"The answers {str(told)[:80]!r} of a question are not in SQuAD's form. "
            'Give a list of {"text": ..., "answer_start": ...}, with starts counted in characters.'
        ) from error
