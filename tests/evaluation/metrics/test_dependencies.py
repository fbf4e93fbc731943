import pytest

from mamebert.evaluation.metrics.dependencies import las, uas

HEADS = [[2, 0, 2], [0]]
RELATIONS = [["nsubj:pass", "root", "punct"], ["root"]]


def test_attachment_is_scored_by_words_not_by_sentences():
    assert uas(HEADS, [[2, 0, 1], [0]]).score == pytest.approx(3 / 4)
    assert uas(HEADS, HEADS).score == las(HEADS, RELATIONS, HEADS, RELATIONS).score == 1


def test_a_labelled_word_needs_head_and_relation_without_subtype():
    predicted = [["nsubj", "root", "obj"], ["root"]]
    assert las(HEADS, RELATIONS, HEADS, predicted).score == pytest.approx(3 / 4)
    assert las(HEADS, RELATIONS, [[3, 0, 2], [0]], predicted).score == pytest.approx(2 / 4)


def test_a_sentence_that_lost_a_word_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        uas([[0, 1]], [[0]])
