"""`mamebert export`: a model as graphs beside its weights."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from mamebert.cli.answering import Model, given_model, given_path
from mamebert.errors import UserError


def export_verb(
    model: Model,
    kind: Annotated[
        str | None,
        typer.Option(help="fill-mask or sentence_embeddings: what an encoder gives, where it can give both."),
    ] = None,
    processor: Annotated[
        str,
        typer.Option("--for", help="Where the bytes are to be multiplied: this, vnni (newer x86, ARM) or older (x86)."),
    ] = "this",
    file: Annotated[Path | None, typer.Option(help="Labelled rows: the task's measures before and after.")] = None,
    reader: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="How the file is read, as in predict.")
    ] = None,
) -> None:
    """ONNX graphs in float32 and in bytes, for other programs, with what they lose."""
    from mamebert.serving.exporting import export

    place, path = given_model(model), given_path(file) if file else None
    rows = (lambda task: _examples(task, path, reader or [])) if path else None
    told = export(place, kind, processor, rows)  # type: ignore[arg-type]  # it tells what there is
    for line in _lines(told):
        print(line)


def _examples(task: Any, file: Path, reader: list[str]) -> Sequence[Any]:
    from mamebert.serving.rows import reader_settings, rows_of
    from mamebert.tasks import NoColumn
    from mamebert.tasks.data.features import Example, Unusable

    found = []
    for number, row in enumerate(rows_of(file, reader_settings(reader), task.columns())):
        with suppress(Unusable, NoColumn):
            inputs = task.inputs(task.row_of(row))
            found.append(Example(inputs, task.gold(task.row_of(row), inputs), number))
    if not found:
        raise UserError(f"There are no labelled rows in {file}. Check the path, and the names of the columns.")
    return found


def _lines(told: dict[str, Any]) -> list[str]:
    lines = [f"outputs: {', '.join(told['outputs'])} ({told['holds']})", told["made_for"]]
    for graph, outputs in told["parity"].items():
        each = ", ".join(
            f"{name} {found['relative_error']:.2%} from float32"
            + (f", {found['same_choice']:.1%} the same choice" if "same_choice" in found else "")
            for name, found in outputs.items()
        )
        lines.append(f"{graph}: {each}")
    measures = told.get("measures", {})
    for graph in (name for name in measures if name != "rows"):
        scores = ", ".join(f"{name} {score:.4f}" for name, score in measures[graph].items())
        lines.append(f"{graph}, {measures['rows']:,} rows: {scores}")
    return lines
