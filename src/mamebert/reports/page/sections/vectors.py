"""The word2vec table: how much of the vocabulary it covers, and which words it holds for neighbours."""

from mamebert.reports.page.sections.corpus import tables
from mamebert.reports.page.story import Story
from mamebert.reports.text.blocks import Answers, Block, Example, Examples, Section, Text
from mamebert.results.vectors import VectorsResults


def tell(story: Story) -> list[Section]:
    """Return the section on word vectors."""
    blocks: list[Block] = []
    for run in story.of("vectors"):
        more = "" if len(story.of("vectors")) == 1 else f": {run.final.name}"
        numbers = {name: value for name, value in run.results.items() if name not in ("neighbours", "collapsed")}
        blocks += tables(numbers, f"The table of word vectors{more}")
        results = VectorsResults.read(run.results)
        if results.collapsed:
            blocks.append(
                Text(["These vectors have collapsed: all lie in one direction, and neighbours mean nothing."])
            )
        items = [Example(word, [Answers("", near[:8])]) for word, near in results.neighbours.items() if near]
        if items:
            blocks.append(Examples(f"Nearest neighbours{more}", items, unit="cosine"))
    lead = "word2vec (CBOW) is trained on the same tokens; its vectors become the fixed token embeddings of W."
    return [Section("vectors", "Word vectors", blocks, lead)] if blocks else []
