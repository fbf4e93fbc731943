from hypothesis import given
from hypothesis import strategies as st

from mamebert.corpus.filters.boilerplate import LinesMet


def test_a_line_is_new_in_so_many_documents_and_counts_once_in_each():
    lines = LinesMet(most=2)
    assert [lines.new([b"menu", b"menu", text]) for text in (b"a", b"b", b"c", b"d")] == [
        {b"menu", b"a"}, {b"menu", b"b"}, {b"c"}, {b"d"},
    ]  # fmt: skip


def test_memory_is_bounded_and_what_is_frequent_is_remembered():
    lines = LinesMet(most=3, window=100)
    for number in range(5_000):
        lines.new([b"menu", str(number).encode()])
    assert len(lines) < 300
    assert lines.new([b"menu"]) == set()


@given(st.lists(st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=4), max_size=12))
def test_without_forgetting_it_agrees_with_a_count(documents):
    lines, count = LinesMet(most=2), {}
    for document in documents:
        assert lines.new(document) == {line for line in document if count.get(line, 0) < 2}
        for line in set(document):
            count[line] = count.get(line, 0) + 1
