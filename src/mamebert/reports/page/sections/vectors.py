"""The word2vec table: how much of the vocabulary it covers, and which words it holds for neighbours."""

from mamebert.reports.page.sections.corpus import tables
from mamebert.reports.page.story import Story
from mamebert.reports.readings.run_json import value_at
from mamebert.reports.text.blocks import Answers, Block, Example, Examples, Section, Text
from mamebert.reports.text.number_format import is_number


def tell(story: Story) -> list[Section]:
    """Return the section on word vectors."""
    blocks: list[Block] = []
    for run in story.of("vectors"):
        more = "" if len(story.of("vectors")) == 1 else f": {run.final.name}"
        numbers = {name: value for name, value in run.results.items() if name not in ("neighbours", "collapsed")}
        blocks += tables(numbers, f"The table of word vectors{more}")
        if run.results.get("collapsed"):
            blocks.append(
                Text(["These vectors have collapsed: all lie in one direction, and neighbours mean nothing."])
            )
        items = [
            Example(
                str(word),
                [Answers("", [(str(n[0]), float(n[1])) for n in near if len(n) == 2 and is_number(n[1])][:8])],
            )
            for word, near in value_at(run.results, "neighbours", {}).items()
        ]
        if items := [item for item in items if item.answers[0].words]:
            blocks.append(Examples(f"Nearest neighbours{more}", items, unit="cosine"))
    lead = "word2vec (CBOW) is trained on the same tokens; its vectors become the fixed token embeddings of W."
    return [Section("vectors", "Word vectors", blocks, lead)] if blocks else []
