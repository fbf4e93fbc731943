"""Everything a compression would be refused for, found before rows or weights are read."""

from pathlib import Path

from pydantic import BaseModel

from mamebert.checkpoints.model_folder import model_folder, read_config
from mamebert.corpus.token_shards import read_manifest
from mamebert.errors import UserError
from mamebert.preflight.ahead import Ahead, Found, tried
from mamebert.preflight.looking import (
    MODELS,
    TABLES,
    check_files,
    compressed_shape,
    look_at_encoder,
)
from mamebert.runs import StageConfig
from mamebert.stages.compress.settings import CompressConfig
from mamebert.training.devices import pick_device


def check_compression(config: CompressConfig, ahead: Ahead) -> Found:
    """Yield what would be refused of a compression."""
    yield from tried(pick_device, config.device)
    for method in config.method:
        yield from tried(method.require)
    if config.shards is not None:
        yield from ahead.made_by(config.shards, ["tokenize"], read_manifest)
    for path in paths_in(config.method):
        yield from ahead.made_by(path, (*MODELS, *TABLES), lambda each: None, inside=True)
    wrong = list(tried(_can_be_smaller, config.model, ahead))
    wrong = wrong or list(ahead.made_by(config.model, MODELS, look_at_encoder, inside=True))
    yield from wrong or tried(_is_for_methods, config, ahead)
    yield from wrong or tried(compressed_shape, config, ahead)
    yield from check_files(config.readers().values())


def _is_for_methods(config: CompressConfig, ahead: Ahead) -> None:
    """Refuse methods that are not for such a model, and a model without anything to learn from or be judged by."""
    from mamebert.stages.compress.compressing import refuse_methods
    from mamebert.stages.compress.judging import refuse_without_text, rows_of

    maker = ahead.maker(config.model)
    is_task = _is_task(config, maker, ahead)
    refuse_methods(config, is_task)
    if not is_task:
        refuse_without_text(config)
    elif not config.readers() and maker is None:
        for reader in rows_of(config.model).values():
            reader.first_rows(1)


def _can_be_smaller(path: Path, ahead: Ahead) -> None:
    """Refuse what a method has made after which nothing comes."""
    maker = ahead.maker(path)
    kind = ""
    if maker is not None and maker.command == "compress" and ahead.inside(path) in ("", "model"):
        last = maker.method[-1]  # type: ignore[attr-defined]
        kind = last.kind if last.is_last else ""
    elif maker is None and path.exists():
        about = read_config(model_folder(path)).get("mamebert")
        kind = about.get("altered_by", "") if isinstance(about, dict) else ""
    if kind:
        raise UserError(
            f"{path} is what {kind} makes, whose numbers are not weights that another method could work on. "
            f"Give the model that it was made from, and put {kind} last in method."
        )


def paths_in(value: object) -> list[Path]:
    """Return the folders that settings name, wherever they stand."""
    if isinstance(value, BaseModel):
        return [path for name in type(value).model_fields for path in paths_in(getattr(value, name))]
    if isinstance(value, list):
        return [path for each in value for path in paths_in(each)]
    return [value] if isinstance(value, Path) else []


def _is_task(config: CompressConfig, maker: StageConfig | None, ahead: Ahead) -> bool:
    from mamebert.compression.goals import TaskGoal
    from mamebert.compression.opening import open_subject

    while maker is not None and maker.command == "compress":
        config = maker  # type: ignore[assignment]
        maker = ahead.maker(config.model)
    if maker is not None:
        return maker.command == "finetune"
    return isinstance(open_subject(config.model, config.objective).goal, TaskGoal)
