"""Normalisation in the tokenizer: the same that `clean` has done to the text that a vocabulary learnt from.

So a text gets the same pieces in whatever form it is asked: accents and Hangul put together or taken apart (as in the
file names of macOS), invisible marks inside words or not. Two things are more than BERT does. The joiners, without
which Persian and Indic words are spelt wrong, stay inside the scripts that need them. And a run of over a hundred
characters of a script that writes no spaces is cut at a syllable, where BERT makes one [UNK] of it.
"""

from typing import Any, Literal

from mamebert.corpus.cleaning import UNSPACED

NormalForm = Literal["none", "NFC", "NFKC"]
Rule = dict[str, Any]

MOST_AT_ONCE = 80
"""Characters of an unspaced script that are cut into pieces together; the time grows with the cube."""

_INVISIBLE = (
    r"[\p{Cc}\p{Cf}\p{Co}\x{fdd0}-\x{fdef}\x{fff0}-\x{fff8}\x{fffd}-\x{ffff}\x{e0000}-\x{e007f}"
    r"&&[^\t\n\r\x{200c}\x{200d}]]+"
)
_JOINING = r"\x{600}-\x{dff}\x{1000}-\x{109f}\x{1780}-\x{18af}"  # from Arabic to Sinhala; Burmese, Khmer, Mongolian
_OTHER_JOINERS = rf"(?<![{_JOINING}])[\x{{200c}}\x{{200d}}]|\x{{200c}}(?![{_JOINING}\x{{200c}}\x{{200d}}])"
_RUN = "[" + "".join(rf"\x{{{ord(first):x}}}-\x{{{ord(last):x}}}" for first, last in UNSPACED) + "]"
_MOST, _HALF = f"{_RUN}{{1,{MOST_AT_ONCE}}}", f"{_RUN}{{{MOST_AT_ONCE // 2},{MOST_AT_ONCE}}}"
# Vowels written before their consonant begin a syllable; so does a letter that is no final vowel and follows no virama.
_SYLLABLE = (
    r"(?=[\x{e40}-\x{e44}\x{ec0}-\x{ec4}])"
    r"|(?<![\x{e40}-\x{e44}\x{ec0}-\x{ec4}\x{1039}\x{17d2}])"
    r"(?=\p{Lo})(?![\x{e30}\x{e32}\x{e33}\x{e45}\x{eb0}\x{eb2}\x{eb3}])"
)


def _replace(pattern: str, content: str) -> Rule:
    return {"type": "Replace", "pattern": {"Regex": pattern}, "content": content}


_FIRST = [
    _replace(rf"(?<={_RUN})\x{{200b}}|[\x{{b}}\x{{c}}\x{{1c}}-\x{{1e}}\x{{85}}]", " "),
    _replace(_INVISIBLE, ""),
    _replace(_OTHER_JOINERS, ""),
]


def runs(sign: str = "") -> Rule:
    """Return what cuts the scripts that write no spaces into runs, a `sign` of the space before them with each."""
    before = f"{sign}?" if sign else ""
    # A whole run, or as much as ends before a syllable, or as much as there may be.
    pattern = f"{before}{_MOST}(?!{_RUN})|{before}{_HALF}(?:{_SYLLABLE})|{before}{_MOST}"
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


_WORDS = {"type": "Sequence", "pretokenizers": [{"type": "BertPreTokenizer"}, runs()]}


def rules_of_words(normal_form: NormalForm, split_cjk: bool, strip_accents: bool, lowercase: bool) -> dict[str, Rule]:
    """Return the parts `normalizer` and `pre_tokenizer` of a `tokenizer.json`."""
    bert = {
        "type": "BertNormalizer",
        "clean_text": False,
        "handle_chinese_chars": split_cjk,
        "strip_accents": strip_accents,
        "lowercase": lowercase,
    }
    form = [] if normal_form == "none" else [{"type": normal_form}]
    return {
        "normalizer": {"type": "Sequence", "normalizers": [*_FIRST, *form, bert]},
        "pre_tokenizer": _WORDS,
    }


def are_rules_of_words(description: dict[str, Any]) -> bool:
    """Say whether a `tokenizer.json` has the rules that `rules_of_words` returns; none of them looks across a space."""
    return are_normalised(description) and description["pre_tokenizer"] == _WORDS


def are_normalised(description: dict[str, Any]) -> bool:
    """Say whether a `tokenizer.json` changes a text as `rules_of_words` has it."""
    steps = (description["normalizer"] or {}).get("normalizers") or []
    last = steps[-1] if steps else {}
    return (
        steps[: len(_FIRST)] == _FIRST
        and steps[len(_FIRST) : -1] in ([], [{"type": "NFC"}], [{"type": "NFKC"}])
        and (last.get("type"), last.get("clean_text")) == ("BertNormalizer", False)
    )
