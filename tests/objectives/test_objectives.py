import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives._batches import EpochOfBatches
from mamebert.objectives.masked_lm_nsp import _PairBuilder

VOCAB = 1000
SPECIAL = {"pad": 0, "cls": 2, "sep": 3, "mask": 4}


def shards_of(folder, documents):
    """Write documents given as sentence lengths; token values count up, so a span can be recognised."""
    value, made = 5, []
    for lengths in documents:
        document = []
        for n in lengths:
            ids = 5 + (np.arange(value, value + n) - 5) % (VOCAB - 5)
            document.append((ids, np.ones(n, bool)))
            value += n
        made.append(document)
    write_token_shard(shard_path(folder, "train", 0), made, VOCAB)
    write_manifest(folder, VOCAB)
    return TokenShards.open(folder)


@pytest.fixture
def shards(tmp_path):
    rng = np.random.default_rng(0)
    return shards_of(tmp_path, [rng.integers(1, 30, rng.integers(1, 20)).tolist() for _ in range(40)])


@pytest.mark.parametrize("kind", Objective.names())
def test_examples_lie_inside_documents_and_fit(kind, shards):
    objective = Objective.find(kind)(max_length=32)
    found = objective.examples(shards, seed=1)
    edges = shards.sentence_starts[shards.document_starts]
    assert found.lengths.max() <= 32
    for a, b, c, d in found.spans.tolist():
        for first, last in ((a, b), (c, d)):
            if last > first:
                document = np.searchsorted(edges, first, side="right") - 1
                assert last <= edges[document + 1]
        assert b > a


@pytest.mark.parametrize("kind", Objective.names())
def test_examples_depend_on_the_seed_alone(kind, shards):
    objective = Objective.find(kind)(max_length=32)
    first, again, other = (objective.examples(shards, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.spans, again.spans)
    assert first.spans.shape != other.spans.shape or not np.array_equal(first.spans, other.spans)


def test_masked_lm_reads_every_token_once(shards):
    spans = Objective.find("masked_lm")(max_length=32).examples(shards, seed=3).spans
    seen = np.concatenate([np.arange(a, b) for a, b in spans[:, :2]])
    assert np.array_equal(np.sort(seen), np.arange(shards.num_tokens))


def test_next_sentences_follow_and_random_ones_come_from_another_document(shards):
    found = Objective.find("masked_lm_nsp")(max_length=64).examples(shards, seed=0)
    edges = shards.sentence_starts[shards.document_starts]
    documents = np.searchsorted(edges, found.spans[:, [0, 2]], side="right") - 1
    same = documents[:, 0] == documents[:, 1]
    assert same[found.labels == 0].all()
    assert not same[found.labels == 1].any()
    follows = found.spans[found.labels == 0]
    assert (follows[:, 2] >= follows[:, 1]).all()
    # A chunk of one sentence has nothing that follows, so more than half are random.
    assert 0.5 <= (found.labels == 1).mean() < 0.8


def token_by_token(a, b, room):
    """Shorten as BERT's own builder does: drop one token at a time from the longer part."""
    while a + b > room:
        if a > b:
            a -= 1
        else:
            b -= 1
    return a, b


@given(a=st.integers(1, 80), b=st.integers(1, 80))
def test_truncation_leaves_the_lengths_that_berts_builder_leaves(a, b):
    builder = object.__new__(_PairBuilder)
    builder.room, builder.rng = 29, random.Random(a * b)
    first, second = builder._truncated((100, 100 + a), (500, 500 + b))
    assert (first[1] - first[0], second[1] - second[0]) == token_by_token(a, b, 29)
    assert 100 <= first[0] < first[1] <= 100 + a
    assert 500 <= second[0] < second[1] <= 500 + b


def test_one_document_cannot_be_asked_for_the_next_sentence(tmp_path):
    shards = shards_of(tmp_path, [[5, 5]])
    with pytest.raises(UserError, match=r"two documents or more.*objective\.kind=masked_lm"):
        Objective.find("masked_lm_nsp")().examples(shards, seed=0)


def plan(shards, epoch=0, seed=0, kind="masked_lm_nsp"):
    return EpochOfBatches(
        Objective.find(kind)(max_length=32), shards, SPECIAL, batch_tokens=200, seed=seed, epoch=epoch
    )


def test_any_batch_can_be_made_without_the_others(shards):
    in_order = list(plan(shards).starting_from(0))
    for number in (len(in_order) - 1, 0, 2):
        alone = plan(shards)[number]
        assert alone.packed.ids.tolist() == in_order[number].packed.ids.tolist()
        assert alone.chosen.tolist() == in_order[number].chosen.tolist()


def test_batches_hold_the_epoch_once_and_keep_to_the_budget(shards):
    batches = list(plan(shards).starting_from(0))
    assert sum(len(b.packed.ids) for b in batches) == plan(shards).num_tokens
    assert all(len(b.packed.ids) < 200 + 32 for b in batches)
    # On average the budget is met exactly: what one batch takes too much the next has less.
    assert np.mean([len(b.packed.ids) for b in batches[:-1]]) == pytest.approx(200, abs=5)


def test_another_epoch_has_other_pairs_order_and_masks(shards):
    first, second = plan(shards)[0], plan(shards, epoch=1)[0]
    assert first.packed.ids.tolist() != second.packed.ids.tolist()


def test_a_sequence_is_cls_a_sep_b_sep(shards):
    batch = plan(shards)[0]
    original = batch.packed.ids.clone()
    original[batch.chosen] = batch.targets
    for row, segments in zip(
        original.split(batch.packed.lengths), batch.packed.segments.split(batch.packed.lengths), strict=True
    ):
        assert row[0] == SPECIAL["cls"]
        assert row[-1] == SPECIAL["sep"]
        (first_end, _) = (row == SPECIAL["sep"]).nonzero().flatten().tolist()
        assert segments.tolist() == [0] * (first_end + 1) + [1] * (len(row) - first_end - 1)
