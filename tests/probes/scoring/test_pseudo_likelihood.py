import numpy as np
import pytest
import torch

from mamebert.encoder.packing import Packed
from mamebert.errors import UserError
from mamebert.probes.scoring import pseudo_likelihood as module
from mamebert.probes.scoring.pseudo_likelihood import Scored, log_likelihoods

SPECIAL = {"pad": 0, "unk": 1, "cls": 2, "sep": 3, "mask": 4}
TEXTS = [
    Scored(np.array([7, 9, 10, 11, 8]), np.array([True, False, False, True, True])),
    Scored(np.array([8, 1, 6]), np.array([True, True, False])),
]
HIDDEN_TOO = {0: [1, 2], 1: [2]}
"""What follows in its word, for each token of the first text of which something does."""


@torch.no_grad()
def slowly(network, text, hidden_too):
    total = 0.0
    for place, target in enumerate(text.ids):
        if target == SPECIAL["unk"]:
            continue
        shown = np.concatenate([[2], text.ids, [3]])
        for hidden in (place, *hidden_too.get(place, [])):
            shown[hidden + 1] = 4
        scores = network.cls.predictions(network.eval().bert(Packed.of([shown])))
        total += float(scores.log_softmax(-1)[place + 1, target])
    return total


@pytest.mark.parametrize("at_once", [8192, 13, 1])
def test_scores_are_those_of_each_token_masked_by_itself(network, monkeypatch, at_once):
    monkeypatch.setattr(module, "TOKENS_AT_ONCE", at_once)
    found = log_likelihoods(network, TEXTS, SPECIAL)
    assert found == pytest.approx([slowly(network, text, {}) for text in TEXTS], rel=1e-5)


def test_the_rest_of_a_word_is_hidden_where_it_would_give_a_piece_away(network):
    found = log_likelihoods(network, TEXTS, SPECIAL, "rest_of_word")
    assert found == pytest.approx([slowly(network, TEXTS[0], HIDDEN_TOO), slowly(network, TEXTS[1], {})], rel=1e-5)


def test_scores_that_are_no_numbers_are_refused(network):
    with torch.no_grad():
        network.cls.predictions.bias.fill_(float("nan"))
    with pytest.raises(UserError, match="finite"):
        log_likelihoods(network, TEXTS, SPECIAL)


def test_nothing_to_ask_is_no_score(network):
    assert log_likelihoods(network, [], SPECIAL).tolist() == []
