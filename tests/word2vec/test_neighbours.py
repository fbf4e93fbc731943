import numpy as np
import pytest

from mamebert.word2vec.neighbours import frequent_words, neighbours
from mamebert.word2vec.table import VectorTable

ANGLES = {
    "[PAD]": 0,
    "[MASK]": 1,
    "東京": 10,
    "大阪": 14,
    "##大阪": 11,
    "京都": 25,
    "サッカー": 120,
    "稀語": 12,
    "です": 90,
}


@pytest.fixture
def table():
    radians = np.radians(list(ANGLES.values()))
    vectors = (np.stack([np.cos(radians), np.sin(radians)], axis=1) * 7).astype(np.float32)
    counts = np.array([0, 0, 90, 80, 70, 60, 50, 2, 500])
    return VectorTable(vectors, counts > 0, counts, list(ANGLES), "")


def test_neighbours_are_the_nearest_whole_words_and_never_the_word_itself(table):
    found = neighbours(table, ["東京"], count=2)

    assert [word for word, _ in found["東京"]] == ["大阪", "京都"]
    assert found["東京"][0][1] == pytest.approx(np.cos(np.radians(4)), abs=1e-3)


def test_a_piece_or_rare_word_may_be_asked_about_though_it_is_no_neighbour(table):
    found = neighbours(table, ["##大阪", "稀語"], count=1)
    assert found == {"##大阪": [("東京", 0.9998)], "稀語": [("東京", 0.9994)]}


def test_words_without_a_vector_are_left_out(table):
    assert list(neighbours(table, ["知らない", "[MASK]", "東京"])) == ["東京"]


def test_frequent_words_are_words_with_a_meaning_common_ones_first(table):
    assert frequent_words(table, count=3) == ["東京", "大阪", "サッカー"]


def test_as_many_frequent_words_come_back_as_were_asked_for():
    tokens = [f"focal{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(600)]
    table = VectorTable(np.ones((600, 2), np.float32), np.ones(600, bool), np.arange(700, 100, -1), tokens, "")

    for count in (1, 2, 5, 12, 50, 600, 700):
        assert len(set(frequent_words(table, count))) == min(count, 600)


def test_frequent_words_skip_grammar_in_alphabets_too():
    tokens = ["agus", "bhí", "##acht", "scoil", "farraige", "12345", "teanga"]
    table = VectorTable(np.eye(7, dtype=np.float32), np.ones(7, bool), np.arange(100, 30, -10), tokens, "")
    assert frequent_words(table, count=9) == ["scoil", "farraige", "teanga"]
