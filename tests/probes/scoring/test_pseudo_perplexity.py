from itertools import pairwise
from math import exp, log

import numpy as np
import pytest
import torch

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.packing import Packed
from mamebert.probes.scoring import pseudo_likelihood as module
from mamebert.probes.scoring.pseudo_likelihood import Scored
from mamebert.probes.scoring.pseudo_perplexity import PseudoPerplexity, draw_windows, pseudo_perplexity

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
IDS = np.array([7, 9, 1, 11, 8, 7])
STARTS = np.array([True, False, True, True, True, False])


@torch.no_grad()
def one_by_one(network, ids):
    """The same, as slowly as the paper describes it."""
    total = 0.0
    for place, target in enumerate(ids):
        if target != SPECIAL["unk"]:
            shown = np.concatenate([[2], ids, [3]])
            shown[place + 1] = 4
            hidden = network.eval().bert(Packed.of([shown]))
            total -= float(network.cls.predictions(hidden).log_softmax(-1)[place + 1, target])
    return total


@pytest.mark.parametrize("at_once", [8192, 17, 1])
def test_each_token_is_masked_in_turn_and_asked_for(network, monkeypatch, at_once):
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", at_once)
    found = pseudo_perplexity(network.train(), [Scored(IDS, STARTS), Scored(IDS[:2], STARTS[:2])], SPECIAL)
    assert found.nats == pytest.approx(one_by_one(network, IDS) + one_by_one(network, IDS[:2]), rel=1e-5)
    assert (found.tokens, found.words, found.unknown) == (7, 4, 1)


def test_the_mean_is_per_token_or_per_word():
    found = PseudoPerplexity(nats=6 * log(5), tokens=6, words=3, unknown=0)
    assert found.per_token == pytest.approx(5)
    assert found.per_word == pytest.approx(25)


def test_who_knows_nothing_chooses_among_all_words(network):
    with torch.no_grad():
        network.cls.predictions.transform.LayerNorm.weight.zero_()
    found = pseudo_perplexity(network, [Scored(IDS, STARTS)], SPECIAL)
    assert found.per_token == pytest.approx(exp(log(12)))


def test_windows_lie_within_documents_and_are_the_same_every_time(world):
    shards = TokenShards.open(world / "tokens", "heldout")
    bounds = shards.sentence_starts[shards.document_starts]
    documents = [shards.tokens(a, b).tolist() for a, b in pairwise(bounds)]
    windows = draw_windows(shards, 200, longest=20)
    assert sum(len(window.ids) for window in windows) == 200
    for window in windows:
        text = window.ids.tolist()
        assert 0 < len(text) <= 20
        assert any(
            text == document[at : at + len(text)] for document in documents for at in range(0, len(document), 20)
        )
    again = draw_windows(shards, 200, longest=20)
    assert all(np.array_equal(a.ids, b.ids) for a, b in zip(windows, again, strict=True))
    assert not np.array_equal(draw_windows(shards, 200, 20, seed=1)[0].ids, windows[0].ids)


def test_all_there_is_is_taken_where_more_is_wanted(world):
    shards = TokenShards.open(world / "tokens", "heldout")
    assert sum(len(w.ids) for w in draw_windows(shards, 10**9, 30)) == shards.num_tokens
