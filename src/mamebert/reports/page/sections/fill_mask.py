"""Words that the encoders put in the place of [MASK]."""

from mamebert.reports.page.story import Story
from mamebert.reports.readings.run_json import listed, value_at
from mamebert.reports.text.blocks import Answers, Example, Examples, Section
from mamebert.reports.text.number_format import is_number


def tell(story: Story) -> list[Section]:
    """Return the section on fill-mask: every sentence once, with the answers of each model."""
    answers: dict[str, list[Answers]] = {}
    for model in story.pretrained:
        for asked in listed(model.results, "fill_mask"):
            found = [(str(c[0]), float(c[1])) for c in listed(asked, "candidates") if len(c) == 2 and is_number(c[1])]
            if found:
                answers.setdefault(str(value_at(asked, "text", "")), []).append(Answers(model.name, found[:5]))
    items = [Example(text, given) for text, given in answers.items()]
    return (
        [Section("fill-mask", "Filling in [MASK]", [Examples("Likeliest words", items, unit="probability")])]
        if items
        else []
    )
