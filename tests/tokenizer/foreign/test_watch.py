import json
import shutil
import time

import pytest

from mamebert.errors import UserError
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.foreign import guarded
from mamebert.tokenizer.foreign.watch import FIRST, MOST_AT_ONCE, MOST_CHARACTERS, Watch


@pytest.fixture
def with_pattern(world, tmp_path):
    """Return a function that gives the tokenizer with another rule to split by."""

    def made(pattern):
        folder = tmp_path / "tokenizer"
        shutil.copytree(world / "vocab" / "tokenizer", folder, dirs_exist_ok=True)
        (folder / "SHA256SUMS").unlink(missing_ok=True)
        told = json.loads((folder / "tokenizer.json").read_text())
        rule = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        told["pre_tokenizer"] = rule
        (folder / "tokenizer.json").write_text(json.dumps(told))
        return Tokenizer.open(folder)

    return made


def test_time_quadratic_in_the_length_is_refused_when_the_folder_is_opened(with_pattern):
    with pytest.raises(UserError, match=r"a pattern in it takes .* seconds for 25600 characters"):
        with_pattern(r"a+b")


@pytest.mark.parametrize(("more", "right"), [(1.0, True), (20.0, False)])
def test_a_slow_processor_is_no_fault_of_a_pattern(with_pattern, monkeypatch, more, right):
    """Linear time is right at a hundred times what it takes here, until it takes a day for a corpus."""
    monkeypatch.setattr(guarded, "_seconds", lambda _rust, _unit, length, _tail: more * length * 1e-4 * (length > 1600))

    if right:
        assert with_pattern("a+b").encode("a b").ids.size
    else:
        with pytest.raises(UserError, match=r"a pattern in it takes 51\.2 seconds for 25600 characters"):
            with_pattern("a+b")


def test_patterns_of_our_own_are_not_tried_out(world, with_pattern, monkeypatch):
    tried = []
    monkeypatch.setattr(guarded, "_seconds", lambda *words: tried.append(words) or 0.0)

    Tokenizer.open(world / "vocab" / "tokenizer")
    assert not tried
    with_pattern("a|b")
    assert tried


def test_patterns_in_use_are_quick_and_give_the_same_in_groups(with_pattern):
    tokenizer = with_pattern(r"'s|'t| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+")
    texts = ["the old bean holds the leaf . " * n for n in (1, 0, 40, 3, 400)]
    together, alone = tokenizer.encode_many(texts), [tokenizer.encode(text) for text in texts]
    assert [a.ids.tolist() for a in together] == [b.ids.tolist() for b in alone]


def test_one_text_is_not_endless(with_pattern):
    tokenizer = with_pattern(r"\s+")
    with pytest.raises(UserError, match=r"A text has 1,000,001 characters, .* at most 1,000,000 in one\. Divide it"):
        tokenizer.encode("a" * (MOST_CHARACTERS + 1))


def test_texts_that_take_far_too_long_end_early(monkeypatch):
    monkeypatch.setattr("mamebert.tokenizer.foreign.watch.SECONDS", 0.01)
    monkeypatch.setattr("mamebert.tokenizer.foreign.watch.SECONDS_PER_CHARACTER", 1e-6)
    given = []

    def slow(group):
        given.append(sum(map(len, group)))
        ends = time.process_time() + 0.05
        while time.process_time() < ends:
            pass
        return group

    with pytest.raises(UserError, match=r"is too slow for these texts\. Give another tokenizer"):
        Watch().encode(slow, ["a" * 500_000])
    assert given == [FIRST]


def test_what_is_asked_at_once_grows_and_nothing_is_lost():
    given, texts = [], [str(n) * 100 for n in range(10_000)]

    def quick(group):
        given.append(sum(map(len, group)))
        return group

    assert Watch().encode(quick, texts) == texts
    assert given[0] <= FIRST
    assert MOST_AT_ONCE / 2 < max(given) <= MOST_AT_ONCE
