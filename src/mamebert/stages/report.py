"""`mamebert report`: the numbers of earlier runs in, one page that a person reads out."""

from typing import ClassVar

from pydantic import Field

from mamebert.config import RunPath
from mamebert.files.disk import write_text
from mamebert.preflight.ahead import Ahead, Found, check_first
from mamebert.results.report import ReportResults
from mamebert.runs import Run, StageConfig
from mamebert.stages import names


class ReportConfig(StageConfig):
    """Settings of `mamebert report`."""

    command: ClassVar[str] = "report"
    grows_by: ClassVar[tuple[str, ...]] = ("runs",)
    runs: list[RunPath] = Field(min_length=1)
    """Run folders of earlier stages, in the order the story is told. More may be put behind those of a finished report:
    its page is written anew then."""
    title: str = ""
    """Heading of the page; by default the names of the models."""
    command_line: str = ""
    """The command that made everything, as it was typed."""
    recipe: str = ""
    """Text of the recipe behind that command."""


def report(config: ReportConfig) -> Run:
    """Tell the runs as `report.html` and `report.md` (same tables); the results hold the verdict."""
    from mamebert.reports.page.page import make_page
    from mamebert.reports.page.story import Story
    from mamebert.reports.readings.run_json import as_written
    from mamebert.reports.text.render import plain_spaces, to_html, to_markdown

    check_first(config, check)
    run = Run.start(config)
    if run.finished:
        return run
    with as_written(config.runs):
        story = Story([Run.open(folder) for folder in config.runs])
        page = make_page(story, config.title, config.command_line, config.recipe)
        as_html, as_markdown = to_html(page), to_markdown(page)

    write_text(run.folder / "report.html", as_html)
    write_text(run.folder / "report.md", as_markdown)

    run.results = ReportResults(
        verdict=[plain_spaces(sentence) for sentence in page.verdict], page="report.html", tables="report.md"
    ).written()
    return run.finish()


def check(config: ReportConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: folders that no stage has made or will make."""
    for folder in config.runs:
        yield from ahead.made_by(folder, names(), Run.open)
