"""Limits of a `tokenizer.json`: nothing that multiplies a text, never ends, or needs memory out of proportion.

The library believes the file: an id of 400 million makes a table of that length, a rule that puts a thousand letters
in the place of one makes gigabytes of a line, a pattern can try every way to cut a text. All of that is told before
anything is built.
"""

import base64
import binascii
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mamebert.errors import UserError
from mamebert.tokenizer.files import WAY_OUT

MOST_RULES = 64
MOST_GROWTH = 16
"""Signs that all replacements together may make of one; SentencePiece's "▁" for a space is one."""
MOST_ADDED = 64
"""The longest text that a rule may put somewhere, in characters: the longest in use has 18."""
MOST_BYTE_LEVELS = 4  # each doubles what is not ASCII; normaliser, pre-tokenizer and decoder have one
MOST_CHARACTERS_PER_WORD = 1_000  # the time to cut a word grows with the cube of its length
MOST_IN_ADDED = 500_000  # the automaton that finds added tokens takes microseconds and a kilobyte for each character
NUM_HOLES = 1_000
BYTE_SPACE = "Ġ"
"""The space among the letters that stand for bytes (Radford et al., 2019)."""

Part = dict[str, Any]


def check_description(description: Part, path: Path) -> None:
    """Refuse, as a UserError, a `tokenizer.json` that is incomplete or asks for too much."""
    try:
        _check_model(description["model"], description.get("added_tokens") or [])
        rules = list(_rules(description))
        if len(rules) > MOST_RULES:
            raise ValueError(f"it has {len(rules)} rules for a text, where {MOST_RULES} are the most")
        if sum(rule["type"] == "ByteLevel" for rule in rules) > MOST_BYTE_LEVELS:
            raise ValueError("it turns text into bytes several times")
        growth = 1
        for rule in rules:
            growth *= _growth(rule)
        if growth > MOST_GROWTH:
            raise ValueError("its replacements multiply the length of a text")
    except (TypeError, AttributeError, KeyError, IndexError) as error:
        raise UserError(f"{path} is damaged (its parts are not those of a tokenizer). {WAY_OUT}") from error
    except ValueError as error:
        raise UserError(f"{path} cannot be used: {error}. {WAY_OUT}") from error


def require_few_holes(ids: dict[str, int]) -> None:
    """Raise a ValueError where no token is left, or the ids without one are more than those with."""
    if not ids:
        raise ValueError("it holds no token")
    if min(ids.values()) < 0 or max(ids.values()) >= 2 * len(ids) + NUM_HOLES:
        raise ValueError(f"of its {len(ids):,} tokens the ids go from {min(ids.values()):,} to {max(ids.values()):,}")


def _check_model(model: Part, added: list[Part]) -> None:
    vocab = model["vocab"]
    tokens = vocab if isinstance(vocab, dict) else {str(piece): number for number, (piece, _) in enumerate(vocab)}
    ids = {**tokens, **{token["content"]: token["id"] for token in added}}
    if not all(type(number) is int for number in ids.values()):
        raise ValueError("an id is no whole number")
    require_few_holes(ids)
    if not all(isinstance(token["content"], str) and token["content"] for token in added):
        raise ValueError("an added token is empty")
    if (added_length := sum(len(token["content"]) for token in added)) > MOST_IN_ADDED:
        raise ValueError(f"its added tokens have {added_length:,} characters, where {MOST_IN_ADDED:,} are the most")
    if model.get("type") in ("WordPiece", "WordLevel") and model.get("unk_token") not in tokens:
        raise ValueError(f"its vocabulary lacks the token for unknown words ({model.get('unk_token')!r})")
    if (model.get("max_input_chars_per_word") or 0) > MOST_CHARACTERS_PER_WORD:
        raise ValueError(f"it reads words of more than {MOST_CHARACTERS_PER_WORD:,} characters whole")
    if model.get("dropout"):
        raise ValueError("it cuts words by chance (dropout), so that each answer would be another")
    for name in ("continuing_subword_prefix", "end_of_word_suffix"):
        _require_short(model.get(name) or "")


def _rules(description: Part) -> Iterator[Part]:
    waiting = [description.get(name) for name in ("normalizer", "pre_tokenizer", "decoder")]
    while waiting:
        rule = waiting.pop()
        if rule is None:
            continue
        yield rule
        for name in ("normalizers", "pretokenizers", "decoders"):
            waiting += rule.get(name, [])


def expressions(description: Part) -> list[str]:
    """Return the regular expressions among the rules for a text."""
    patterns = [rule.get("pattern") for rule in _rules(description)]
    return [pattern["Regex"] for pattern in patterns if isinstance(pattern, dict) and "Regex" in pattern]


def wants_space_before(description: Part) -> bool:
    """Tell whether words are cut otherwise behind a space, and no rule puts one before a text."""
    rules = _cutting(description, "ByteLevel")
    return bool(rules) and not any(rule.get("add_prefix_space") for rule in rules)


def sign_for_space(description: Part) -> str:
    """Return what stands in tokens for a space before them; "" where words are told otherwise."""
    if _cutting(description, "ByteLevel"):
        return BYTE_SPACE
    return next((str(rule.get("replacement", "▁")) for rule in _cutting(description, "Metaspace")), "")


def _cutting(description: Part, kind: str) -> list[Part]:
    rules = _rules({"pre_tokenizer": description.get("pre_tokenizer")})
    return [rule for rule in rules if rule["type"] == kind]


def _growth(rule: Part) -> int:
    """Return how many times longer a rule makes a text; a ValueError where one rule alone is too much."""
    check: Callable[[Part], int] = {
        "Replace": _of_replacement,
        "Prepend": lambda rule: _require_short(rule["prepend"]),
        "Precompiled": _of_charsmap,
    }.get(rule["type"], lambda _: 1)
    return check(rule)


def _of_replacement(rule: Part) -> int:
    _require_short(rule["content"])
    replaced = len(rule["pattern"].get("String", "")) or 1
    return max(1, -(-len(rule["content"]) // replaced))


def _of_charsmap(rule: Part) -> int:
    """Check the table of a SentencePiece normaliser: its length, a search tree, and what characters become."""
    try:
        table = base64.b64decode(rule["precompiled_charsmap"] or "", validate=True)
    except binascii.Error as error:
        raise ValueError(f"the table of its normaliser is damaged ({error})") from error
    size = int.from_bytes(table[:4], "little")
    if not table:
        return 1
    if len(table) < 8 or size % 4 or size > len(table) - 4:
        raise ValueError("the table of its normaliser is damaged")
    for text in table[4 + size :].split(b"\0"):
        _require_short(text.decode("utf-8"))
    return 1


def _require_short(text: str) -> int:
    if len(text) > MOST_ADDED:
        raise ValueError(f"one of its rules adds {len(text):,} characters at once")
    return 1
