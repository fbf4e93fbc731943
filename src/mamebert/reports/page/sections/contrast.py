"""Document vectors by contrast: how many crops find their partner, and which words weigh most and least."""

from mamebert.reports.page.sections.corpus import tables
from mamebert.reports.page.story import Story
from mamebert.reports.text.blocks import Answers, Block, Example, Examples, Section
from mamebert.results.contrast import ContrastResults


def tell(story: Story) -> list[Section]:
    """Return the section on document vectors."""
    blocks: list[Block] = []
    for run in story.of("contrast"):
        more = "" if len(story.of("contrast")) == 1 else f": {run.final.name}"
        blocks += tables(run.results, f"The table of document vectors{more}")
        results = ContrastResults.read(run.results)
        words = (("Most", results.heaviest), ("Least", results.lightest))
        items = [Example(title, [Answers("", found)]) for title, found in words if found]
        if items:
            blocks.append(Examples(f"Frequent words that weigh most and least{more}", items, unit="weight"))
    lead = (
        "Two crops of one document should find each other among those of all others. A document's vector is the sum of "
        "its words' vectors, each times its weight."
    )
    return [Section("contrast", "Document vectors", blocks, lead)] if blocks else []
