"""Baselines that answer questions about passages."""

import re
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from mamebert.corpus.sentences import split_sentences
from mamebert.evaluation.baselines.fitting import Analyzer, text_weights
from mamebert.tasks import Answer, Baseline, Parts
from mamebert.tasks.data.features import Example

# Where no spaces are written, runs without hiragana stand for words; they are mostly nouns.
WORDS = {
    "word": re.compile(r"\w+(?:[.,'’-]\w+)*"),
    "char": re.compile(r"[^\W\u3041-\u309f](?:[^\W\u3041-\u309f]|[・＝]|[.,-](?=\d))*"),
}
LANGUAGE = {"word": "en", "char": "ja"}


class Word(NamedTuple):
    """A word, or several, of a sentence."""

    start: int
    end: int
    text: str


def no_answer(parts: Parts) -> Baseline:
    """Answer no question at all."""
    return Baseline("no answer", [{"text": ""} for _ in parts.test], 0.0, {})


def most_similar_sentence(
    parts: Parts, analyzer: Analyzer, score: Callable[[Sequence[Example], Sequence[Answer]], float]
) -> Baseline:
    """Answer with the passage's sentence that is most like the question (TF-IDF), or with a name or number in it.

    Of those that the question does not name, it is the one nearest to the words which the question does name. Whether
    the sentence or the name is answered, validation rows decide by `score`.
    """
    started = perf_counter()
    weigh = text_weights(analyzer, len(parts.train))
    weigh.fit([text for example in parts.train for text in example.inputs])
    sentences = [_likest(weigh, part, analyzer) for part in (parts.valid, parts.test)]
    valid, test = (
        {"sentence": found, "name": [_name_in(*each, analyzer) for each in zip(part, found, strict=True)]}
        for part, found in zip((parts.valid, parts.test), sentences, strict=True)
    )
    best = max(valid, key=lambda answer: score(parts.valid, _as_answers(valid[answer])))
    chosen = {"answer": best, "num_features": len(weigh.vocabulary_)}
    name = "TF-IDF: likest sentence, or a name in it"
    return Baseline(name, _as_answers(test[best]), perf_counter() - started, chosen)


def _as_answers(texts: Sequence[str]) -> list[Answer]:
    return [{"text": text} for text in texts]


def _likest(weigh: Any, part: Sequence[Example], analyzer: Analyzer) -> list[str]:
    """Return for each question the sentence of its passage with the highest cosine."""
    passages = {context: split_sentences(context, LANGUAGE[analyzer]) for _, context in (e.inputs for e in part)}
    rows = [number for number, example in enumerate(part) for _ in passages[example.inputs.context]]
    sentences = [sentence for example in part for sentence in passages[example.inputs.context]]
    questions = weigh.transform([example.inputs.question for example in part])
    cosines = np.asarray(questions[rows].multiply(weigh.transform(sentences)).sum(axis=1)).ravel()
    found, at = [], 0
    for example in part:
        own = passages[example.inputs.context]
        found.append(own[int(cosines[at : at + len(own)].argmax())])
        at += len(own)
    return found


def _name_in(example: Example, sentence: str, analyzer: Analyzer) -> str:
    """Return the name or number nearest to what the question names; the sentence itself where it has none."""
    asked = {word.text.lower() for word in _words(example.inputs.question, analyzer)}
    words = list(_words(sentence, analyzer))
    shared = [word for word in words if word.text.lower() in asked]
    names = [n for n in _names(words, sentence, analyzer) if not {w.lower() for w in n.text.split()} <= asked]
    near = [sum(1 / (1 + max(0, name.start - w.end, w.start - name.end)) for w in shared) for name in names]
    return names[int(np.argmax(near))].text if names else sentence


def _words(text: str, analyzer: Analyzer) -> Iterator[Word]:
    return (Word(match.start(), match.end(), match.group()) for match in WORDS[analyzer].finditer(text))


def _names(words: Sequence[Word], sentence: str, analyzer: Analyzer) -> list[Word]:
    """Return the stretches of words that begin with a capital or a digit; without spaces, all words."""
    if analyzer == "char":
        return list(words)
    names: list[Word] = []
    for word in words:
        if not (word.text[0].isupper() or word.text[0].isdigit()):
            continue
        if names and sentence[names[-1].end : word.start] == " ":
            start = names.pop().start
            word = Word(start, word.end, sentence[start : word.end])  # noqa: PLW2901
        names.append(word)
    return [name for name in names if name.start or " " in name.text]  # a lone first word has its capital by rule
