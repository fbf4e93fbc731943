from typing import get_args

import numpy as np
import pytest
import torch

from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.masking import MaskUnit

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
MASKING = [kind for kind in Objective.names() if Objective.find(kind).hides == "words"]
KINDS = pytest.mark.parametrize("kind", MASKING)
UNITS = pytest.mark.parametrize("unit", get_args(MaskUnit))


def plan(shards, kind="masked_lm_nsp", epoch=0, seed=0, batch_tokens=200, size_at=None, **settings):
    objective = Objective.find(kind)(**{"max_length": 32, "pmi_min_count": 3, **settings})
    return EpochOfBatches(objective, shards, SPECIAL, batch_tokens, seed, epoch, size_at)


def unmasked(batch):
    original = batch.packed.ids.clone()
    original[batch.chosen] = batch.targets
    return original


def same(a, b):
    return torch.equal(a.packed.ids, b.packed.ids) and torch.equal(a.chosen, b.chosen)


@KINDS
@UNITS
def test_any_batch_can_be_made_without_the_others(shards, kind, unit):
    in_order = list(plan(shards, kind, mask_unit=unit).starting_from(0))
    for number in (len(in_order) - 1, 0, 2):
        assert same(plan(shards, kind, mask_unit=unit)[number], in_order[number])
    assert all(map(same, plan(shards, kind, mask_unit=unit).starting_from(3), in_order[3:]))


@KINDS
@pytest.mark.parametrize("batch_tokens", [200, 201, 517])
def test_batches_have_exactly_their_tokens_and_chosen_tokens(shards, kind, batch_tokens):
    batches = list(plan(shards, kind, batch_tokens=batch_tokens).starting_from(0))
    assert {len(b.packed.ids) for b in batches[:-1]} == {batch_tokens}
    assert len(batches[-1].packed.ids) <= batch_tokens
    assert {len(b.chosen) for b in batches[:-1]} == {round(0.15 * batch_tokens)}
    assert sum(len(b.packed.ids) for b in batches) == plan(shards, kind, batch_tokens=batch_tokens).num_tokens
    assert all(sum(b.packed.lengths) == len(b.packed.ids) for b in batches)
    assert all(max(b.packed.lengths) <= 32 for b in batches)


def test_masked_lm_shows_every_token_and_hardly_any_twice(shards):
    batches = list(plan(shards, "masked_lm").starting_from(0))
    shown = np.bincount(np.concatenate([unmasked(b) for b in batches]), minlength=shards.vocab_size)
    every = np.arange(shards.num_documents)
    edges = shards.sentence_starts[shards.document_starts]
    text = shards.gather(edges[every], np.diff(edges))
    twice = shown[5:] - np.bincount(text, minlength=shards.vocab_size)[5:]
    assert twice.min() >= 0
    assert twice.sum() <= 2 * len(batches)


@KINDS
def test_another_epoch_has_other_text_order_and_masks(shards, kind):
    first, second = plan(shards, kind)[0], plan(shards, kind, epoch=1)[0]
    assert not torch.equal(unmasked(first), unmasked(second))


def test_a_pair_is_cls_a_sep_b_sep(shards):
    batch = plan(shards)[0]
    rows, segments = unmasked(batch).split(batch.packed.lengths), batch.packed.segments.split(batch.packed.lengths)
    for row, kinds in zip(rows, segments, strict=True):
        assert row[0] == SPECIAL["cls"]
        assert row[-1] == SPECIAL["sep"]
        (first_end, _) = (row == SPECIAL["sep"]).nonzero().flatten().tolist()
        assert kinds.tolist() == [0] * (first_end + 1) + [1] * (len(row) - first_end - 1)
        a, b = row[1:first_end], row[first_end + 1 : -1]
        for text in (a, b):  # token values count up in these shards
            assert ((text[1:] - text[:-1]) % 996 == 1).all()


def test_a_run_is_cls_a_sep_and_positions_start_anew(shards):
    batch = plan(shards, "masked_lm")[0]
    assert not batch.packed.segments.any()
    assert batch.packed.positions.tolist() == [i for n in batch.packed.lengths for i in range(n)]
    assert list(batch.packed.lengths) == sorted(batch.packed.lengths, reverse=True)
    for row in unmasked(batch).split(batch.packed.lengths):
        assert (row[0], row[-1]) == (SPECIAL["cls"], SPECIAL["sep"])
        assert ((row[2:-1] - row[1:-2]) % 996 == 1).all()


@KINDS
@UNITS
def test_special_tokens_are_neither_asked_for_nor_drawn(shards, kind, unit):
    for batch in plan(shards, kind, mask_unit=unit, mask_rate=0.5, mask_token_rate=0.2).starting_from(0):
        assert batch.targets.min() >= 5
        hidden = batch.packed.ids[batch.chosen]
        assert ((hidden >= 5) | (hidden == SPECIAL["mask"])).all()
        untouched = torch.ones(len(batch.packed.ids), dtype=torch.bool)
        untouched[batch.chosen] = False
        assert not (batch.packed.ids[untouched] == SPECIAL["mask"]).any()


@KINDS
def test_whole_words_are_asked_for(shards, kind):
    for batch in list(plan(shards, kind, mask_unit="word").starting_from(0))[:-1]:
        original, asked = unmasked(batch), torch.zeros(len(batch.packed.ids), dtype=torch.bool)
        asked[batch.chosen] = True
        assert len(batch.chosen) == round(0.15 * len(original))  # words of one token fill every remainder
        one_word = (original[1:] - original[:-1] == 1) & ((original[1:] - 5) % 3 == 2)
        assert one_word.any()
        assert (asked[1:] == asked[:-1])[one_word].all()


def test_batches_grow_as_the_epoch_is_read(shards):
    sizes = [len(b.packed.ids) for b in plan(shards, size_at=lambda read: 100 if read < 1000 else 400).starting_from(0)]
    assert sizes[:9] == [100] * 9
    assert set(sizes[11:-1]) == {400}


def test_resuming_far_into_an_epoch_makes_no_batch_before(shards, monkeypatch):
    made, make = [], EpochOfBatches.made
    monkeypatch.setattr(EpochOfBatches, "made", lambda self, n, rate: made.append(n) or make(self, n, rate))
    next(plan(shards).starting_from(7))
    assert min(made) == 7


def test_the_mask_rate_may_fall_from_batch_to_batch(shards):
    batches = list(plan(shards).starting_from(0, lambda number: 0.3 - 0.01 * number))
    assert [len(b.chosen) for b in batches[:10]] == [round((0.3 - 0.01 * n) * 200) for n in range(10)]
    assert same(next(plan(shards).starting_from(4, lambda number: 0.3 - 0.01 * number)), batches[4])


def test_a_mask_rate_goes_to_its_last_in_a_few_even_steps():
    falling = Objective.find("masked_lm")(mask_rate=0.3, last_mask_rate=0.15)
    assert [falling.mask_rate_at(done) for done in (0, 0.5, 1, 1.1)] == pytest.approx([0.3, 0.225, 0.15, 0.15])
    rates = [falling.mask_rate_at(step / 10_000) for step in range(10_001)]
    assert rates == sorted(rates, reverse=True)
    assert len(set(rates)) == 17  # so many shapes, whatever the number of steps
    steady = Objective.find("masked_lm")(mask_rate=0.3)
    assert steady.mask_rate_at(0.7) == 0.3
    assert "last_mask_rate" not in steady.model_dump()  # runs of before keep their names
    assert falling.model_dump()["last_mask_rate"] == 0.15


def test_any_mix_can_be_shown(shards):
    def shown(**mix):
        batches = list(plan(shards, "masked_lm", mask_rate=0.4, **mix).starting_from(0))
        shown = torch.cat([b.packed.ids[b.chosen] for b in batches])
        kept = shown == torch.cat([b.targets for b in batches])
        masked = shown == SPECIAL["mask"]
        return [float(share.float().mean()) for share in (masked, ~masked & ~kept, kept)]

    assert shown(mask_token_rate=1) == [1, 0, 0]
    assert shown(mask_token_rate=0, random_token_rate=1)[1] > 0.99
    assert shown(mask_token_rate=0.85, random_token_rate=0) == pytest.approx([0.85, 0, 0.15], abs=0.03)
    with pytest.raises(UserError, match="more than 1 together"):
        plan(shards, mask_token_rate=0.8, random_token_rate=0.3)


def test_draws_belong_to_the_tokens_asked_for(shards):
    batch = plan(shards, "all_token_lm")[0]
    assert batch.draws.shape == (len(batch.chosen), 2)
    assert torch.equal(torch.cat([part.draws for part in batch.parts(3)]), batch.draws)
    assert plan(shards, "masked_lm")[0].draws.shape == (len(batch.chosen), 0)


def hidden_alike(batch):
    """Return, for each asked token but the first that follows another asked one, whether both became [MASK] or not."""
    follows = np.flatnonzero(np.diff(batch.chosen.numpy()) == 1)
    masked = (batch.packed.ids[batch.chosen] == SPECIAL["mask"]).numpy()
    return masked[follows] == masked[follows + 1]


@pytest.mark.parametrize(("unit", "whole"), [("pmi", None), ("pmi", "token"), ("span", None), ("span", "unit")])
def test_what_is_shown_is_drawn_for_a_unit_where_that_is_asked(shards, unit, whole):
    batches = plan(shards, "masked_lm", mask_unit=unit, hide_unit=whole, pmi_rate=1, mask_token_rate=0.5).starting_from(
        0
    )
    alike = np.concatenate([hidden_alike(batch) for batch in batches])
    assert (alike.mean() > 0.8) == (whole == "unit" or (whole is None and unit == "pmi"))


def test_collocations_are_asked_for_whole(shards):
    def mean_run(unit):
        asked = [
            batch.chosen.numpy() for batch in plan(shards, "masked_lm", mask_unit=unit, pmi_rate=1).starting_from(0)
        ]
        runs = [each for places in asked for each in np.split(places, np.flatnonzero(np.diff(places) > 1) + 1)]
        return np.mean([len(each) for each in runs])

    assert mean_run("pmi") > 1.5 * mean_run("word")  # the text counts up: most runs of words are collocations


def test_static_masks_come_again(shards):
    settings = {"kind": "masked_lm", "dupe_factor": 2}
    first, second, third, fifth = (plan(shards, epoch=epoch, **settings)[1] for epoch in (0, 1, 2, 4))
    assert same(first, third)
    assert same(first, fifth)
    assert not same(first, second)
    assert not same(first, plan(shards, epoch=2, kind="masked_lm")[1])


def test_a_setting_that_is_not_used_is_not_written():
    plain = Objective.find("masked_lm")()
    assert not {"hide_unit", "pmi_rate", "pmi_min_count", "dupe_factor"} & plain.model_dump().keys()
    given = Objective.find("masked_lm")(mask_unit="pmi", pmi_rate=0.2, dupe_factor=3)
    assert Objective.model_validate(given.model_dump(mode="json")) == given
