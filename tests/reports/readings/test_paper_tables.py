from mamebert.reports.readings.paper_tables import (
    ACCURACY_BY_EPOCH,
    BEST_ACCURACY,
    BEST_EPOCH,
    BEST_MODEL,
    SPLIT,
    is_livedoor,
    split_of,
)


def test_the_split_adds_up_to_the_totals_the_paper_prints():
    assert [sum(counts[part] for counts in SPLIT.values()) for part in range(3)] == [736, 736, 5904]


def test_the_best_accuracy_is_the_best_of_the_table():
    assert (
        max(max(column) for column in ACCURACY_BY_EPOCH.values())
        == ACCURACY_BY_EPOCH[BEST_MODEL][BEST_EPOCH - 1]
        == BEST_ACCURACY
    )


def test_livedoor_is_known_by_its_nine_categories_however_they_are_written():
    assert is_livedoor([name.replace("-", "_").upper() for name in SPLIT])
    assert not is_livedoor([*list(SPLIT)[:-1], "weather"])
    assert split_of("Topic-News") == (77, 77, 617)
