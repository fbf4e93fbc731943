"""Texts made worse, or only different, by a strength from 0, which is the text itself, to 1."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from math import log

import numpy as np

Rng = np.random.Generator
Change = Callable[[str, Rng], list[str]]
"""A word as other words: one, several, or none."""

READ_WRONG = {
    "l": "1",
    "o": "0",
    "i": "l",
    "e": "c",
    "s": "5",
    "b": "6",
    "g": "9",
    "m": "rn",
    "O": "0",
    "I": "l",
    "B": "8",
}
"""Letters as machines read them from paper."""
FILLERS = ("uh", "um", "er", "like", "you", "know")
HIRAGANA_FILLERS = ("ええと", "あの", "その")


def typo(word: str, rng: Rng) -> list[str]:
    """Return the word with two neighbouring letters swapped, one left out or one doubled."""
    at, way = int(rng.integers(max(1, len(word) - 1))), int(rng.integers(3))
    if len(word) > 1 and way == 0:
        return [word[:at] + word[at + 1] + word[at] + word[at + 2 :]]
    if len(word) > 1 and way == 1:
        return [word[:at] + word[at + 1 :]]
    return [word[: at + 1] + word[at:]]


def misread(word: str, rng: Rng) -> list[str]:
    """Return the word with one letter as a machine might read it; words without such letters stay."""
    places = [place for place, letter in enumerate(word) if letter in READ_WRONG]
    if not places:
        return [word]
    at = places[int(rng.integers(len(places)))]
    return [word[:at] + READ_WRONG[word[at]] + word[at + 1 :]]


def spoken(word: str, rng: Rng) -> list[str]:
    """Return the word as it is said: small, without marks, after a filler or a second time."""
    said = "".join(letter for letter in word.lower() if letter.isalnum() or letter == "'") or word
    fillers = FILLERS if said.isascii() else HIRAGANA_FILLERS
    return [fillers[int(rng.integers(len(fillers)))], said] if rng.random() < 0.5 else [said, said]


def dropped(word: str, rng: Rng) -> list[str]:
    """Return nothing."""
    return []


BY_CHANCE: Mapping[str, Change] = {"typos": typo, "ocr": misread, "speech": spoken, "word_drop": dropped}
"""What befalls words that are drawn by chance. A reader should not mind; word_drop is the control of what follows."""
SENSITIVE = "informative_words_dropped"
"""The words that tell most leave first: a model that reads should mind."""
INSENSITIVE = "common_words_dropped"
"""The words that tell least leave first."""
SYNONYMS = "synonyms"
GUESSED = "guessed_words"


def change(words: Sequence[str], strength: float, how: Change, rng: Rng) -> list[str]:
    """Return a text with that share of its words changed, drawn by chance; at strength 0 it stays as it is."""
    number = round(strength * len(words))
    places = set(rng.permutation(len(words))[:number].tolist())
    found = []
    for place, word in enumerate(words):
        found += how(word, rng) if place in places else [word]
    return found


def drop(words: Sequence[str], strength: float, worth: Mapping[str, float], sign: int) -> list[str]:
    """Return a text without that share of its words: those of most worth with sign 1, of least with -1."""
    number = round(strength * len(words))
    order = sorted(range(len(words)), key=lambda place: -sign * worth.get(words[place].lower(), 0.0))
    gone = set(order[:number])
    return [word for place, word in enumerate(words) if place not in gone]


def worth_of_words(texts: Sequence[Sequence[str]], labels: Sequence[str]) -> dict[str, float]:
    """Return how much each word tells of the label: the mutual information of its presence with it, in nats."""
    with_word, both = Counter[str](), Counter[tuple[str, str]]()
    of = Counter(labels)
    for words, label in zip(texts, labels, strict=True):
        there = {word.lower() for word in words}
        with_word.update(there)
        both.update((word, label) for word in there)
    total = len(texts)
    found = {}
    for word, number in with_word.items():
        parts = [
            (count, here, of[label])
            for label in of
            for count, here in (
                (both[word, label], number),
                (of[label] - both[word, label], total - number),
            )
        ]
        found[word] = sum(n / total * log(n * total / (here * there)) for n, here, there in parts if n)
    return found
