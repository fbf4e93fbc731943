import pytest

from mamebert.tokenizer.unknown import Unknown


def test_what_is_unknown_is_counted_however_it_is_asked(spaced):
    ours = spaced.ours
    texts = ["The garden", "", "豆腐 garden", "ру ру ру"]
    for ask in (ours.encode_many, ours.encode_with_offsets):
        ours.unknown = Unknown()
        pieces = ask(texts)
        unknown = [int((each.ids == ours.unk_id).sum()) for each in pieces]
        assert ours.unknown == Unknown(sum(len(each.ids) for each in pieces), sum(unknown), 4, 2)
        assert ours.unknown.rate == pytest.approx(sum(unknown) / ours.unknown.pieces)
    ours.unknown = Unknown()
    ours.encode_many([])
    assert ours.unknown == Unknown()


def test_little_is_not_told_and_much_is_in_one_line():
    assert Unknown().told("the rows") == Unknown(1000, 5, 10, 2).told("the rows") == ""
    assert Unknown(1000, 50, 10, 2).told("the rows").startswith("5.0% of the pieces in the rows are unknown")
    assert "37 of 100 texts" in Unknown(10_000, 50, 100, 37).told("the rows")
    mostly = Unknown(100, 60, 2, 2).told("what was asked")
    assert "learnt from text like it" in mostly
    assert "\n" not in mostly
