"""What commands print: plans before the work, and where its result is after it."""

import json
from pathlib import Path
from shlex import quote
from typing import Any

from mamebert import stages
from mamebert.progress import say
from mamebert.ranks import is_main_process
from mamebert.recipes import Prospect
from mamebert.results.probe import ProbedModel, ProbeResults
from mamebert.runs import Run


def prospect(found: Prospect, width: int) -> str:
    """Return what will become of one stage of a recipe, in a line; `width` is that of the longest name."""
    words = {"finished": "is finished", "begun": "goes on where it stopped", "new": "will run"}
    words["again"] = f"will be done again: {found.why_again}"
    told = f"{found.stage.name:{width}}  {words[found.state]}"
    if found.refusals:
        told = f"{found.stage.name:{width}}  would be refused: {' '.join(map(str, found.refusals))}"
    return f"{told} ({found.outlook})" if found.outlook else told


def tell_plan(command: str, config: Any) -> None:
    """Print the resolved settings of a stage, and what it will take where it can say so, as JSON."""
    if not is_main_process():
        return
    told: dict[str, Any] = {"settings": config.model_dump(mode="json")}
    if estimate := stages.of(command, "estimate"):
        told["estimate"] = estimate(config)
    print(json.dumps(told, ensure_ascii=False, indent=1))


def print_end(done: Run) -> None:
    """Print the page of a finished run, or its folder, and tell where its models are."""
    if not is_main_process():
        return
    page = done.folder / "report.html"
    tell_models(done.folder)
    print(page.resolve() if page.is_file() else done.folder)


def print_findings(done: Run, as_json: bool) -> None:
    """Print what a probe found out: a line of figures for each encoder."""
    if not is_main_process():
        return
    results = ProbeResults.read(done.results)
    for model in results.models:
        figures = {name: int(value) if float(value).is_integer() else value for name, value in model.figures.items()}
        if as_json:
            whole = {"kind": results.kind, "model": model.name, "path": model.path, **figures, **_more(model)}
            print(json.dumps(whole, ensure_ascii=False))
        else:
            told = ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in figures.items())
            print(f"{model.name}: {told}")
            for example in model.examples:
                answers = ", ".join(f"{text} {value:.3f}" for text, value in example.answers)
                print(f"  {example.prompt}: {answers}" if answers else f"  {example.prompt}")


def _more(model: ProbedModel) -> dict[str, Any]:
    """Return tables by their titles, and texts, as JSON."""
    tables = {table.title: {row.name: row.figures for row in table.rows} for table in model.tables}
    examples = [each.model_dump() for each in model.examples]
    return ({"tables": tables} if tables else {}) | ({"examples": examples} if examples else {})


def tell_models(folder: Path) -> None:
    """Say where the models of a run are, and a command that uses each."""
    from mamebert.checkpoints.sentence_modules import MODULES  # torch comes with it, which --help does without

    for config in sorted([*folder.glob("model/config.json"), *folder.glob("models/*/config.json")]):
        kinds = json.loads(config.read_text(encoding="utf-8")).get("architectures") or [""]  # it was just written
        has_words = Run.open(folder).command == "pretrain" or str(kinds[0]).endswith(("ForMaskedLM", "ForPreTraining"))
        fills_masks = has_words and not config.with_name(MODULES).is_file()
        verb = "fill-mask {} 'A [MASK] .'" if fills_masks else "predict {} --file FILE"
        usable = verb.format(quote(str(config.parent)))
        say(f"The model is {config.parent} (Hugging Face format). Use it: mamebert {usable}")
