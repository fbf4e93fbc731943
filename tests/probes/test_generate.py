import itertools

import pytest
import torch

from mamebert.errors import UserError
from mamebert.probes.scoring.bleu import corpus_bleu, self_bleu, unseen
from mamebert.probes.scoring.gibbs import Sampling, sample

V, L = 5, 3


def law():
    """A joint distribution over all texts of three tokens of five, so that its conditionals are consistent."""
    return torch.rand((V,) * L, generator=torch.Generator().manual_seed(1)) ** 2


@pytest.mark.parametrize("order", ["random", "left_to_right"])
def test_a_chain_with_consistent_conditionals_has_the_law_that_enumeration_gives(order):
    joint = law()

    def conditional(ids, places):
        rows = []
        for text, place in zip(ids.tolist(), places[:, 0].tolist(), strict=True):
            index = [slice(None) if at == place else text[at] for at in range(L)]
            rows.append(joint[tuple(index)].log())
        return torch.stack(rows)[:, None]

    chains = torch.zeros(2000, L, dtype=torch.long)
    how = Sampling(order, 24, 24, 1.0, 0)
    *_, ids = sample(chains, torch.arange(L), V, conditional, how, torch.Generator().manual_seed(0))
    found = torch.zeros_like(joint)
    for text in ids.tolist():
        found[tuple(text)] += 1
    expected = joint / joint.sum()
    assert float((found / found.sum() - expected).abs().sum()) < 0.25
    for place in range(L):
        others = [axis for axis in range(L) if axis != place]
        assert (found / found.sum()).sum(others).tolist() == pytest.approx(expected.sum(others).tolist(), abs=0.05)


def test_top_k_holds_after_the_burn_in():
    def conditional(ids, places):
        return torch.arange(V, dtype=torch.float).expand(*places.shape, V)

    steps = sample(
        torch.full((64, L), V),
        torch.arange(L),
        V,
        conditional,
        Sampling("parallel", 2, 1, 1.0, 1),
        torch.Generator().manual_seed(0),
    )
    before, after = (ids.clone() for ids in steps)
    assert len(before.unique()) > 1
    assert after.unique().tolist() == [V - 1]


def test_bleu_is_that_of_a_hand_made_example():
    text, other = ["a", "b", "c", "d", "e"], ["a", "b", "c", "d", "f"]
    assert corpus_bleu([text], [text]) == pytest.approx(1)
    assert corpus_bleu([text], [other]) == pytest.approx((4 / 5 * 3 / 4 * 2 / 3 * 1 / 2) ** 0.25)
    assert corpus_bleu([text[:4]], [text]) == pytest.approx(torch.tensor(1 - 5 / 4).exp().item())
    assert self_bleu([text, text, text]) == pytest.approx(1)
    assert self_bleu([text, ["v", "w", "x", "y", "z"]]) == 0
    assert unseen([text], [other], 1) == pytest.approx(1 / 5)


def test_self_bleu_leaves_each_text_out_of_what_it_is_held_against():
    texts = [["a", "b", "c", "d", "e"], ["a", "b", "c", "d", "f"], ["a", "b", "c", "d", "e"]]
    slowly = []
    for order in (1, 2, 3, 4):
        grams = [[tuple(t[i : i + order]) for i in range(6 - order)] for t in texts]
        matches = sum(
            any(gram in other for n, other in enumerate(grams) if n != place)
            for place, own in enumerate(grams)
            for gram in own
        )
        slowly.append(matches / sum(map(len, grams)))
    assert self_bleu(texts) == pytest.approx(torch.tensor(slowly).log().mean().exp().item())


@pytest.mark.parametrize("order", ["random", "left_to_right", "parallel"])
def test_texts_are_of_tokens_that_are_no_marks_and_the_same_for_a_seed(ask_about, asked, world, order):
    settings = {"samples": 4, "length": 6, "iterations": 80, "burn_in": 6, "order": order}
    settings["corpus"] = str(world / "text.txt")
    found = ask_about("generate", **settings)
    marks = [asked.tokenizer.tokens[n] for n in asked.tokenizer.special_ids]
    assert not [each for each, mark in itertools.product(found.examples, marks) if mark in each.prompt]
    assert ask_about("generate", **settings) == found
    assert ask_about("generate", seed=1, **settings).examples != found.examples
    assert 0 <= found.figures["bleu"] <= 1
    assert [row.figures["order"] for row in found.tables[0].rows] == [1, 2, 3, 4]


def test_the_beginning_stays_and_what_is_too_long_is_told(ask_about):
    found = ask_about("generate", samples=2, length=3, iterations=3, burn_in=0, beginning="The old boat")
    assert all(
        each.prompt.startswith("the old boat") or each.prompt.startswith("The old boat") for each in found.examples
    )
    with pytest.raises(UserError, match="Lower length"):
        ask_about("generate", length=500)
