"""Rules of documents, judged as they were read: each tells whether a document breaks it."""

from collections.abc import Callable, Sequence

from mamebert.corpus.filters.characters import ASCII_MARK, CAPITAL, DIGIT, FOREIGN, Measured
from mamebert.corpus.filters.languages import MOST_CHARACTERS, confidence
from mamebert.corpus.filters.repetition import repeated_lines, repeated_ngrams
from mamebert.corpus.filters.settings import DocumentRules

Document = Sequence[Measured]
Rule = Callable[[Document, DocumentRules], bool]


def short_sentences(document: Document, rules: DocumentRules) -> bool:
    """Sentences with fewer regular words than `min_mean_words` on the average."""
    return rules.min_mean_words is not None and _num_words(document) < rules.min_mean_words * len(document)


def too_few_sentences(document: Document, rules: DocumentRules) -> bool:
    """Fewer sentences than `min_sentences`."""
    return rules.min_sentences is not None and len(document) < rules.min_sentences


def too_many_sentences(document: Document, rules: DocumentRules) -> bool:
    """More sentences than `max_sentences`."""
    return rules.max_sentences is not None and len(document) > rules.max_sentences


def too_few_tokens(document: Document, rules: DocumentRules) -> bool:
    """Fewer tokens between spaces than `min_tokens`."""
    return rules.min_tokens is not None and _num_tokens(document) < rules.min_tokens


def too_many_tokens(document: Document, rules: DocumentRules) -> bool:
    """More tokens between spaces than `max_tokens`."""
    return rules.max_tokens is not None and _num_tokens(document) > rules.max_tokens


def wordless_sentences(document: Document, rules: DocumentRules) -> bool:
    """A larger share of sentences without a regular word than `max_wordless_sentences`."""
    if rules.max_wordless_sentences is None:
        return False
    return sum(not each.num_regular_words for each in document) > rules.max_wordless_sentences * len(document)


def punctuation(document: Document, rules: DocumentRules) -> bool:
    """A larger share of ASCII punctuation than `max_punctuation`."""
    return _is_over(document, ASCII_MARK, rules.max_punctuation)


def upper_case(document: Document, rules: DocumentRules) -> bool:
    """A larger share of capitals than `max_upper_case`."""
    return _is_over(document, CAPITAL, rules.max_upper_case)


def digits(document: Document, rules: DocumentRules) -> bool:
    """A larger share of digits than `max_digits`."""
    return _is_over(document, DIGIT, rules.max_digits)


def foreign_letters(document: Document, rules: DocumentRules) -> bool:
    """A larger share of letters in other scripts than `max_foreign_letters`."""
    return _is_over(document, FOREIGN, rules.max_foreign_letters)


def too_few_words(document: Document, rules: DocumentRules) -> bool:
    """Fewer regular words than `min_words`."""
    return rules.min_words is not None and _num_words(document) < rules.min_words


def lines_repeated(document: Document, rules: DocumentRules) -> bool:
    """A larger share of sentences that came before than `max_repeated_lines`."""
    return rules.max_repeated_lines is not None and (
        repeated_lines([each.text for each in document]) > rules.max_repeated_lines
    )


def ngrams_repeated(document: Document, rules: DocumentRules) -> bool:
    """A larger share of n-grams that came before than `max_repeated_ngrams`."""
    return rules.max_repeated_ngrams is not None and (
        repeated_ngrams([each.text for each in document], document[0].language) > rules.max_repeated_ngrams
    )


def language(document: Document, rules: DocumentRules) -> bool:
    """Another language is likelier."""
    if rules.language != "likeliest":
        return False
    beginning, characters = [], 0
    for each in document:
        beginning.append(each.text)
        if (characters := characters + len(each.text)) >= MOST_CHARACTERS:
            break
    return not confidence(" ".join(beginning), document[0].language)[1]


RULES: dict[str, Rule] = {
    rule.__name__: rule
    for rule in (
        short_sentences, too_few_sentences, too_many_sentences, too_few_tokens, too_many_tokens, wordless_sentences,
        punctuation, upper_case, digits, foreign_letters, too_few_words, lines_repeated, ngrams_repeated, language,
    )
}  # fmt: skip
"""In the order of WikiBERT's pipeline. The first that is broken is counted."""


def _num_tokens(document: Document) -> int:
    return sum(each.num_words for each in document)


def _num_words(document: Document) -> int:
    return sum(each.num_regular_words for each in document)


def _is_over(document: Document, wanted: str, most: float | None) -> bool:
    """Spaces count here, as they do in WikiBERT's pipeline."""
    return most is not None and sum(each.num(wanted) for each in document) > most * sum(
        each.length for each in document
    )
