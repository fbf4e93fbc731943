"""What fine-tuning, evaluating and compressing would be refused for, told before rows or weights are read."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import BaseModel

from mamebert.checkpoints.model_folder import model_folder, read_config
from mamebert.corpus.readers import Reader
from mamebert.corpus.readers._kept import Kept
from mamebert.corpus.token_shards import read_manifest
from mamebert.errors import UserError
from mamebert.runs import StageConfig
from mamebert.stages._ahead import Ahead, Found, refuse, tried
from mamebert.stages._looking import MODELS, compressed_shape, look_at_encoder, look_at_rows, shape_of
from mamebert.stages._search import check_search
from mamebert.tasks import Task
from mamebert.tasks._network import require_room
from mamebert.training.devices import pick_device
from mamebert.vectors.table import VectorTable

if TYPE_CHECKING:
    from mamebert.stages.compress import CompressConfig
    from mamebert.stages.evaluate import EvaluateConfig
    from mamebert.stages.finetune import FinetuneConfig

TRAINED = ("finetune", "compress")


def check_finetuning(config: "FinetuneConfig", ahead: Ahead) -> Found:
    """Yield what would be refused of a fine-tuning."""
    yield from tried(pick_device, config.training.device)
    yield from tried(lambda: list(check_search(config)))
    for name, path in config.models.items():
        wrong = list(ahead.made_by(path, MODELS, look_at_encoder, inside=True))
        yield from wrong or tried(_has_room, config.task, name, path, ahead)
    if config.vectors is not None:
        yield from ahead.made_by(config.vectors, ["vectors"], VectorTable.open)
    yield from _check_rows(config.task, config.readers().values())


def check_evaluation(config: "EvaluateConfig", ahead: Ahead) -> Found:
    """Yield what would be refused of an evaluation."""
    from mamebert.stages._evaluating import first_kept, read_as_kept, readers_of, same_task

    yield from tried(pick_device, config.device)
    yield from tried(readers_of, config)
    if not config.models:
        yield UserError("No model is given. Name one as model=FOLDER, or several as models.NAME=FOLDER.")
    found: dict[str, tuple[Task, Kept]] = {}
    for name, path in config.models.items():
        wrong = list(ahead.made_by(path, TRAINED, lambda each: None, inside=True))
        yield from wrong or tried(lambda n=name, p=path: found.update({n: _task_of(p, config, ahead)}))
    if config.models.keys() == found.keys() and found:
        tasks = {name: task for name, (task, _) in found.items()}
        wrong = list(tried(same_task, config, tasks))
        yield from wrong
        if not wrong:
            task, kept = next(iter(same_task(config, tasks).values())), first_kept(kept for _, kept in found.values())
            yield from tried(
                lambda: _look_at_all(task, read_as_kept(config, kept, task.columns(), str).tested().values())
            )
            return
    yield from _check_files(config.tested().values())


def check_compression(config: "CompressConfig", ahead: Ahead) -> Found:
    """Yield what would be refused of a compression."""
    yield from tried(pick_device, config.device)
    for method in config.method:
        yield from tried(method.require)
    if config.shards is not None:
        yield from ahead.made_by(config.shards, ["tokenize"], read_manifest)
    for path in paths_in(config.method):
        yield from ahead.made_by(path, (*MODELS, "vectors"), lambda each: None, inside=True)
    wrong = list(tried(_can_be_smaller, config.model, ahead))
    wrong = wrong or list(ahead.made_by(config.model, MODELS, look_at_encoder, inside=True))
    yield from wrong or tried(_is_for_methods, config, ahead)
    yield from wrong or tried(compressed_shape, config, ahead)
    yield from _check_files(config.readers().values())


def _check_rows(task: Task, readers: Iterable[Reader]) -> Found:
    for reader in readers:
        yield from tried(look_at_rows, task, reader)


def _check_files(readers: Iterable[Reader]) -> Found:
    for reader in readers:
        yield from tried(reader.first_rows, 1)


def _has_room(task: Task, name: str, path: Path, ahead: Ahead) -> None:
    shape = shape_of(path, ahead)
    if shape is not None:
        require_room("task", task.max_length, name, shape.max_position_embeddings)


def _look_at_all(task: Task, readers: Iterable[Reader]) -> None:
    refuse(_check_rows(task, readers))


def _task_of(path: Path, config: "EvaluateConfig", ahead: Ahead) -> tuple[Task, Kept]:
    """Return what a model does, or will do when it is made, and how its training rows were or will be read."""
    from mamebert.stages._evaluating import open_model

    maker: StageConfig | None = ahead.maker(path)
    if maker is None:
        model = open_model(path, config)
        return model.task, model.kept
    if maker.command == "compress":
        return _task_of(maker.model, config, ahead)  # type: ignore[attr-defined]
    if maker.command == "pretrain":
        raise UserError(f"{path} will hold a pretrained encoder, which answers no task. Fine-tune it first.")
    task: Task = maker.task  # type: ignore[attr-defined]
    return task, Kept.of(maker.source or maker.train)  # type: ignore[attr-defined]


def _is_for_methods(config: "CompressConfig", ahead: Ahead) -> None:
    """Refuse methods that are not for such a model, and a model without anything to learn from or be judged by."""
    from mamebert.stages._compressing import refuse_methods
    from mamebert.stages._judging import refuse_without_text, rows_of

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
            f"{path} is what {kind} makes, whose numbers are no weights that another method could work on. "
            f"Give the model that it was made from, and put {kind} last in method."
        )


def paths_in(value: object) -> list[Path]:
    """Return the folders that settings name, wherever they stand."""
    if isinstance(value, BaseModel):
        return [path for name in type(value).model_fields for path in paths_in(getattr(value, name))]
    if isinstance(value, list):
        return [path for each in value for path in paths_in(each)]
    return [value] if isinstance(value, Path) else []


def _is_task(config: "CompressConfig", maker: StageConfig | None, ahead: Ahead) -> bool:
    from mamebert.compression._goals import TaskGoal
    from mamebert.compression._opening import open_subject

    while maker is not None and maker.command == "compress":
        config = maker  # type: ignore[assignment]
        maker = ahead.maker(config.model)
    if maker is not None:
        return maker.command == "finetune"
    return isinstance(open_subject(config.model, config.objective).goal, TaskGoal)
