"""Everything an evaluation would be refused for, found before rows or weights are read."""

from collections.abc import Iterable
from pathlib import Path

from mamebert.checkpoints.purposes import VECTORS
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.labelled.rows import NO_MODEL
from mamebert.preflight.ahead import Ahead, Found, refuse, tried
from mamebert.preflight.looking import (
    check_files,
    check_rows,
)
from mamebert.runs import StageConfig
from mamebert.stages.evaluate.settings import EvaluateConfig
from mamebert.tasks import Task
from mamebert.tasks.network.static_network import task_of_table
from mamebert.training.devices import pick_device

ANSWERING = ("finetune", "compress", "contrast", "pretrain")
"""Commands whose models may be asked; of pretrained encoders those that make vectors."""


def check_evaluation(config: EvaluateConfig, ahead: Ahead) -> Found:
    """Yield what would be refused of an evaluation."""
    from mamebert.stages.evaluate.evaluating import first_kept, read_as_kept, readers_of, same_task

    yield from tried(pick_device, config.device)
    yield from tried(readers_of, config)
    if not config.models:
        yield UserError(NO_MODEL)
    found: dict[str, tuple[Task, Kept]] = {}
    for name, path in config.models.items():
        wrong = list(ahead.made_by(path, ANSWERING, lambda each: None, inside=True))
        yield from wrong or tried(lambda n=name, p=path: found.update({n: _task_of(p, config, ahead, n)}))
    if config.models.keys() == found.keys() and found:
        tasks = {name: task for name, (task, _) in found.items()}
        wrong = list(tried(same_task, config.task, tasks))
        yield from wrong
        if not wrong:
            task, kept = (
                next(iter(same_task(config.task, tasks).values())),
                first_kept(kept for _, kept in found.values()),
            )
            yield from tried(
                lambda: _look_at_all(task, read_as_kept(config, kept, task.columns(), str).tested().values())
            )
            return
    yield from check_files(config.tested().values())


def _look_at_all(task: Task, readers: Iterable[Reader]) -> None:
    refuse(check_rows(task, readers))


def _task_of(path: Path, config: EvaluateConfig, ahead: Ahead, name: str) -> tuple[Task, Kept]:
    """Return what a model does, or will do when it is made, and how its training rows were or will be read."""
    from mamebert.stages.evaluate.evaluating import open_model

    maker: StageConfig | None = ahead.maker(path)
    if maker is None:
        model = open_model(path, config, name)
        return model.task, model.kept
    if maker.command == "compress":
        return _task_of(maker.model, config, ahead, name)  # type: ignore[attr-defined]
    if maker.command == "pretrain":
        if config.task.get("kind") == VECTORS or maker.objective.modules:  # type: ignore[attr-defined]
            return Task.find(VECTORS)(), Kept()
        raise UserError(f"{path} will hold a pretrained encoder, which answers no task. Fine-tune it first.")
    if maker.command == "contrast":
        return task_of_table(), Kept()
    task: Task = maker.task  # type: ignore[attr-defined]
    return task, Kept.of(maker.source or maker.train)  # type: ignore[attr-defined]
