import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.evaluation.metrics.rouge import longest_common, rouge_l, rouge_n, rouge_units


def words(text):
    return text.split()


POLICE = words("police killed the gunman")
UNITS = st.lists(st.sampled_from("abc"), max_size=12)


def table_of(first, second):
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


@given(UNITS, UNITS)
def test_the_longest_common_subsequence_is_that_of_the_table(first, second):
    assert longest_common(first, second) == table_of(first, second)


def test_the_paper_s_example():
    kills, gunman = words("police kill the gunman"), words("the gunman kill police")
    assert rouge_l([POLICE], [kills]).score == pytest.approx(3 / 4)
    assert rouge_l([POLICE], [gunman]).score == pytest.approx(2 / 4)
    assert rouge_n(2, [POLICE] * 2, [kills, gunman]).score == pytest.approx(1 / 3)


def test_repeating_a_word_earns_nothing():
    assert rouge_n(1, [words("the cat sat")], [words("the the the")]).score == pytest.approx(1 / 3)
    assert rouge_n(1, [words("the cat")], [words("the cat sat down")]).score == pytest.approx(2 * 2 / 6)


def test_unspaced_text_is_compared_by_characters():
    first, second = (rouge_units(text, "character") for text in ("猫が魚を食べた。", "魚を 猫が食べる"))
    assert first == list("猫が魚を食べた")
    assert rouge_n(1, [first], [second]).score == pytest.approx(6 / 7)
    assert rouge_n(2, [first], [second]).score == pytest.approx(2 * 3 / 12)  # 猫が 魚を 食べ
    assert rouge_l([first], [second]).score == pytest.approx(4 / 7)  # 猫が食べ, or 魚を食べ


def test_letters_of_every_language_are_counted():
    assert rouge_units("Tá an Cú ann, 3.5%!", "word") == ["tá", "an", "cú", "ann", "3", "5"]


def test_an_empty_summary_earns_nothing():
    assert rouge_n(2, [POLICE, POLICE], [[], ["police"]]).score == rouge_l([POLICE], [[]]).score == 0
