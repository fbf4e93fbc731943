"""Records in which something is of another kind than stages write: one sentence, or a page without it."""

import json
import random
import re
from copy import deepcopy

import pytest

from mamebert.errors import UserError
from mamebert.reports.card.model_card import model_card
from mamebert.runs import Run
from mamebert.stages.report import ReportConfig, report

WRONG = [None, [], {}, "x", 5, -1, 0, 1e300, float("nan"), True, [[1]], {"a": 1}, "豆" * 400]
NUM_MUTANTS = 60


def places(value, path=()):
    """Yield the path to everything in nested lists and objects."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        yield (*path, name)
        yield from places(each, (*path, name))


def changed(record, path, value):
    record = deepcopy(record)
    inside = record
    for name in path[:-1]:
        inside = inside[name]
    inside[path[-1]] = value
    return record


def test_a_record_with_something_of_another_kind_is_a_page_or_a_sentence(runs, make, tmp_path):
    runs["smaller"] = make["write_run"](tmp_path / "runs" / "smaller", **make["compression"](["distil"]))
    rng, own, told = random.Random(7), Run.open(runs["finetune"]), []
    for number in range(NUM_MUTANTS):
        folder = runs[rng.choice(sorted(runs))]
        written = (folder / "run.json").read_text(encoding="utf-8")
        record = json.loads(written)
        path, value = rng.choice(list(places(record))), rng.choice(WRONG)
        (folder / "run.json").write_text(json.dumps(changed(record, path, value)), encoding="utf-8")
        try:
            assert model_card(own, tmp_path, "finetune").startswith("---")
            report(ReportConfig(output=tmp_path / f"page-{number}", runs=list(runs.values())))
        except UserError as error:
            told.append(str(error))
        (folder / "run.json").write_text(written, encoding="utf-8")
    assert all(each.count(". ") >= 1 and "\n" not in each for each in told)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        (("results",), [1], "results is no object"),
        (("seconds",), "long", "seconds is no number of seconds"),
        (("inputs",), {"a": {"path": 1, "id": "x"}}, "inputs is no object of paths and ids"),
        (("sources",), [{"sha256": 1}], "sources is no list"),
        (("finished",), "yes", "finished is no true or false"),
        (("versions",), {"torch": [1]}, "versions is no object of texts"),
        (("results", "rows"), "x", "of another kind than stages write"),
    ],
)
def test_what_is_wrong_with_a_record_is_told(runs, tmp_path, path, value, told):
    file = runs["finetune"] / "run.json"
    file.write_text(json.dumps(changed(json.loads(file.read_text(encoding="utf-8")), path, value)), encoding="utf-8")
    with pytest.raises(UserError, match=told):
        report(ReportConfig(output=tmp_path / "page", runs=[runs["finetune"]]))


@pytest.mark.parametrize("text", ["[" * 100_000, "[1]", "7", '{"a": 1}'])
def test_lines_and_records_of_any_json_are_no_traceback(runs, tmp_path, text):
    (runs["N"] / "metrics.jsonl").write_text(text + "\n")
    report(ReportConfig(output=tmp_path / "page", runs=[runs["N"]]))
    (runs["N"] / "run.json").write_text(text)
    with pytest.raises(UserError, match=r"damaged|is not a run folder"):
        report(ReportConfig(output=tmp_path / "other", runs=[runs["N"]]))


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (lambda lines: [*lines[:3], lines[3][:20], *lines[4:]], r"metrics\.jsonl is damaged \(line 4 cannot be read"),
        (lambda lines: [*lines[:3], "{}x", "[1]", *lines[5:]], r"damaged \(line 4 and 1 more cannot"),
        (lambda lines: [lines[0].replace('"seconds": ', '"seconds": "x", "b": '), *lines[1:]], r"\(line 1 cannot be"),
    ],
)
def test_damaged_metrics_are_told_with_their_line_and_the_page_is_made_of_the_rest(runs, tmp_path, capsys, spoil, told):
    file = runs["N"] / "metrics.jsonl"
    file.write_text("\n".join([*spoil(file.read_text().splitlines()), ""]))
    page = report(ReportConfig(output=tmp_path / "page", runs=[runs["N"]]))
    said = [line for line in capsys.readouterr().err.splitlines() if "metrics.jsonl" in line]
    assert len(said) == 1
    assert re.search(told, said[0])
    assert "Held-out MLM loss" in (page.folder / "report.html").read_text(encoding="utf-8")


def test_a_torn_last_line_of_a_finished_run_is_told_and_whole_metrics_are_not(runs, tmp_path, capsys):
    report(ReportConfig(output=tmp_path / "page", runs=[runs["N"]]))
    assert "damaged" not in capsys.readouterr().err
    file = runs["N"] / "metrics.jsonl"
    file.write_text(file.read_text()[:-9])
    report(ReportConfig(output=tmp_path / "other", runs=[runs["N"]]))
    assert "is damaged (line " in capsys.readouterr().err
