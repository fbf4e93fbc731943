"""Things marked in a text: tags with B-, I- and O for its words, or ranges of its characters, and one as the other."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from mamebert.corpus.readers import Row
from mamebert.errors import UserError
from mamebert.tasks.data.cells import as_label, is_missing, items_of
from mamebert.tasks.data.words import Span

Entity = tuple[int, int, str]
"""First character (or word), the one behind the last, and the type."""

OUTSIDE = "O"
MARK = re.compile("[BIES]-.")


def mark_entities(tags: Iterable[str]) -> bool:
    """Tell whether tags mark entities: each is O or begins with B-, I-, E- or S-."""
    return all(tag == OUTSIDE or MARK.match(tag) for tag in tags)


def bio_labels(types: Iterable[str]) -> tuple[str, ...]:
    """Return the tags for entities of these types."""
    return OUTSIDE, *(f"{mark}-{kind}" for kind in sorted(set(types)) for mark in "BI")


def bio_tags(spans: Sequence[Span], entities: Iterable[Entity]) -> tuple[list[str], int]:
    """Return a tag for each piece of a text, and how many entities the tags do not say exactly.

    Pieces belong to the entity whose characters they touch. Where entities share a piece the longest has it, and the
    others are left out: tags cannot say that one lies within another.
    """
    tags = [OUTSIDE] * len(spans)
    inexact = 0
    for start, end, kind in sorted(entities, key=lambda each: each[0] - each[1]):
        touched = [i for i, span in enumerate(spans) if span[0] < end and start < span[1]]
        if not touched or any(tags[i] != OUTSIDE for i in touched):
            inexact += 1
            continue
        tags[touched[0] : touched[-1] + 1] = [f"B-{kind}", *[f"I-{kind}"] * (len(touched) - 1)]
        inexact += (spans[touched[0]][0], spans[touched[-1]][1]) != (start, end)
    return tags, inexact


def entities_in(row: Row, column: str, text: str) -> list[Entity]:
    """Return the marked ranges of a text; one outside of it, or one that does not hold its name, is a UserError.

    Each is {"start": 3, "end": 8, "label": "PER"} or {"span": [3, 8], "type": "PER"}, with its characters as "name" or
    "text" where wished, or [3, 8, "PER"].
    """
    told = items_of(row[column])
    if told is None:
        raise UserError(
            f"The column {column!r} holds {str(row[column])[:60]!r}, which is no list of marked ranges. "
            "Name the column of the list in task.spans_column."
        )
    return sorted(_entity(each, column, text) for each in told)


def _entity(given: Any, column: str, text: str) -> Entity:
    try:
        start, end, kind, name = _parts(given)
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{str(given)[:80]!r} in column {column!r} marks no range of a text. Write it as "
            '{"start": 3, "end": 8, "label": "PERSON"}, {"span": [3, 8], "type": "PERSON"} or [3, 8, "PERSON"].'
        ) from error
    if not 0 <= start < end <= len(text) or not kind:
        raise UserError(
            f"The range {start} to {end} ({kind!r}) is no part of the text {text[:30]!r} with its {len(text)} "
            "characters. Count characters from 0, the end being the one behind the last, and name the type."
        )
    if splits_a_character(text, start) or splits_a_character(text, end):
        raise UserError(
            f"The range {start} to {end} of the text {text[:30]!r} begins or ends within a character: the text has "
            "accents or Hangul in parts (NFD). Count its characters as they are, or bring text and ranges to NFC."
        )
    if name is not None and _whole(name) != _whole(text[start:end]):
        raise UserError(
            f"The range {start} to {end} of the text {text[:30]!r} holds {text[start:end]!r} and not {name!r}. "
            "Count characters (not bytes) from 0, the end being the one behind the last."
        )
    return start, end, kind


def splits_a_character(text: str, place: int) -> bool:
    """Tell whether a place lies between parts of one character, such as a letter and its accent (NFD)."""
    if not 0 < place < len(text) or text[place].isascii():
        return False
    before, behind = text[max(0, place - 3) : place], text[place : place + 3]
    return _whole(before) + _whole(behind) != _whole(before + behind)


def _whole(text: Any) -> str:
    return unicodedata.normalize("NFC", str(text))


def _parts(given: Any) -> tuple[int, int, str, str | None]:
    if not isinstance(given, dict):
        start, end, kind = given
        return int(start), int(end), _type(kind), None
    start, end = given["span"] if "span" in given else (given["start"], given["end"])
    kind = given["type"] if "type" in given else given["label"]
    return int(start), int(end), _type(kind), given.get("name", given.get("text"))


def _type(kind: Any) -> str:
    return "" if is_missing(kind) else as_label(kind)
