from types import SimpleNamespace

import numpy as np

from mamebert.tokenizer.correspondence import correspond
from mamebert.tokenizer.pieces import SPECIAL_NAMES

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


class Known:
    """A vocabulary that cuts a text into its characters."""

    begins_words = ""

    def __init__(self, tokens, specials=SPECIALS):
        self.tokens, self.vocab_size = tokens, len(tokens)
        self.special = {name: tokens.index(each) for name, each in zip(SPECIAL_NAMES, specials, strict=True)}
        self.special_ids, self.unk_id = list(self.special.values()), tokens.index(specials[1])

    def encode_many(self, texts):
        ids = {token: number for number, token in enumerate(self.tokens)}
        return [SimpleNamespace(ids=np.array([ids.get(c, self.unk_id) for c in text])) for text in texts]


def test_a_token_in_both_is_found_wherever_it_stands():
    old, new = Known([*SPECIALS, "a", "b", "##b"]), Known(["b", "##b", *SPECIALS, "a"])
    found = correspond(old, new)
    assert found.same == {0: 6, 1: 7, 2: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5}
    assert (found.pieces, found.neither) == ({}, [])


def test_what_begins_a_word_is_not_what_stands_inside_one():
    found = correspond(Known([*SPECIALS, "a"]), Known([*SPECIALS, "##a"]))
    assert 5 not in found.same
    assert found.pieces == {5: [5]}


def test_another_mark_for_the_same_place_is_the_same_token():
    theirs = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    found = correspond(Known([*SPECIALS, "a", "##b"]), Known([*theirs, "▁a", "b"], theirs))
    assert found.same == {number: number for number in range(7)}


def test_other_tokens_are_cut_into_old_pieces_or_are_in_neither():
    found = correspond(Known([*SPECIALS, "a", "b"]), Known([*SPECIALS, "aab", "az", ""]))
    assert found.pieces == {5: [5, 5, 6]}
    assert found.neither == [6, 7]


def test_tokens_that_the_old_model_never_learnt_do_not_count():
    found = correspond(Known([*SPECIALS, "a", "b"]), Known([*SPECIALS, "b", "ab"]), num_rows=6)
    assert 5 not in found.same
    assert found.neither == [5, 6]
