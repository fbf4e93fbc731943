"""The models of the page: their folders, how to call them, and what to do next."""

from pathlib import Path

from mamebert.files.names import file_name
from mamebert.reports.page.story import Story
from mamebert.reports.readings.outcomes import scores_of
from mamebert.reports.text.blocks import Block, Code, Section, Table, cells
from mamebert.results.labelled import LabelledResults
from mamebert.runs import Run


def tell(story: Story) -> list[Section]:
    """Return the section on the folders of models; none where no run of the page has one."""
    found = [(run, place) for run in story.runs for place in _folders(run)]
    if not found:
        return []
    rows = [cells(_title(run, place), str(place)) for run, place in found]
    last, answers = _best(found), found[-1][0].command != "pretrain"
    verb = f"predict {last} --file FILE" if answers else f"fill-mask {last} 'A text with a [MASK] .'"
    blocks: list[Block] = [
        Table("Folders that transformers opens", ["Model", "Folder"], rows, num_text_columns=2),
        Code(f"mamebert {verb}", "On the command line"),
        Code(f'import mamebert\n\nmodel = mamebert.load("{last}")\nmodel(["A text."])', "In Python"),
    ]
    return [Section("models", "The models and how to use them", blocks)]


def _folders(run: Run) -> list[Path]:
    if run.command not in ("pretrain", "finetune", "compress"):
        return []
    found = [*run.final.glob("model/config.json"), *run.final.glob("models/*/config.json")]
    return sorted(config.parent for config in found)


def _best(found: list[tuple[Run, Path]]) -> Path:
    """Return the folder of the last run that is shown in use: of several models the best that was pretrained."""
    run = found[-1][0]
    places = {place.name: place for each, place in found if each is run}
    results = LabelledResults.read(run.results if run.command == "finetune" else {})
    scores = {
        places[name]: told[results.measure].mean
        for model in results.models
        if (name := file_name(model.name)) in places and not model.random_weights
        if results.measure in (told := scores_of(model.scores, len(model.seeds)))
    }
    return max(scores, key=lambda place: scores[place], default=found[-1][1])


def _title(run: Run, place: Path) -> str:
    return f"{run.final.name}: {place.name}" if place.parent.name == "models" else run.final.name


def next_steps(story: Story, shows_mistakes: bool) -> str:
    """Return what to do with the last model of the page; nothing where there is none."""
    found = [(run, place) for run in story.runs for place in _folders(run)]
    if not found:
        return ""
    if found[-1][0].command == "pretrain":
        return (
            f"Next: try it with `mamebert fill-mask {_best(found)}`, then give it a task with `mamebert finetune`, and "
            "labelled rows."
        )
    where = "below" if shows_mistakes else "in the folder answers/ beside the models"
    return (
        f"Next: ask the best model with `mamebert predict {_best(found)} --file FILE`, look at rows it answers wrongly "
        f"({where}), ask it about new rows with `mamebert evaluate`, or make it smaller with `mamebert compress`."
    )
