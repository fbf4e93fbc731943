"""What `mamebert report` ends with."""

from pydantic import Field

from mamebert.results.entry import Entry


class ReportResults(Entry):
    """The results of a report."""

    verdict: list[str] = Field(default=[])
    """Sentences of the page's first screen."""
    page: str | None = None
    """File in the folder of the run, in HTML."""
    tables: str | None = None
    """File with the same tables, in Markdown."""
