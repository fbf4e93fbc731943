"""One verb per stage and a few more, with settings from a TOML file and key=value pairs."""

import json
from pathlib import Path
from typing import Annotated

import typer

import mamebert
from mamebert import stages
from mamebert.cli.answering import fill_mask_verb, predict_verb
from mamebert.cli.export_words import export_verb
from mamebert.cli.init_words import init_verb
from mamebert.cli.mistakes import Verbs
from mamebert.cli.options import DryRun, ShowSettings, Words
from mamebert.cli.order import GROUP_OF, ORDER
from mamebert.cli.push_words import push_verb
from mamebert.cli.serve_words import serve_verb
from mamebert.cli.telling import print_end, print_findings, prospect, tell_plan
from mamebert.config import Config, build, described, read_settings, with_environment
from mamebert.files.disk import temporary_folder
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
    if _command not in ("evaluate", "probe", "report"):  # they have words and options of their own
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


@app.command(
    "report",
    help=_first_line("report"),
    rich_help_panel=GROUP_OF["report"],
    context_settings={"ignore_unknown_options": True},
)
def report_verb(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="RUN... --output PAGE [FILE.toml] [KEY=VALUE]...", help="Folders of earlier runs, and settings."
        ),
    ] = None,
    show: ShowSettings = False,
    dry_run: DryRun = False,
) -> None:
    """Make a page of earlier runs."""
    from mamebert.cli.report_words import report_settings

    if show:
        _show_settings(stages.find("report")[0], words or [])
        return
    config = build(stages.find("report")[0], with_environment(report_settings(words or [])))
    if done := _planned_or_done("report", config, dry_run):
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


app.command("init", rich_help_panel=GROUP_OF["init"])(init_verb)


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


app.command("fill-mask", rich_help_panel=GROUP_OF["fill-mask"])(fill_mask_verb)
app.command("predict", rich_help_panel=GROUP_OF["predict"])(predict_verb)
app.command("export", rich_help_panel=GROUP_OF["export"])(export_verb)
app.command("push", rich_help_panel=GROUP_OF["push"])(push_verb)


app.command("serve", rich_help_panel=GROUP_OF["serve"], context_settings={"ignore_unknown_options": True})(serve_verb)


@app.command("doctor", rich_help_panel=GROUP_OF["doctor"])
def doctor_verb() -> None:
    """What this machine has, and which path a training takes on it and why."""
    from mamebert.doctor import findings

    for finding in findings():
        print(finding, flush=True)


app.registered_commands.sort(key=lambda each: ORDER.index(each.name) if each.name in ORDER else len(ORDER))
