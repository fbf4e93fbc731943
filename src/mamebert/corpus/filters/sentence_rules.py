"""Rules of sentences: each tells whether a sentence breaks it."""

import re
from collections.abc import Callable

from mamebert.corpus.filters.characters import ANY_PUNCTUATION, CAPITAL, DIGIT, LETTER, LETTERS, NEUTRAL, Measured
from mamebert.corpus.filters.languages import confidence
from mamebert.corpus.filters.settings import SentenceRules

Rule = Callable[[Measured, SentenceRules], bool]
# Tags with or without attributes, comments, entities; what is left of wikitext and of links in Markdown.
MARKUP = re.compile(
    r"""</?[a-z][a-z0-9]*(?:\s+[\w:-]+(?:\s*=\s*(?:"[^"<>]*"|'[^'<>]*'|[^\s"'<>]+))?)*\s*/?>"""
    r"""|<!--|-->|<!doctype\b|&(?:nbsp|amp|lt|gt|quot|apos|\#\d+|\#x[0-9a-f]+);|\[\[|\]\]|\{\{|\}\}|\{\||\|\}|\]\(https?:""",
    re.IGNORECASE,
)
SIGN_OF_MARKUP = re.compile(r"[<>&\[\]{}]")
"""One stands in all markup, and few sentences have one."""
FEW_LETTERS = 10
"""Shorter sentences may be all capitals: names of offices, headings."""


def too_few_words(sentence: Measured, rules: SentenceRules) -> bool:
    """Fewer words than `min_words`."""
    return rules.min_words is not None and sentence.num_words < rules.min_words


def too_many_words(sentence: Measured, rules: SentenceRules) -> bool:
    """More words than `max_words`."""
    return rules.max_words is not None and sentence.num_words > rules.max_words


def long_word(sentence: Measured, rules: SentenceRules) -> bool:
    """A word longer than `max_word_characters`; without spaces between words, a run of ASCII."""
    most = rules.max_word_characters
    return most is not None and len(sentence.text) > most and sentence.has_longer_word(most)


def markup(sentence: Measured, rules: SentenceRules) -> bool:
    """Tags and entities of HTML, or brackets of wikitext."""
    if rules.markup != "drop" or SIGN_OF_MARKUP.search(sentence.text) is None:
        return False
    return MARKUP.search(sentence.text) is not None


def punctuation(sentence: Measured, rules: SentenceRules) -> bool:
    """A larger share of punctuation than `max_punctuation`."""
    return rules.max_punctuation is not None and sentence.share(ANY_PUNCTUATION) > rules.max_punctuation


def digits(sentence: Measured, rules: SentenceRules) -> bool:
    """A larger share of digits than `max_digits`."""
    return rules.max_digits is not None and sentence.share(DIGIT) > rules.max_digits


def upper_case(sentence: Measured, rules: SentenceRules) -> bool:
    """A larger share of capitals among the letters than `max_upper_case`; short sentences are not asked."""
    if rules.max_upper_case is None or sentence.num_letters < FEW_LETTERS:
        return False
    return sentence.num(CAPITAL) > rules.max_upper_case * sentence.num_letters


def script(sentence: Measured, rules: SentenceRules) -> bool:
    """A smaller share of the language's script among the letters than `min_script_share`."""
    if rules.min_script_share is None or not sentence.num_letters:
        return False
    own = sentence.num(LETTER + CAPITAL + NEUTRAL)
    others = sentence.num_letters - own
    own += own if sentence.writing.is_dense else 0  # as in `Measured.length`
    return own < rules.min_script_share * (own + others)


def language(sentence: Measured, rules: SentenceRules) -> bool:
    """A smaller confidence in the language than `min_language_confidence`, of which short sentences need a part."""
    if not rules.min_language_confidence or not sentence.num(LETTERS):
        return False
    known = min(1.0, sentence.num_letters / max(rules.language_letters or 1, 1))
    return confidence(sentence.text, sentence.language)[0] < rules.min_language_confidence * known**2


RULES: dict[str, tuple[Rule, str]] = {
    rule.__name__: (rule, setting)
    for rule, setting in (
        (too_few_words, "min_words"),
        (too_many_words, "max_words"),
        (long_word, "max_word_characters"),
        (markup, "markup"),
        (punctuation, "max_punctuation"),
        (digits, "max_digits"),
        (upper_case, "max_upper_case"),
        (script, "min_script_share"),
        (language, "min_language_confidence"),
    )
}
"""With the setting that each asks for, in the order in which they are asked; what costs most comes last. The first that
is broken is counted."""


def asked(rules: SentenceRules) -> list[tuple[str, Rule]]:
    """Return the rules, with their names, whose setting is there."""
    return [(name, rule) for name, (rule, setting) in RULES.items() if getattr(rules, setting) is not None]
