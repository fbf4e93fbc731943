import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.reports.text.number_format import GLUE, amount, clock, percent, plain, score, words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (8.44, "8.4s"),
        (44.9, "45s"),
        (59.7, "1m"),
        (240, "4m"),
        (725, "12m05s"),
        (3599.8, "1h00m"),
        (16 * 3600 + 49 * 60, "16h49m"),
        (None, "–"),
    ],
)
def test_time_reads_as_in_the_paper(seconds, text):
    assert clock(seconds) == text


def test_the_name_of_a_number_tells_its_unit():
    found = [
        plain(n, v)
        for n, v in (
            ("unk_rate", 0.0003),
            ("rare_rate", 4e-6),
            ("learning_seconds", 61.5),
            ("vocab_bytes", 2_500_000),
            ("size", 32_000),
            ("ok", True),
        )
    ]
    assert [text.replace(GLUE, " ") for text in found] == ["0.03 %", "< 0.01 %", "1m02s", "2.5 MB", "32,000", "yes"]
    assert words("num_rows") == "Rows"
    assert words("unk_rate") == "Unknown (share)"
    assert words("rate") == "Rate"


def test_what_was_not_measured_is_a_dash_and_never_nan():
    assert [f(v) for f in (amount, percent, score, clock) for v in (None, float("nan"), float("inf"), "text")] == [
        "–"
    ] * 16


@given(st.floats(min_value=1, max_value=1e12))
def test_an_amount_is_near_the_number_it_shortens(value):
    text = amount(value).replace(",", "")
    size = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1)
    assert float(text.rstrip("kMG").strip(GLUE)) * size == pytest.approx(value, rel=0.006)
