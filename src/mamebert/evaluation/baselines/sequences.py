"""Baselines that answer each word of a sentence with a tag, and a text with its first sentences."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from time import perf_counter

from mamebert.evaluation.baselines.fitting import BaselineAnswers, Part
from mamebert.evaluation.metrics.summaries import summary_size


def most_frequent_tag(train: Part, valid: Part, test: Part) -> BaselineAnswers:
    """Answer each word with the tag it has most often in the training rows.

    Inputs are lists of words, labels lists of tags. A word never seen gets the most frequent tag of all words, or that
    of the words seen once, which resemble it: whichever tags more of the validation words rightly. Of equally
    frequent tags the first in the alphabet is taken.
    """
    started = perf_counter()
    tags_of: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for words, tags in zip(train.inputs, train.labels, strict=True):
        for word, tag in zip(words, tags, strict=True):
            tags_of[word][tag] += 1
    known = {word: _most_frequent(counts.elements()) for word, counts in tags_of.items()}
    all_tags = [tag for counts in tags_of.values() for tag in counts.elements()]
    once = [tag for counts in tags_of.values() if counts.total() == 1 for tag in counts]
    unseen = [_most_frequent(tags) for tags in (all_tags, once or all_tags)]
    rates = [_num_right(valid.labels, _tagged(known, tag, valid.inputs)) for tag in unseen]
    by_rare = rates[1] > rates[0]
    answers = _tagged(known, unseen[by_rare], test.inputs)
    chosen = {"unseen_as_seen_once": float(by_rare), "num_features": len(known)}
    return BaselineAnswers("most frequent tag of each word", answers, perf_counter() - started, chosen)


def lead(train: Part, valid: Part, test: Part, *, num_sentences: int = 3, share: float = 0.0) -> BaselineAnswers:
    """Answer each text, a list of sentences, with the numbers of its first sentences, from 0; nothing is learnt.

    How many they are, `summary_size` tells.
    """
    started = perf_counter()
    answers = [list(range(summary_size(len(sentences), num_sentences, share))) for sentences in test.inputs]
    number = f"{share:.0%} of the" if share else num_sentences
    return BaselineAnswers(f"first {number} sentences", answers, perf_counter() - started, {})


def _most_frequent(tags: Iterable[str]) -> str:
    counts = Counter(tags)
    return min(counts, key=lambda tag: (-counts[tag], tag))


def _tagged(known: dict[str, str], unseen: str, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[known.get(word, unseen) for word in words] for words in sentences]


def _num_right(expected: Sequence[Sequence[str]], predicted: Sequence[Sequence[str]]) -> int:
    pairs = zip(expected, predicted, strict=True)
    return sum(a == b for wanted, given in pairs for a, b in zip(wanted, given, strict=True))
