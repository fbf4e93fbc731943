import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.data.sentence_pairs import NEXT, PREVIOUS, RANDOM, SECTION_PAIRS, make_pairs, shorten

NSP, SOP, SSO = (NEXT, RANDOM), (NEXT, PREVIOUS), (NEXT, PREVIOUS, RANDOM)
IS_NEXT, IS_RANDOM = 0, 1  # of NSP, as in transformers


def documents_of(shards, starts):
    return np.searchsorted(shards.sentence_starts[shards.document_starts], starts, side="right") - 1


def test_next_sentences_follow_and_random_ones_come_from_another_document(shards):
    found = make_pairs(shards, room=61, short_rate=0.1, rng=np.random.default_rng(0), relations=NSP)
    document = documents_of(shards, found.starts)
    same = document[:, 0] == document[:, 1]
    assert same[found.labels == IS_NEXT].all()
    assert not same[found.labels == IS_RANDOM].any()
    follows = found.labels == IS_NEXT
    ends = found.starts + found.sizes
    assert (found.starts[follows, 1] >= ends[follows, 0]).all()


def test_more_than_half_of_the_pairs_are_random(make_shards):
    shards = make_shards([[3] * 7 for _ in range(3000)])
    found = make_pairs(shards, room=12, short_rate=0, rng=np.random.default_rng(0), relations=NSP)
    # A last sentence that is left alone has nothing that follows it.
    assert 0.5 < (found.labels == IS_RANDOM).mean() < 0.75


def test_every_sentence_is_read_in_order(make_shards):
    # Nothing is too long here, so nothing is cut: the first segments and those that follow make up each document.
    shards = make_shards([[3] * 40, [3] * 7, [3]])
    found = make_pairs(shards, room=12, short_rate=0, rng=np.random.default_rng(0), relations=NSP)
    seen = np.zeros(shards.num_tokens, int)
    for (a, b), (size_a, size_b), label in zip(found.starts, found.sizes, found.labels, strict=True):
        seen[a : a + size_a] += 1
        seen[b : b + size_b] += label == IS_NEXT
    assert (seen == 1).all()


def test_random_texts_come_from_all_other_documents_alike(make_shards):
    shards = make_shards([[1]] * 5)
    found = [make_pairs(shards, 12, 0, np.random.default_rng(seed), NSP) for seed in range(800)]
    first, second = np.concatenate([f.starts for f in found]).T
    assert (np.concatenate([f.labels for f in found]) == IS_RANDOM).all()
    counts = np.bincount(5 * first + second, minlength=25).reshape(5, 5)
    assert (np.diag(counts) == 0).all()
    expected = 800 / 4
    assert ((counts[~np.eye(5, dtype=bool)] - expected) ** 2 / expected).sum() < 44  # 15 degrees of freedom, p = 1e-4


def test_a_share_of_the_documents_has_shorter_pairs(make_shards):
    shards = make_shards([[2] * 30 for _ in range(200)])
    full = make_pairs(shards, room=40, short_rate=0, rng=np.random.default_rng(0), relations=NSP)
    some = make_pairs(shards, room=40, short_rate=0.5, rng=np.random.default_rng(0), relations=NSP)
    assert len(some.labels) > 1.3 * len(full.labels)
    assert np.median(full.sizes.sum(axis=1)) > np.median(some.sizes.sum(axis=1))


@pytest.mark.parametrize("sentence", [1, 7, 2000])
def test_long_documents_are_read_whole(make_shards, sentence):
    room = 20
    shards = make_shards([[sentence] * max(3, 5 * SECTION_PAIRS * room // sentence), [3]])
    found = make_pairs(shards, room=room, short_rate=0, rng=np.random.default_rng(0), relations=NSP)
    begun = found.starts[:, 0][documents_of(shards, found.starts[:, 0]) == 0]
    assert begun.min() < sentence
    assert begun.max() > (5 * SECTION_PAIRS - 2) * room - sentence
    if sentence < 2000:
        assert np.diff(np.sort(begun)).max() < 2 * room + sentence


def token_by_token(a, b, room):
    """Shorten as BERT's own builder does: drop one token at a time from the longer part."""
    while a + b > room:
        if a > b:
            a -= 1
        else:
            b -= 1
    return a, b


@given(a=st.integers(1, 80), b=st.integers(1, 80), room=st.integers(2, 90))
def test_shortening_leaves_the_lengths_that_berts_builder_leaves(a, b, room):
    rng = np.random.default_rng(a * b)
    starts, sizes = shorten(np.array([[100, 500]]), np.array([[a, b]]), np.array([room]), rng)
    assert tuple(sizes[0]) == token_by_token(a, b, room)
    assert (starts >= [100, 500]).all()
    assert (starts + sizes <= [100 + a, 500 + b]).all()


def test_shortening_takes_from_the_front_and_from_the_end():
    many = 1000
    starts, sizes = shorten(
        np.tile([0, 100], (many, 1)), np.tile([50, 5], (many, 1)), np.full(many, 30), np.random.default_rng(0)
    )
    front, end = starts[:, 0], 50 - (starts[:, 0] + sizes[:, 0])
    assert (front + end == 25).all()
    assert front.mean() == pytest.approx(12.5, abs=0.5)


def test_documents_of_one_sentence_have_nothing_to_ask_about(make_shards, capsys):
    objective = Objective.find("masked_lm_nsp")()
    with pytest.raises(UserError, match=r"0 of 300 documents have two sentences.*objective\.kind=masked_lm"):
        objective.check(make_shards([[3]] * 300))
    objective.check(make_shards(*[[[3, 3]] * 30, [[3]] * 270]))
    assert "30 of 300 documents have two sentences" in capsys.readouterr().err
    objective.check(make_shards([[3, 3]] * 200 + [[3]] * 100))
    Objective.find("masked_lm")().check(make_shards([[3]] * 300))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("relations", [SOP, SSO])
def test_segments_in_the_wrong_order_are_told_as_such(shards, relations):
    found = make_pairs(shards, room=61, short_rate=0.1, rng=np.random.default_rng(0), relations=relations)
    document, ordered = documents_of(shards, found.starts), found.labels < 2
    assert (document[ordered, 0] == document[ordered, 1]).all()
    assert (document[~ordered, 0] != document[~ordered, 1]).all()
    ends = found.starts + found.sizes
    follows, precedes = found.starts[:, 1] >= ends[:, 0], found.starts[:, 0] >= ends[:, 1]
    assert follows[found.labels == 0].all()
    assert precedes[found.labels == 1].all()


def test_relations_are_equally_frequent(make_shards):
    shards = make_shards([[3] * 40 for _ in range(600)])
    for relations in (SOP, SSO):
        found = make_pairs(shards, room=12, short_rate=0, rng=np.random.default_rng(0), relations=relations)
        shares = np.bincount(found.labels) / len(found.labels)
        assert shares == pytest.approx(1 / len(relations), abs=0.03)


def test_the_order_of_a_sentence_that_is_alone_is_that_of_its_halves(make_shards):
    shards = make_shards([[9], [1], [4]])
    found = make_pairs(shards, room=12, short_rate=0, rng=np.random.default_rng(3), relations=SOP)
    assert sorted(map(tuple, np.sort(found.starts, axis=1).tolist())) == [(0, 5), (10, 12)]  # nothing of the one token
    assert found.sizes.sum() == 13
