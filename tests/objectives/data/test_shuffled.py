"""Order gain: what masked words lose when the words around them are shuffled."""

import numpy as np
import pytest
import torch

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.objectives import Objective
from mamebert.objectives.data.held_out_sums import HeldOutSums
from mamebert.objectives.data.pretraining_batch import PretrainingBatch
from mamebert.objectives.data.shuffled import shuffled

CLS, SEP, MASK = 2, 3, 4
FIRST, SECOND, ALONE = [10, 11, MASK, 12, 13, 99], [20, MASK, 21], [MASK]


def laid_out(*sequences):
    """[CLS] a [SEP] or [CLS] a [SEP] b [SEP] for each; [MASK] and 99 are asked for, and numbered."""
    ids, segments = [], []
    for ranges in sequences:
        ids.append(np.array([CLS, *(token for words in ranges for token in (*words, SEP))]))
        sizes = [len(words) + 1 for words in ranges]
        segments.append(np.repeat(np.arange(len(ranges)), [sizes[0] + 1, *sizes[1:]]))
    packed = Packed.of(ids, segments)
    chosen = torch.nonzero((packed.ids == MASK) | (packed.ids == 99)).flatten()
    return PretrainingBatch(packed, chosen, 30 + torch.arange(len(chosen)), torch.zeros(len(ids), dtype=torch.int64))


def ranges(batch):
    """The tokens of each range of each sequence, in the order in which they stand."""
    found, begin = [], 0
    for length in batch.packed.lengths:
        ids, segments = (t[begin : begin + length].tolist() for t in (batch.packed.ids, batch.packed.segments))
        found += [[t for t, s in zip(ids, segments, strict=True) if s == kind] for kind in dict.fromkeys(segments)]
        begin += length
    return found


@pytest.fixture
def batch():
    return laid_out([FIRST, SECOND], [list(range(40, 50))], [ALONE])


def test_words_move_within_their_segment_and_special_tokens_stay(batch):
    found = shuffled(batch, seed=1)
    assert [sorted(words) for words in ranges(found)] == [sorted(words) for words in ranges(batch)]
    assert ranges(found) != ranges(batch)
    for special in (CLS, SEP):
        assert torch.equal(found.packed.ids == special, batch.packed.ids == special)
    assert torch.equal(found.packed.positions, batch.packed.positions)
    assert torch.equal(found.packed.segments, batch.packed.segments)
    assert found.packed.lengths == batch.packed.lengths


def test_the_same_words_are_asked_for_where_they_stand_now(batch):
    found = shuffled(batch, seed=1)
    shown = lambda b: sorted(zip(b.targets.tolist(), b.packed.ids[b.chosen].tolist(), strict=True))  # noqa: E731
    assert shown(found) == shown(batch)
    assert torch.equal(found.chosen, found.chosen.sort().values)


def test_the_order_depends_on_the_seed_and_the_batch_alone(batch):
    torch.manual_seed(0)
    np.random.seed(0)
    first, again, other = shuffled(batch, 1), shuffled(batch, 1), shuffled(batch, 2)
    assert torch.equal(first.packed.ids, again.packed.ids)
    assert not torch.equal(first.packed.ids, other.packed.ids)


def network(blind):
    torch.manual_seed(0)
    shape = EncoderConfig(hidden_size=32, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=64)
    made = PretrainingNetwork(shape, vocab_size=100).eval()
    with torch.no_grad():
        for weights in made.parameters():
            weights.mul_(10)  # what is read shows
        if blind:
            made.bert.embeddings.position_embeddings.weight.zero_()
    return made


@torch.no_grad()
def order_gain(made, batches):
    sums, objective = HeldOutSums(), Objective.find("masked_lm")()
    for number, batch in enumerate(batches):
        objective.answer_with_order_gain(made, batch, shuffled(batch, number), sums)
    assert sums.asked == sums.asked_in_disorder == sum(len(batch.targets) for batch in batches)
    return sums.summary()["order_gain"]


def test_a_network_that_sees_no_positions_gains_nothing_and_one_that_does_changes_its_answers(batch):
    assert order_gain(network(blind=True), [batch]) == pytest.approx(0, abs=1e-6)
    assert abs(order_gain(network(blind=False), [batch])) > 1e-2


def test_a_network_that_has_learnt_an_order_loses_it():
    """Word n is always followed by n + 1, so that only the order tells what stood under a mask."""
    starts = np.random.default_rng(0).integers(10, 80, 60).tolist()
    texts = [[n, n + 1, n + 2, MASK, n + 4, n + 5] for n in starts]
    batch = laid_out(*([words] for words in texts))
    batch = PretrainingBatch(batch.packed, batch.chosen, torch.tensor(starts) + 3, batch.labels)
    made, objective = network(blind=False), Objective.find("masked_lm")()
    optimizer = torch.optim.Adam(made.parameters(), 1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        objective.loss(made, batch, batch.asked).total.backward()
        optimizer.step()
    assert order_gain(made, [batch]) > 0.1


def test_the_gain_is_the_same_however_the_sequences_are_packed(batch):
    made = network(blind=False)
    whole = shuffled(batch, 1)
    objective, in_parts, at_once = Objective.find("masked_lm")(), HeldOutSums(), HeldOutSums()
    with torch.no_grad():
        objective.answer_with_order_gain(made, batch, whole, at_once)
        for part, in_disorder in zip(batch.parts(3), whole.parts(3), strict=True):
            objective.answer_with_order_gain(made, part, in_disorder, in_parts)
    assert in_parts.summary() == pytest.approx(at_once.summary(), rel=1e-5)
