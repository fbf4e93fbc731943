"""The matrix of languages learnt from and languages asked in."""

import pytest

from mamebert.reports.page.sections.transfer import tell
from mamebert.reports.page.story import Story
from mamebert.reports.page.verdict import verdict
from mamebert.runs import Run


@pytest.fixture
def learnt(tmp_path, make):
    def written(name, score, tests, command="finetune", kind="classification", baselines=()):
        scores = {language: {"accuracy": {"mean": value}} for language, value in tests.items()}
        model = {"name": "both", "path": "", "scores": {"accuracy": {"mean": score}}, "tests": scores}
        results = {"task": kind, "measure": "accuracy", "models": [model], "rows": {"test": 300}}
        results["baselines"] = [{"name": each, "scores": {"accuracy": value}} for each, value in baselines]
        return make["write_run"](tmp_path / name, command, results)

    return written


def sections(*folders):
    return tell(Story([Run.open(folder) for folder in folders]))


def test_rows_are_languages_learnt_from_and_the_own_one_is_quiet(learnt, tmp_path, make):
    figures = {"shared_pieces": 0.1, "found": 0.25, "chance": 0.002, "searched": 500}
    asked = {"kind": "crosslingual", "models": [{"name": "both", "path": "", "figures": figures}]}
    probe = make["write_run"](tmp_path / "retrieval", "probe", asked)
    [section] = sections(learnt("en", 0.8, {"ja": 0.5, "de": 0.6}), learnt("ja", 0.7, {"en": 0.4}), probe)
    [table] = section.blocks
    assert table.header == ["Encoder", "Learnt from", "en", "ja", "de"]
    told = [[cell.text for cell in row] for row in table.rows]
    assert told == [["both", "en", "0.8000", "0.5000", "0.6000"], ["both", "ja", "0.4000", "0.7000", "–"]]
    assert [[cell.quiet for cell in row[2:]] for row in table.rows] == [[True, False, False], [False, True, False]]
    [note] = table.notes
    assert "0.1000 of the pieces" in note
    assert "0.2500 of 500 sentences" in note


@pytest.mark.parametrize("other", [{"tests": {"de": 0.4}}, {"tests": {"en": 0.4}, "kind": "regression"}])
def test_runs_that_are_not_asked_in_each_others_language_make_no_matrix(learnt, other):
    assert sections(learnt("en", 0.8, {"ja": 0.5}), learnt("ja", 0.7, **other)) == []
    assert sections() == []


def test_baselines_that_all_languages_have_stand_below_each_in_its_own(learnt):
    some, more = [("most frequent class", 0.3), ("oddity", 0.4)], [("most frequent class", 0.35)]
    [section] = sections(
        learnt("en", 0.8, {"ja": 0.5, "de": 0.6}, baselines=some), learnt("ja", 0.7, {"en": 0.4}, baselines=more)
    )
    told = [[cell.text for cell in row] for row in section.blocks[0].rows]
    assert told[2:] == [["most frequent class", "the language asked in", "0.3000", "0.3500", "–"]]


def test_of_several_sets_each_is_called_by_its_name_at_the_top_of_the_page(learnt):
    both = [Run.open(learnt("en", 0.8, {"ja": 0.5})), Run.open(learnt("ja", 0.7, {"en": 0.4}))]
    assert [told.partition(":")[0] for told in verdict(Story(both))] == ["en", "ja"]
    assert verdict(Story(both[:1]))[0].startswith("Classification")
