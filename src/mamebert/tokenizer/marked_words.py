"""Rules that leave a mark where a word begins behind a space: "▁" for BPE and Unigram, "Ġ" in bytes.

A text is changed as `normalising` does it. Words end at spaces, each punctuation mark is a word, and what begins behind
a space says so: "(a bean)" is "▁(", "a", "▁bean", ")". So the pieces can be put together to the text again, and no rule
looks across a space. Japanese has no spaces to mark: its pieces were learnt from MeCab's words and are found in the
text as it is written, by no rule but punctuation and spaces, which are dropped.
"""

from typing import Any, Literal

from mamebert.tokenizer.normalising import NormalForm, Rule, are_normalised, rules_of_words, runs

Mark = Literal["▁", "Ġ", ""]
"""What stands for a space: SentencePiece's sign, the byte of it (with all other bytes), or nothing."""

PUNCTUATION = r"[\p{P}$+<=>^`|~]"
_SPLIT = {"type": "WhitespaceSplit"}


def _isolate(pattern: str) -> Rule:
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


def _begin(sign: str) -> Rule:
    return {"type": "Metaspace", "replacement": sign, "prepend_scheme": "always", "split": False}


_BYTES = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def _cutting(mark: Mark, in_bytes: bool, runs_have_sign: bool = True) -> Rule:
    sign = " " if mark == "Ġ" else mark
    steps: list[Rule] = [_SPLIT]
    if sign:
        steps.append(_begin(sign))
    steps += [_isolate(f"{sign}?{PUNCTUATION}" if sign else PUNCTUATION)]
    steps.append(runs(sign if runs_have_sign else ""))
    if in_bytes:
        steps.append(_BYTES)
    return {"type": "Sequence", "pretokenizers": steps}


def rules_of_marked_words(
    normal_form: NormalForm, strip_accents: bool, lowercase: bool, mark: Mark, in_bytes: bool
) -> dict[str, Rule]:
    """Return the parts `normalizer`, `pre_tokenizer` and `decoder` of a `tokenizer.json`."""
    decoder: Rule = {"type": "Fuse"}
    if in_bytes:
        strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
        decoder = {"type": "Sequence", "decoders": [_BYTES, strip]} if mark else _BYTES
    elif mark:
        decoder = _begin(mark)
    return {
        "normalizer": rules_of_words(normal_form, False, strip_accents, lowercase)["normalizer"],
        "pre_tokenizer": _cutting(mark, in_bytes),
        "decoder": decoder,
    }


def are_rules_of_marked_words(description: dict[str, Any]) -> bool:
    """Say whether a `tokenizer.json` has these rules, with a mark; none of them looks across a space."""
    # Until December 2026 the sign of a space stood alone before a run of Thai or the like.
    known = [_cutting(mark, mark == "Ġ", sign) for mark in ("▁", "Ġ") for sign in (True, False)]
    return are_normalised(description) and description["pre_tokenizer"] in known
