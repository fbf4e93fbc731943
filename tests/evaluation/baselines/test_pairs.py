import numpy as np
import pytest

from mamebert.evaluation.baselines.fitting import Part, Parts, text_weights
from mamebert.evaluation.baselines.pairs import overlap_logistic, pair_features, tfidf_cosine

WORDS = "bean leaf root seed rain spade flower earth boat rope tide sail".split()  # noqa: SIM905


def invent(size, seed):
    """Pairs, and whether the second text is the first in another order."""
    rng = np.random.default_rng(seed)
    firsts = [rng.choice(WORDS, 6) for _ in range(size)]
    same = [bool(rng.integers(2)) for _ in range(size)]
    seconds = [rng.permutation(a) if alike else rng.choice(WORDS, 6) for a, alike in zip(firsts, same, strict=True)]
    pairs = [(" ".join(a), " ".join(b)) for a, b in zip(firsts, seconds, strict=True)]
    return pairs, ["same" if each else "other" for each in same]


@pytest.fixture(scope="module")
def parts():
    return Parts(*(Part(*invent(size, seed)) for seed, size in enumerate((100, 40, 60))))


def test_overlap_tells_the_same_from_another(parts):
    answers = overlap_logistic(*parts, analyzer="word").answers
    assert np.mean([a == b for a, b in zip(answers, parts.test.labels, strict=True)]) > 0.85


def test_the_cosine_is_higher_for_the_same_words(parts):
    found = np.array(tfidf_cosine(*parts, analyzer="word").answers)
    is_same = np.array(parts.test.labels) == "same"
    assert found[is_same].mean() > found[~is_same].mean() + 0.2
    assert 0 <= found.min() <= found.max() <= 1 + 1e-6


def test_a_pair_has_the_shares_it_seems_to_have():
    weigh = text_weights("word", 2).fit(["bean leaf root", "tide sail"])
    found = pair_features(weigh, [("bean leaf", "bean leaf"), ("bean leaf", "tide"), ("", "bean")])
    assert found[0] == pytest.approx([1, 1, 1, 1, 0, 0])
    assert found[1, :4] == pytest.approx([0, 0, 0, 0])
    assert found[1, 4] == pytest.approx(np.log(10 / 5))
    assert np.isfinite(found[2]).all()
