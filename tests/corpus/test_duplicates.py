import tracemalloc

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mamebert.corpus.duplicates import DIGEST_BYTES, digest
from mamebert.corpus.duplicates.near import NearDuplicates, NearMet, Signature
from mamebert.corpus.duplicates.seen import NUMBER_BYTES, Seen, merge
from mamebert.errors import UserError

ANY = st.lists(st.lists(st.integers(0, 60).map(lambda number: digest(str(number))), max_size=9), max_size=30)


@given(ANY)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_seen_agrees_with_a_set(tmp_path, batches):
    known = set()
    with Seen(tmp_path / "met", most_in_memory=3) as seen:
        for batch in batches:
            seen.look_up(batch)
            for item in batch:
                assert seen.has(item) == (item in known)
                assert seen.is_new(item) == (item not in known)
                known.add(item)
    assert not (tmp_path / "met").exists()


def test_memory_does_not_grow_and_files_stay_few(tmp_path):
    with Seen(tmp_path / "met", most_in_memory=1_000) as seen:
        tracemalloc.start()
        for start in range(0, 100_000, 500):
            batch = [digest(str(number)) for number in range(start, start + 500)]
            seen.look_up(batch)
            assert all(seen.is_new(item) for item in batch)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 4_000_000  # as bytes in a set they are 10 MB
        assert len(list((tmp_path / "met").iterdir())) < 12
        old = [digest(str(number)) for number in range(0, 99_000, 1_000)]
        seen.look_up(old)
        assert all(map(seen.has, old))


def test_merged_files_are_sorted_and_whole(tmp_path, monkeypatch):
    monkeypatch.setattr("mamebert.corpus.duplicates.seen.MERGED_AT_ONCE", 7)
    digests = np.array([digest(str(number)) for number in range(100)], f"S{DIGEST_BYTES + NUMBER_BYTES}")
    for number in range(3):
        np.sort(digests[number::3]).tofile(tmp_path / str(number))
    merge([tmp_path / str(number) for number in range(3)], tmp_path / "all")
    assert (np.fromfile(tmp_path / "all", digests.dtype) == np.sort(digests)).all()


def test_digests_that_end_in_zeros_are_digests(tmp_path):
    first, second = b"a" * 15 + b"\0", b"a" * 14 + b"\0\0"
    with Seen(tmp_path / "met", most_in_memory=1) as seen:
        for item, is_new in ((first, True), (second, True), (first, False), (second, False)):
            seen.look_up([item])
            assert seen.is_new(item) == is_new


def test_a_full_disk_is_a_sentence(tmp_path):
    (tmp_path / "met").write_text("a file where a folder should be")
    seen = Seen(tmp_path / "met", most_in_memory=1)
    seen.is_new(digest("a"))
    with pytest.raises(UserError):
        seen.look_up([digest("b")])


def test_what_a_killed_run_has_left_plays_no_part(tmp_path):
    killed = Seen(tmp_path / "met", most_in_memory=1).__enter__()
    for text in "abc":
        killed.look_up([digest(text)])
        killed.is_new(digest(text))
    with Seen(tmp_path / "met") as seen:
        seen.look_up([digest("a")])
        assert seen.is_new(digest("a"))


def test_texts_with_lone_surrogates_have_a_digest():
    assert len(digest("\ud800")) == DIGEST_BYTES


WORDS = [f"word{number * 7919 % 997}" for number in range(300)]
JAPANESE = "".join(chr(0x3042 + number * 7919 % 80) for number in range(300))


def shared(one, other, language="en", **chosen):
    rules = NearDuplicates(**{"threshold": 0.8, **chosen})
    first, second = rules.signature(one, language), rules.signature(other, language)
    return bool(set(first.bands) & set(second.bands)) and first.shared(second.values) >= rules.threshold


def test_near_duplicates_share_a_band_and_others_do_not():
    text = " ".join(WORDS)
    assert shared(text, text.upper().replace(" ", ", "))
    assert shared(text, " ".join(["another", *WORDS[1:]]))
    assert not shared(text, " ".join(WORDS[150:] + [f"other{number}" for number in range(150)]))
    assert shared(JAPANESE, f"豆{JAPANESE[1:]}。", "ja")
    assert not shared(JAPANESE, JAPANESE[150:] + JAPANESE[:150:-1], "ja")
    assert shared("bean", "Bean!")
    assert not shared("bean", "pea")


def test_a_threshold_next_to_one_asks_for_equal_halves():
    rules = NearDuplicates(threshold=0.999999999)
    assert len(rules.signature("The bean grows in the old garden by the sea.", "en").bands) == 2


def test_without_a_threshold_or_letters_there_are_no_bands():
    assert NearDuplicates().signature("beans and peas", "en") is None
    assert NearDuplicates(threshold=0.8).signature("... !", "en") is None


def test_what_resembles_is_shown_with_what_it_resembles(tmp_path):
    rules = NearDuplicates(threshold=0.8)
    with NearMet(tmp_path / "near") as met:
        for text, earlier in (("Beans and peas", None), ("beans, and peas.", "Beans and peas"), ("Lentils", None)):
            signature = rules.signature(text, "en")
            met.look_up(signature.bands)
            assert met.earlier(signature, text) == earlier


@pytest.mark.parametrize("most_in_memory", [1, 1000])
def test_documents_that_meet_in_a_band_by_chance_are_kept(tmp_path, most_in_memory):
    met = NearMet(tmp_path / "near")
    met.most_in_memory = most_in_memory
    values = [np.full(10, number, np.uint32) for number in range(3)]
    values.append(np.array([2] * 8 + [9] * 2, np.uint32))  # shares 0.8 with the last
    kept = []
    with met:
        for number, each in enumerate(values):
            signature = Signature([digest("in common"), digest(str(min(number, 2)))], each.tobytes(), 0.8)
            met.look_up(signature.bands)
            kept.append(met.earlier(signature, f"text {number}"))
    assert kept == [None, None, None, "text 2"]
