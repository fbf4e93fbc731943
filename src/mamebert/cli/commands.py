"""One verb per stage and a few more, with settings from a TOML file and key=value pairs."""

import json
from pathlib import Path
from typing import Annotated

import typer

import mamebert
from mamebert import stages
from mamebert.cli.mistakes import Verbs
from mamebert.cli.options import DryRun, ShowSettings, Words
from mamebert.cli.order import GROUP_OF, ORDER
from mamebert.cli.serve_words import serve_verb
from mamebert.cli.telling import print_end, print_findings, prospect, tell_plan
from mamebert.config import Config, build, described, read_settings, with_environment
from mamebert.errors import UserError
from mamebert.files.disk import temporary_folder
from mamebert.files.names import path_of
from mamebert.preflight.ahead import check_and_compare
from mamebert.progress import say
from mamebert.ranks import is_main_process
from mamebert.runs import Run, StageConfig

app = typer.Typer(
    cls=Verbs,
    help="From raw text to a small BERT that transformers opens.",
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)


def _print_version(asked: bool) -> None:
    if asked:
        print(f"mamebert {mamebert.__version__}")
        raise typer.Exit


@app.callback()
def _before_the_command(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print which mamebert this is, and stop."
        ),
    ] = False,
) -> None:
    pass


Model = Annotated[Path, typer.Argument(help="A model folder, or the run folder that holds it.")]


def _add_stage(command: str) -> None:
    def verb(settings: Words = None, show: ShowSettings = False, dry_run: DryRun = False) -> None:
        _do_stage(command, settings or [], show, dry_run)

    app.command(command, help=_first_line(command), rich_help_panel=GROUP_OF.get(command))(verb)


def _do_stage(command: str, words: list[str], show: bool, dry_run: bool) -> None:
    kind, _ = stages.find(command)
    if show:
        _show_settings(kind, words)
        return
    config = build(kind, with_environment(read_settings(words)))
    if done := _planned_or_done(command, config, dry_run):
        print_end(done)


def _planned_or_done(command: str, config: StageConfig, dry_run: bool) -> Run | None:
    """Do a stage and return its run; with `dry_run` tell the plan alone."""
    if dry_run:
        check_and_compare(config, stages.of(command, "check"))
        tell_plan(command, config)
        return None
    return stages.do(command, config)


def _show_settings(kind: type[Config], words: list[str]) -> None:
    print("\n".join(described(kind, words[0] if words else "")))


def _first_line(command: str) -> str:
    """Read a stage's first docstring line without importing it, so that --help stays quick."""
    place = Path(stages.__file__).with_name(command)
    file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
    source = file.read_text(encoding="utf-8")
    told = source.split('"""')[1].strip()
    line = told.partition(": ")[2] or told
    return line[0].upper() + line[1:]


for _command in stages.names():
    if _command not in ("evaluate", "probe"):  # they have words and options of their own
        _add_stage(_command)


@app.command("evaluate", help=_first_line("evaluate"), rich_help_panel=GROUP_OF["evaluate"])
def evaluate_verb(
    settings: Words = None,
    show: ShowSettings = False,
    dry_run: DryRun = False,
    check_data: Annotated[bool, typer.Option("--check-data", hidden=True)] = False,
) -> None:
    """Ask fine-tuned models about labelled rows."""
    if not check_data:
        _do_stage("evaluate", settings or [], show, dry_run)
        return
    say("`mamebert evaluate --check-data` is called `mamebert inspect` now.")
    inspect_verb(settings, show)


@app.command(
    "probe",
    help=_first_line("probe"),
    rich_help_panel=GROUP_OF["probe"],
    context_settings={"ignore_unknown_options": True},
)
def probe_verb(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="KIND MODEL... [--NAME VALUE]... [FILE.toml] [KEY=VALUE]...",
            help="What is asked, of which encoders, and settings. Without output=FOLDER nothing is kept.",
        ),
    ] = None,
    show: ShowSettings = False,
    dry_run: DryRun = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON, a line for each encoder.")] = False,
) -> None:
    """Put a question to encoders."""
    from mamebert.cli.probe_words import probe_settings

    if show:
        _show_settings(stages.find("probe")[0], words or [])
        return
    given = with_environment(probe_settings(words or []))
    with temporary_folder() as scratch:
        is_kept = "output" in given
        config = build(stages.find("probe")[0], given if is_kept else {**given, "output": scratch / "probe"})
        done = _planned_or_done("probe", config, dry_run)
        if done:
            print_findings(done, as_json)
        if done and is_kept and not as_json:
            print_end(done)


@app.command("inspect", rich_help_panel=GROUP_OF["inspect"])
def inspect_verb(settings: Words = None, show: ShowSettings = False) -> None:
    """Labelled rows, looked at before training: counts, labels, lengths, duplicates, first rows."""
    from mamebert.inspection import inspect
    from mamebert.inspection.settings import InspectConfig, play_no_part

    if show:
        _show_settings(InspectConfig, settings or [])
        return
    given = with_environment(read_settings(settings or []))
    config = build(InspectConfig, given)
    if names := play_no_part(given):
        say(f"Settings of other commands, which play no part here: {', '.join(names)}.")
    inspect(config)


@app.command("run", rich_help_panel=GROUP_OF["run"])
def run(
    recipe: Annotated[
        list[str],
        typer.Argument(
            metavar="RECIPE.toml [STAGE.KEY=VALUE]...", help="A recipe; variant=NAME picks one of its variants."
        ),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Look at everything, tell each stage in a line, and stop.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --dry-run, print the settings of all stages.")] = False,
) -> None:
    """Every stage of a recipe, in order; finished stages are skipped."""
    from mamebert.recipes import look_ahead, plan, refuse_ahead

    planned = plan(recipe)
    prospects = []
    for number, found in enumerate(look_ahead(planned), start=1):
        prospects.append(found)
        if dry_run and not as_json and is_main_process():
            print(f"[{number}/{len(planned)}] {prospect(found, max(len(stage.name) for stage in planned))}")
    if dry_run and as_json and is_main_process():
        told = {found.stage.name: found.config.model_dump(mode="json") for found in prospects}
        print(json.dumps(told, ensure_ascii=False, indent=1))
    refuse_ahead(prospects)
    if dry_run:
        return
    for number, found in enumerate(prospects, start=1):
        stage, already = f"[{number}/{len(planned)}] {found.stage.name}", found.state == "finished"
        if not already:
            say(stage)
        done = stages.do(found.stage.command, found.config)
        say(f"{stage} {'was there already' if already else 'took'} {done.seconds:.1f} s -> {done.folder}")
    print_end(done)


@app.command("fill-mask", rich_help_panel=GROUP_OF["fill-mask"])
def fill_mask_verb(
    model: Model,
    texts: Annotated[list[str], typer.Argument(help="Texts with [MASK] where a word is wanted.")],
    top: Annotated[int, typer.Option(help="Candidates for each [MASK].", min=1)] = 5,
) -> None:
    """Print the likeliest words for each [MASK], as JSON lines."""
    from mamebert.serving.load import load
    from mamebert.serving.spelling import as_json

    for text, masks in zip(texts, load(_path(model), "fill-mask")(texts, top=top), strict=True):
        print(as_json({"text": text, "masks": masks}))


@app.command("predict", rich_help_panel=GROUP_OF["predict"])
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
        str, typer.Option(help="auto, float32, or int8: products of 8 bits, faster on a CPU, a little less exact.")
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
    model, file, out = _path(model), *(_path(each) if each else None for each in (file, out))
    out = None if out == STDIN else out  # a file called so is named with its folder
    refuse_to_write_over(out, file, model_folder(model))
    written_as = format_of(out, form)
    answer = load(model, "task", precision=precision)  # type: ignore[call-overload]  # it tells what there is
    settings = reader_settings([*([f"kind={kind}"] if kind else []), *(reader or [])])
    items = texts or answer.rows(file or Path(), **settings)
    begun = Begun.by(model_folder(model), file, precision=precision, reader=settings)
    predict(answer, items, out, bool(file), written_as, begun)


app.command("serve", rich_help_panel=GROUP_OF["serve"], context_settings={"ignore_unknown_options": True})(serve_verb)


@app.command("doctor", rich_help_panel=GROUP_OF["doctor"])
def doctor_verb() -> None:
    """What this machine has, and which path a training takes on it and why."""
    from mamebert.doctor import findings

    for finding in findings():
        print(finding, flush=True)


def _path(given: Path) -> Path:
    try:
        return path_of(with_environment(str(given)))
    except ValueError as error:
        raise UserError(str(error)) from error


app.registered_commands.sort(key=lambda each: ORDER.index(each.name) if each.name in ORDER else len(ORDER))
