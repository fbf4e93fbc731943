"""Provenance: commands, settings, versions, machine, seconds of each stage."""

import shlex
from collections import Counter
from typing import Any

from mamebert.config import walk
from mamebert.reports.page.story import Story
from mamebert.reports.readings.run_json import record_of, value_at
from mamebert.reports.text.blocks import Block, Code, Fold, Section, Table, cells
from mamebert.reports.text.number_format import clock
from mamebert.results.labelled import LabelledResults
from mamebert.runs import Run


def tell(story: Story) -> list[Section]:
    """Return the last section of the page."""
    rows = [
        cells(
            run.command,
            str(run.final),
            str(value_at(record_of(run), "written", ""))[:16].replace("T", " "),
            clock(run.seconds),
        )
        for run in story.runs
    ]
    rows.append(cells("All", "", "", clock(sum(run.seconds for run in story.runs))))
    blocks: list[Block] = [
        Code("\n".join(command(run) for run in story.runs), "Each stage alone: a run.json is accepted as settings"),
        Table("Seconds of each stage", ["Stage", "Folder", "Finished (UTC)", "Time"], rows, num_text_columns=3),
        *_machines(story),
        *(block for run in story.runs for block in _decided(run)),
        *(_settings(run) for run in story.runs),
    ]
    return [Section("again", "How it was made", blocks)]


def command(run: Run) -> str:
    """Return a command that makes this run again."""
    return f"mamebert {run.command} {shlex.quote(str(run.final / 'run.json'))}"


def machine_of(run: Run) -> str:
    """Return processor, cores and system in one line."""
    told = value_at(record_of(run), "machine", {})
    cores = f"{told['cores']} cores" if told.get("cores") else ""
    known = {"processor", "cores", "system"}
    others = [f"{name} {value}" for name, value in walk({k: v for k, v in told.items() if k not in known}) if value]
    return ", ".join(str(part) for part in (told.get("processor"), cores, *others, told.get("system")) if part)


def versions_of(run: Run) -> str:
    """Return the versions of Python and of the packages in one line."""
    return ", ".join(f"{name} {number}" for name, number in value_at(record_of(run), "versions", {}).items())


def _machines(story: Story) -> list[Block]:
    rows = []
    for title, told in (("Machine", machine_of), ("Versions", versions_of)):
        found: dict[str, list[str]] = {}
        for run in story.runs:
            if text := told(run):
                found.setdefault(text, []).append(run.final.name)
        rows += [
            cells(title if len(found) == 1 else f"{title} of {', '.join(names)}", text) for text, names in found.items()
        ]
    return [Table("Hardware and versions", ["", ""], rows, num_text_columns=2)] if rows else []


def _settings(run: Run) -> Fold:
    rows = [cells(name, _typed(value)) for name, value in walk(run.settings)]
    return Fold(
        f"Settings of {run.command} ({run.final.name})",
        [Table(f"Settings of {run.final.name}", ["Setting", "Value"], rows, num_text_columns=2)],
    )


def _decided(run: Run) -> list[Block]:
    """Return the table of what a fine-tuning decided itself, where its settings left something open."""
    models = LabelledResults.read(run.results if run.command == "finetune" else {}).models
    found: dict[tuple[str, str], list[str]] = {}
    for model in models:
        for name, value in model.decided.items():
            found.setdefault((name, str(_typed(value))), []).append(model.name)
    values = Counter(name for name, _ in found)
    rows = [
        cells(name, value, "all" if values[name] == 1 else ", ".join(dict.fromkeys(of)))
        for (name, value), of in sorted(found.items())
    ]
    title = f"What the settings of {run.final.name} left open, and so was decided by encoder and rows"
    return [Table(title, ["Setting", "Value", "Models"], rows, num_text_columns=3)] if rows else []


def _typed(value: Any) -> str:
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
