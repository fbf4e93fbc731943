import numpy as np
import pytest
import torch

from mamebert.encoder.packing import Packed
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.pretraining_batch import PretrainingBatch

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}


@pytest.mark.parametrize("kind", Objective.names())
def test_examples_lie_inside_documents_and_fit(kind, shards):
    found = Objective.find(kind)(max_length=32).examples(shards, seed=1)
    edges = shards.sentence_starts[shards.document_starts]
    document = np.searchsorted(edges, found.starts, side="right") - 1
    assert (found.starts + found.sizes <= edges[document + 1]).all()
    assert found.sizes.min() >= 1
    assert found.sequences().lengths.max() <= 32


@pytest.mark.parametrize("kind", Objective.names())
def test_examples_depend_on_the_seed_alone(kind, shards):
    objective = Objective.find(kind)(max_length=32)
    first, again, other = (objective.examples(shards, seed=s) for s in (1, 1, 2))
    assert np.array_equal(first.starts, again.starts)
    assert np.array_equal(first.sizes, again.sizes)
    assert not np.array_equal(first.starts[:50], other.starts[:50])


@pytest.mark.parametrize("max_length", [8, 11, 32, 128])
def test_masked_lm_reads_every_token_once_and_cuts_no_crumbs(make_shards, max_length):
    rng = np.random.default_rng(max_length)
    shards = make_shards([rng.integers(1, 40, rng.integers(1, 9)).tolist() for _ in range(300)])
    found = Objective.find("masked_lm")(max_length=max_length).examples(shards, seed=3)
    seen = np.concatenate([np.arange(a, a + n) for [a], [n] in zip(found.starts, found.sizes, strict=True)])
    assert np.array_equal(np.sort(seen), np.arange(shards.num_tokens))
    # Eight tokens with [CLS] and [SEP], or half of the longest sequence: only a whole document is shorter.
    documents = np.diff(shards.sentence_starts[shards.document_starts])
    short = found.lengths < min(8, max_length // 2 + 1)
    assert np.isin(found.sizes[short], documents).all()
    assert short.sum() <= (documents < 6).sum()


def test_one_document_cannot_be_asked_for_the_next_sentence(make_shards):
    with pytest.raises(UserError, match=r"two documents or more.*objective\.kind=masked_lm"):
        Objective.find("masked_lm_nsp")().examples(make_shards([[5, 5]]), seed=0)


@pytest.mark.parametrize("number", [1, 2, 3, 7, 1000])
def test_parts_make_up_the_whole_and_are_about_equal(shards, number):
    objective = Objective.find("masked_lm_nsp")(max_length=32)
    whole = EpochOfBatches(objective, shards, SPECIAL, batch_tokens=200, seed=0, epoch=0)[0]
    parts = whole.parts(number)
    assert len(parts) == min(number, len(whole.packed.lengths))
    assert sum((p.packed.lengths for p in parts), ()) == whole.packed.lengths
    for name in ("ids", "segments", "positions"):
        assert torch.equal(torch.cat([getattr(p.packed, name) for p in parts]), getattr(whole.packed, name))
    assert torch.equal(torch.cat([p.targets for p in parts]), whole.targets)
    assert torch.equal(torch.cat([p.labels for p in parts]), whole.labels)
    starts = np.cumsum([0] + [len(p.packed.ids) for p in parts])
    assert torch.equal(torch.cat([p.chosen + int(s) for p, s in zip(parts, starts, strict=False)]), whole.chosen)
    assert all(p.chosen.min() >= 0 and p.chosen.max() < len(p.packed.ids) for p in parts if len(p.chosen))
    sizes = [len(p.packed.ids) for p in parts]
    if number <= 3:
        assert max(sizes) - min(sizes) <= max(whole.packed.lengths)


def test_parts_of_one_long_and_many_short_sequences():
    lengths = (100, 10, 10)
    whole = PretrainingBatch(
        Packed.of([np.arange(n) for n in lengths]),
        torch.tensor([3, 105]),
        torch.tensor([3, 5]),
        torch.tensor([0, 1, 2]),
    )
    assert [p.packed.lengths for p in whole.parts(3)] == [(100,), (10,), (10,)]
    assert [p.packed.lengths for p in whole.parts(2)] == [(100,), (10, 10)]
    assert [p.chosen.tolist() for p in whole.parts(3)] == [[3], [5], []]
