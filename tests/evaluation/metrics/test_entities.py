import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score

from mamebert.evaluation.metrics.entities import (
    entities,
    entity_f1,
    entity_precision,
    entity_recall,
    span_f1,
    token_accuracy,
)

TAG = st.sampled_from(["O", *(f"{mark}-{kind}" for mark in "BIES" for kind in ("PER", "LOC-GPE"))])
SENTENCES = st.lists(st.lists(st.tuples(TAG, TAG), min_size=1, max_size=8), min_size=1, max_size=5)


@given(SENTENCES)
def test_measures_are_those_of_seqeval_over_all_sentences(sentences):
    expected = [[a for a, _ in sentence] for sentence in sentences]
    predicted = [[b for _, b in sentence] for sentence in sentences]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert entity_f1(expected, predicted).score == pytest.approx(f1_score(expected, predicted))
        assert entity_precision(expected, predicted).score == pytest.approx(precision_score(expected, predicted))
        assert entity_recall(expected, predicted).score == pytest.approx(recall_score(expected, predicted))
    assert token_accuracy(expected, predicted).score == pytest.approx(accuracy_score(expected, predicted))


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ("I-A I-A B-A O", [(0, 2, "A"), (2, 3, "A")]),  # IOB1
        ("B-A I-A O B-B", [(0, 2, "A"), (3, 4, "B")]),  # IOB2
        ("S-A B-A I-A E-A S-B", [(0, 1, "A"), (1, 4, "A"), (4, 5, "B")]),  # BIOES
        ("O O", []),
        ("", []),
    ],
)
def test_entities_are_read_in_every_scheme(tags, expected):
    assert entities(tags.split()) == expected


def test_one_counts_row_belongs_to_one_sentence():
    found = entity_f1([["B-A", "O"], ["O"]], [["B-A", "B-A"], ["B-B"]])
    assert found.counts.tolist() == [[1, 2, 1], [0, 1, 0]]


def test_spans_are_right_with_both_ends_and_their_kind():
    expected = [{(0, 2, "人名"), (5, 7, "地名")}, set()]
    predicted = [{(0, 2, "人名"), (5, 8, "地名"), (9, 10, "人名")}, set()]
    assert span_f1(expected, predicted).score == pytest.approx(2 * 1 / (3 + 2))


def test_a_sentence_that_lost_a_word_is_refused():
    for measure in (entity_f1, entity_precision, entity_recall, token_accuracy):
        with pytest.raises(ValueError, match=r"shorter|as many"):
            measure([["O", "O"]], [["O"]])
