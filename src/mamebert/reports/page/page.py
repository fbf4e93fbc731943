"""A story told: title, verdict, headline numbers and the sections in their order."""

from mamebert.reports.page.comparison import arenas
from mamebert.reports.page.sections import (
    ablation,
    calibration,
    compression,
    contrast,
    corpus,
    curves,
    epochs,
    fill_mask,
    lengths,
    mistakes,
    models,
    overview,
    probe,
    provenance,
    results,
    rows,
    sizes,
    time,
    transfer,
    vectors,
)
from mamebert.reports.page.story import Story
from mamebert.reports.page.verdict import facts, verdict
from mamebert.reports.readings.run_json import record_of, value_at
from mamebert.reports.text.blocks import Block, Code, Fold, Page, Section

ORDER = (
    overview,
    ablation,
    compression,
    results,
    transfer,
    mistakes,
    calibration,
    models,
    epochs,
    rows,
    lengths,
    time,
    curves,
    sizes,
    probe,
    fill_mask,
    vectors,
    contrast,
    corpus,
    provenance,
)


def make_page(story: Story, title: str = "", command_line: str = "", recipe: str = "") -> Page:
    """Return the page of these runs; `command_line` and `recipe` are shown as they were typed."""
    sections = [section for part in ORDER for section in part.tell(story)]
    asked: list[Block] = [Code(command_line, "The command")] if command_line else []
    asked += [Fold("The recipe", [Code(recipe)])] if recipe else []
    if asked:
        last = sections[-1]
        sections[-1] = Section(last.anchor, last.title, [*asked, *last.blocks], last.lead)
    return Page(
        title=title or _title(story),
        verdict=verdict(story),
        facts=facts(story),
        sections=sections,
        footer=_footer(story, command_line),
        next_steps=models.next_steps(story, any(section.anchor == "mistakes" for section in sections)),
    )


def _title(story: Story) -> str:
    kinds = dict.fromkeys(task.title for task in story.tasks)
    if story.tasks and not story.beside_paper and not story.of("vectors"):
        return f"{len(kinds)} tasks: which model is best?" if len(kinds) > 1 else next(iter(kinds))
    if story.pairs:
        return "Token embeddings: learnt, or fixed by word2vec?"
    if found := arenas(story):
        return f"Smaller models of {' and '.join(dict.fromkeys(t.name for arena in found for t in arena.teachers))}"
    if len(story.tasks) > 1 and not story.pretrained:
        return f"{len(story.tasks)} sets of labelled rows"
    names = [model.name for model in story.pretrained]
    return f"{' and '.join(names)}: cost and quality" if names else "What these runs made"


def _footer(story: Story, command_line: str) -> list[str]:
    dates = sorted(str(date)[:10] for run in story.runs if (date := value_at(record_of(run), "written")))
    days = " to ".join(dict.fromkeys((dates[0], dates[-1]))) if dates else ""
    machines = dict.fromkeys(text for run in story.runs if (text := provenance.machine_of(run)))
    version = next((v for run in reversed(story.runs) if (v := value_at(record_of(run), "versions.mamebert"))), "")
    return [
        line
        for line in (f"Made with mamebert {version}".strip() + (f", {days}" if days else ""), *machines, command_line)
        if line
    ]
