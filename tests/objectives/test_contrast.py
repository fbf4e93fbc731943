import numpy as np
import pytest
import torch
from torch.nn.functional import cosine_similarity

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.contrast import mean_vectors
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.held_out_sums import HeldOutSums

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
SHAPE = EncoderConfig(
    hidden_size=16, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=32, hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
)  # fmt: skip


def contrast(**settings):
    return Objective.find("contrast")(**{"max_length": 32, "pairs": 3, "window_tokens": 100, **settings})


def batches(objective, shards):
    return EpochOfBatches(objective, shards, SPECIAL, batch_tokens=500, seed=1, epoch=0)


def test_crops_of_a_pair_lie_near_in_one_document_and_do_not_overlap(shards):
    found = contrast().examples(shards, seed=1)
    edges = shards.sentence_starts[shards.document_starts]
    of_first, of_second = np.searchsorted(edges, found.starts, "right").T
    assert (of_first == of_second).all()
    assert (found.starts[:, 0] + found.sizes[:, 0] <= found.starts[:, 1]).all()
    assert (found.starts[:, 1] + found.sizes[:, 1] - found.starts[:, 0] <= 100).all()


def test_partners_are_neighbouring_sequences_of_a_batch(shards):
    batch = batches(contrast(masked_lm_weight=0.0), shards)[0]
    assert len(batch.packed.ids) == 500
    crops = [each[1:-1].numpy() for each in batch.packed.ids.split(batch.packed.lengths)]
    assert len(crops) % 2 == 0
    for first, second in zip(crops[::2], crops[1::2], strict=True):  # values count up, and begin anew after 996
        assert len(first) <= (second[0] - first[0]) % 996 <= 100 - len(second)


def test_without_a_weight_nothing_is_masked(shards):
    batch = batches(contrast(masked_lm_weight=0.0), shards)[0]
    assert not len(batch.chosen)
    assert not bool((batch.packed.ids == SPECIAL["mask"]).any())
    assert len(batches(contrast(), shards)[0].chosen) == round(0.15 * 500)


@pytest.mark.parametrize(("num_pairs", "groups"), [(1, (2,)), (5, (10,)), (6, (6, 6)), (8, (8, 8)), (10, (8, 6, 6))])
def test_groups_have_so_many_pairs_or_more(num_pairs, groups):
    assert contrast().groups(2 * num_pairs) == groups


def test_groups_are_never_parted(shards):
    batch = batches(contrast(), shards)[0]
    parts = batch.parts(100)
    assert len(parts) == len(batch.groups) > 1
    assert [part.groups for part in parts] == [(size,) for size in batch.groups]
    assert [len(part.packed.lengths) for part in parts] == list(batch.groups)
    assert sum((part.groups for part in batch.parts(2)), ()) == batch.groups


def test_the_loss_is_that_of_finding_the_partner_among_those_of_the_group(shards):
    torch.manual_seed(0)
    objective, network = contrast(masked_lm_weight=0.0, temperature=0.1), PretrainingNetwork(SHAPE, 1001).eval()
    batch = batches(objective, shards)[0]
    with torch.no_grad():
        loss = float(objective.loss(network, batch, batch.asked).total)
        rows = [each.mean(0) for each in network.bert(batch.packed).split(batch.packed.lengths)]
    costs, start = [], 0
    for size in batch.groups:
        first, second = rows[start : start + size : 2], rows[start + 1 : start + size : 2]
        for asked, others in ((first, second), (second, first)):
            for place, row in enumerate(asked):
                scores = torch.stack([cosine_similarity(row, other, dim=0) for other in others]) / 0.1
                costs.append(float(-scores.log_softmax(0)[place]))
        start += size
    assert loss == pytest.approx(np.mean(costs), rel=1e-4)


def test_held_out_crops_are_counted(shards):
    torch.manual_seed(0)
    objective, network = contrast(masked_lm_weight=0.0), PretrainingNetwork(SHAPE, 1001).eval()
    batch, found = batches(objective, shards)[0], HeldOutSums()
    with torch.no_grad():
        objective.answer(network, batch, found)
        loss = float(objective.loss(network, batch, batch.asked).total)
    told = found.summary()
    assert found.crops_asked == len(batch.packed.lengths)
    assert told["heldout_contrast_loss"] == pytest.approx(loss, rel=1e-5)
    assert 0 <= told["heldout_found"] <= 1
    assert "heldout_mlm_loss" not in told


def test_vectors_are_the_means_of_tokens():
    batch = Packed.of([np.arange(3), np.arange(2)])
    hidden = torch.tensor([[1.0], [2.0], [6.0], [4.0], [5.0]])
    assert mean_vectors(hidden, batch).tolist() == [[3.0], [4.5]]


def test_one_document_has_nothing_to_be_told_from(make_shards):
    with pytest.raises(UserError, match=r"has 1 documents.*objective\.kind=masked_lm"):
        contrast().check(make_shards([[30, 30], [4]]))


def test_a_batch_is_the_same_whenever_it_is_made(shards):
    first, second = (batches(contrast(), shards)[1] for _ in range(2))
    assert torch.equal(first.packed.ids, second.packed.ids)
    assert torch.equal(first.chosen, second.chosen)
    assert first.groups == second.groups
