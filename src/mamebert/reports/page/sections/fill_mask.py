"""Words that the encoders put in the place of [MASK]."""

from mamebert.reports.page.story import Story
from mamebert.reports.text.blocks import Answers, Example, Examples, Section


def tell(story: Story) -> list[Section]:
    """Return the section on fill-mask: every sentence once, with the answers of each model."""
    answers: dict[str, list[Answers]] = {}
    for model in story.pretrained:
        for asked in model.results.fill_mask:
            if asked.candidates:
                answers.setdefault(asked.text, []).append(Answers(model.name, asked.candidates[:5]))
    items = [Example(text, given) for text, given in answers.items()]
    return (
        [Section("fill-mask", "Filling in [MASK]", [Examples("Likeliest words", items, unit="probability")])]
        if items
        else []
    )
