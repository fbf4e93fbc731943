from hypothesis import given
from hypothesis import strategies as st

from mamebert.corpus.duplicates import DIGEST_BYTES, Seen, digest


@given(st.lists(st.integers(0, 50).map(lambda number: digest(str(number)))))
def test_seen_agrees_with_a_set(items):
    seen, known = Seen(), set()
    for item in items:
        assert seen.is_new(item) == (item not in known)
        known.add(item)
    assert len(seen) == len(known)


def test_memory_is_a_few_times_sixteen_bytes_an_item():
    seen = Seen()
    items = [digest(str(number)) for number in range(50_000)]
    assert all(seen.is_new(item) for item in items)
    assert not any(seen.is_new(item) for item in items)
    assert len(seen._table) <= 3 * DIGEST_BYTES * len(items)


def test_digests_colliding_in_their_slot_are_still_told_apart():
    seen = Seen()
    first, second = bytes(8) + b"a" * 8, bytes(8) + b"b" * 8
    assert seen.is_new(first)
    assert seen.is_new(second)
    assert not seen.is_new(first)


def test_texts_with_lone_surrogates_have_a_digest():
    assert len(digest("\ud800")) == DIGEST_BYTES
