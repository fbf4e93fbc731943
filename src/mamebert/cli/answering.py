"""`mamebert fill-mask` and `mamebert predict`: models that answer."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from mamebert.config import with_environment
from mamebert.errors import UserError
from mamebert.files.names import path_of
from mamebert.files.shipped import folder_of

Model = Annotated[
    Path, typer.Argument(help="A model folder, the run folder that holds it, or the name of a shipped model.")
]


def fill_mask_verb(
    model: Model,
    texts: Annotated[list[str], typer.Argument(help="Texts with [MASK] where a word is wanted.")],
    top: Annotated[int, typer.Option(help="Candidates for each [MASK].", min=1)] = 5,
) -> None:
    """Print the likeliest words for each [MASK], as JSON lines."""
    from mamebert.serving.load import load
    from mamebert.serving.spelling import as_json

    for text, masks in zip(texts, load(given_model(model), "fill-mask")(texts, top=top), strict=True):
        print(as_json({"text": text, "masks": masks}))


def predict_verb(
    model: Model,
    texts: Annotated[list[str] | None, typer.Argument(help="Texts; without any, --file is read.")] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            help="A .txt (a text per line), .jsonl, .csv, .tsv, .parquet or .conllu file; - is standard input."
        ),
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="What the file is: files, conll, conllu, squad ... Else its ending tells, or how the training rows "
            "were read."
        ),
    ] = None,
    reader: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="How the file is read, as source in a settings file: format=csv, separator=tab, encoding=cp932, "
            "columns.text=sentence.",
        ),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="The file to write; else, or with -, it is standard output.")] = None,
    form: Annotated[
        str | None, typer.Option("--format", help="jsonl, csv, tsv or parquet; else --out's ending tells, or jsonl.")
    ] = None,
    precision: Annotated[
        str,
        typer.Option(help="auto, float32, bfloat16, or int8: products of 16 or 8 bits, faster, a little less exact."),
    ] = "auto",
) -> None:
    """Print an answer for each text or row, as JSON lines or a table; what is killed goes on where it stopped."""
    from mamebert.checkpoints.model_folder import model_folder
    from mamebert.serving.answer_tables import format_of
    from mamebert.serving.begun import Begun
    from mamebert.serving.load import load
    from mamebert.serving.outputs import refuse_to_write_over
    from mamebert.serving.predict import predict
    from mamebert.serving.rows import STDIN, reader_settings

    if bool(texts) == (file is not None):
        fact = "There is nothing to predict" if not texts else "Both texts and a file are given"
        raise UserError(f"{fact}. Give texts, or a file with --file.")
    model, file, out = given_model(model), *(given_path(each) if each else None for each in (file, out))
    out = None if out == STDIN else out  # a file called so is named with its folder
    refuse_to_write_over(out, file, model_folder(model))
    written_as = format_of(out, form)
    answer = load(model, "task", precision=precision)  # type: ignore[call-overload]  # it tells what there is
    settings = reader_settings([*([f"kind={kind}"] if kind else []), *(reader or [])])
    items = texts or answer.rows(file or Path(), **settings)
    begun = Begun.by(model_folder(model), file, precision=precision, reader=settings)
    predict(answer, items, out, bool(file), written_as, begun)


def given_path(given: Path, meaning: Callable[[str], Path] = path_of) -> Path:
    """Return a path of the command line, with variables and the home folder filled in; else a UserError."""
    try:
        return meaning(with_environment(str(given)))
    except ValueError as error:
        raise UserError(str(error)) from error


def given_model(given: Path) -> Path:
    """Return the folder of a model on the command line, which may be called by the name of a shipped one."""
    return given_path(given, folder_of)
