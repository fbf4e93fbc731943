"""How much generated texts repeat others, and each other, by their n-grams."""

from collections import Counter
from collections.abc import Callable, Sequence
from math import exp, log

ORDERS = (1, 2, 3, 4)

Text = Sequence[str]
Grams = Counter[tuple[str, ...]]


def corpus_bleu(texts: Sequence[Text], references: Sequence[Text]) -> float:
    """Return BLEU of all texts, 0 to 1, every one held against all references (Papineni et al., 2002).

    Matches and n-grams of all texts are added up before they are divided; a text counts as long as the reference that
    is nearest in length. Without a single match of some order it is 0.
    """
    most = {order: _most([_grams(text, order) for text in references]) for order in ORDERS}
    lengths = sorted({len(text) for text in references})
    near = sum(min(lengths, key=lambda n: (abs(n - len(text)), n)) for text in texts)
    return _bleu(texts, near, lambda order, number: most[order])


def self_bleu(texts: Sequence[Text]) -> float:
    """Return BLEU of texts held against each other: the more alike they are, the higher (Zhu et al., 2018)."""
    if len(texts) < 2:
        return 0.0
    counted = {order: [_grams(text, order) for text in texts] for order in ORDERS}
    # Of each n-gram the two highest counts, so that a text can be left out of what it is held against.
    best = {order: _two_most(some) for order, some in counted.items()}

    def others(order: int, number: int) -> Grams:
        own = counted[order][number]
        return Counter({gram: best[order][gram][own[gram] == best[order][gram][0]] for gram in own})

    lengths = [len(text) for text in texts]
    near = 0
    for number, length in enumerate(lengths):
        rest = lengths[:number] + lengths[number + 1 :]
        near += min(rest, key=lambda n: (abs(n - length), n))
    return _bleu(texts, near, others)


def unseen(texts: Sequence[Text], known: Sequence[Text], order: int) -> float:
    """Return the share of n-grams of the texts that no known text has."""
    there = {gram for text in known for gram in _grams(text, order)}
    found = [gram for text in texts for gram in _grams(text, order).elements()]
    return sum(gram not in there for gram in found) / len(found) if found else 0.0


def unlike_each_other(texts: Sequence[Text], order: int) -> float:
    """Return the share of n-grams of the texts that come once in all of them."""
    found: Grams = Counter()
    for text in texts:
        found.update(_grams(text, order))
    return sum(n == 1 for n in found.values()) / max(1, found.total())


def _bleu(texts: Sequence[Text], near: int, known: Callable[[int, int], Grams]) -> float:
    total = 0.0
    for order in ORDERS:
        matches = number = 0
        for place, text in enumerate(texts):
            own = _grams(text, order)
            there = known(order, place)
            matches += sum(min(count, there[gram]) for gram, count in own.items())
            number += own.total()
        if not matches:
            return 0.0
        total += log(matches / number) / len(ORDERS)
    length = sum(map(len, texts))
    return exp(total + min(0.0, 1 - near / length))


def _grams(text: Text, order: int) -> Grams:
    return Counter(tuple(text[at : at + order]) for at in range(len(text) - order + 1))


def _most(some: Sequence[Grams]) -> Grams:
    found: Grams = Counter()
    for each in some:
        for gram, number in each.items():
            found[gram] = max(found[gram], number)
    return found


def _two_most(some: Sequence[Grams]) -> dict[tuple[str, ...], tuple[int, int]]:
    found: dict[tuple[str, ...], tuple[int, int]] = {}
    for each in some:
        for gram, number in each.items():
            first, second = found.get(gram, (0, 0))
            found[gram] = (number, first) if number > first else (first, max(second, number))
    return found
