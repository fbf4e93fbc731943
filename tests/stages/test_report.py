import json
from typing import ClassVar

import pytest

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.runs import Run, StageConfig
from mamebert.stages.report import ReportConfig, report


class OtherConfig(StageConfig):
    command: ClassVar[str] = "clean"


@pytest.fixture
def clean(tmp_path):
    run = Run.start(OtherConfig(output=tmp_path / "clean"))
    run.results = {"documents": 12, "samples": ["豆の話。"]}
    return run.finish().final


def test_a_report_is_a_page_and_the_same_tables_as_markdown(clean, tmp_path):
    run = report(
        build(
            ReportConfig,
            {
                "output": tmp_path / "report",
                "runs": [str(clean)],
                "title": "一回目",
                "command_line": "mamebert run x.toml",
            },
        )
    )
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "一回目" in page
    assert "豆の話。" in page
    assert "mamebert run x.toml" in (run.folder / "report.md").read_text(encoding="utf-8")
    assert run.results["page"] == "report.html"


def test_the_same_report_is_written_again_the_same(clean, tmp_path):
    first, again = (report(ReportConfig(output=tmp_path / name, runs=[clean])) for name in ("one", "two"))
    assert (first.folder / "report.html").read_bytes() == (again.folder / "report.html").read_bytes()
    assert report(ReportConfig(output=tmp_path / "one", runs=[clean])).finished


def test_a_folder_that_is_no_run_is_refused_in_a_sentence(tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(UserError, match="is not a run folder"):
        report(build(ReportConfig, {"output": tmp_path / "report", "runs": [str(tmp_path / "photos")]}))
    with pytest.raises(UserError, match="runs"):
        build(ReportConfig, {"output": tmp_path / "report", "runs": []})


def test_a_run_that_was_not_finished_is_refused_in_a_sentence(tmp_path):
    Run.start(OtherConfig(output=tmp_path / "clean"))
    with pytest.raises(UserError, match="not finished"):
        report(build(ReportConfig, {"output": tmp_path / "report", "runs": [str(tmp_path / "clean")]}))


def test_the_verdict_is_kept_as_plain_text(clean, tmp_path):
    run = report(ReportConfig(output=tmp_path / "report", runs=[clean]))
    assert isinstance(json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["results"]["verdict"], list)
