import math
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from mamebert.errors import UserError
from mamebert.tasks import value_of
from mamebert.tasks.data.cells import (
    as_label,
    is_missing,
    items_of,
    label_cell,
    list_in_text,
    says_something,
    says_yes,
    text_cell,
)
from mamebert.tasks.data.features import Unusable

NOTHING = [None, "", math.nan, np.float32("nan"), np.float64("nan"), Decimal("nan"), pd.NA, pd.NaT]


@pytest.mark.parametrize("value", NOTHING)
def test_an_empty_cell_is_no_text_and_no_label(value):
    assert is_missing(value)
    assert text_cell(value, "text") == ""
    with pytest.raises(Unusable, match="no label"):
        label_cell(value, "label")


@pytest.mark.parametrize("value", ["nan", "None", " ", 0, 0.0, False, math.inf])
def test_a_word_or_a_number_is_not_empty(value):
    assert not is_missing(value)
    assert text_cell(value, "text") == str(value)


@pytest.mark.parametrize("value", [["river", "boat"], ("a",), {"a": 1}, b"bytes", np.array(["a"]), {"a"}])
def test_what_is_more_than_one_value_is_no_text_and_no_single_label(value):
    with pytest.raises(UserError, match=r"'text' holds the .*which is no text\. "):
        text_cell(value, "text")
    with pytest.raises(UserError, match=r"'label' holds the .*which is no single label\. .*multi_label"):
        label_cell(value, "label")


@pytest.mark.parametrize(
    ("value", "label"),
    [
        ("1 ", "1"),
        ("\u00a01\t", "1"),
        ("cafe\u0301", "café"),
        (1, "1"),
        (1.0, "1"),
        (np.float64(2), "2"),
        (1.5, "1.5"),
        ("1.0", "1.0"),
        (Decimal("3.0"), "3"),
        (True, "True"),
        (date(2024, 1, 2), "2024-01-02"),
        (math.inf, "inf"),
    ],
)
def test_a_label_has_one_spelling(value, label):
    assert as_label(value) == label_cell(value, "label") == label


def test_a_label_of_blanks_is_none():
    with pytest.raises(Unusable, match="no label"):
        label_cell(" \u3000", "label")


@pytest.mark.parametrize(
    ("text", "items"),
    [
        ("['a', 'b']", ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        (" [ 'it\\'s', \"b\", ] ", ["it's", "b"]),
        ("[1, -2.5, True]", [1, -2.5, True]),
        ("[]", []),
        ("['a' 'b']", None),  # as NumPy prints, which Python reads as 'ab'
        ("[sport]", None),
        ("['a', __import__('os')]", None),
        ("a, b", None),
        ("[" * 100_000 + "]" * 100_000, None),
        ("['" + "\\'" * 50_000, None),
    ],
)
def test_a_text_that_spells_a_list_is_that_list(text, items):
    assert list_in_text(text) == items


def test_lists_tuples_and_arrays_have_items():
    for value in (["a", "b"], ("a", "b"), np.array(["a", "b"]), "['a', 'b']"):
        assert list(items_of(value) or ()) == ["a", "b"]
    for value in (None, "a b", 3, {"a": 1}, np.float64(3)):
        assert items_of(value) is None


def test_the_text_false_is_not_true():
    assert [says_yes(value) for value in (True, "True", "1", 1, "yes")] == [True] * 5
    assert [says_yes(value) for value in (False, "False", "0", 0, "no", None, math.nan, "")] == [False] * 8


def test_a_table_without_names_is_told_apart_from_a_wrong_name():
    with pytest.raises(UserError, match=r"look like values, not like names.*header ="):
        value_of({"main-captions": "a", "2012": "b", "2.500": "c"}, "text")
    with pytest.raises(UserError, match=r"Did you mean 'label'\?.*end in _column"):
        value_of({"text": "a", "label": "b"}, "lable")


@pytest.mark.parametrize("text", ["\ufeffwater", "water\u200b", " water\u00a0", "wat\u00ader"])
def test_invisible_marks_make_no_other_label(text):
    assert as_label(text) == "water"
    assert as_label("big \u3000 water") == as_label("big\u00a0water") == "big water"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[0 1 1]", [0, 1, 1]),
        ("{'a', 'b'}", ["a", "b"]),
        ("('a',)", ["a"]),
        ("(see below)", None),
        ("{a}", None),
        ("[PAD] 1", None),
    ],
)
def test_sets_tuples_and_arrays_are_lists_too(text, found):
    assert list_in_text(text) == found


@pytest.mark.parametrize("text", ["\u200b", " \ufeff ", "\u200d\ufe0f", "\u3000", "\u00ad"])
def test_a_text_of_invisible_marks_says_nothing(text):
    assert not says_something(text)
    assert says_something(text + "ก")
