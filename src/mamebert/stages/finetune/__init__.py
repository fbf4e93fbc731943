"""`mamebert finetune`: encoders and labelled rows in, task models and a verdict out."""

from mamebert.preflight.ahead import Ahead, Found, check_first
from mamebert.runs import Run
from mamebert.stages.finetune.settings import FinetuneConfig


def finetune(config: FinetuneConfig) -> Run:
    """Train every model with every seed on the same rows; leave the best of each, and all their numbers."""
    from mamebert.stages.finetune.at_once import train_at_once
    from mamebert.stages.finetune.candidates import candidates
    from mamebert.stages.finetune.finetuning import Finetuning

    check_first(config, check)
    run = Run.start(config, config.fingerprint())
    if run.finished:
        return run
    work = Finetuning(config, run)
    work.tell_rows()
    work.ask_baselines()
    train_at_once(work)
    for model in candidates(config):
        work.train_all_seeds(model)
    work.compare()
    work.save()
    return run.finish()


def check(config: FinetuneConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: rows, columns and models that are not there or do not fit, a missing device."""
    from mamebert.stages.finetune.checks import check_finetuning

    yield from check_finetuning(config, ahead)


def outlook(config: FinetuneConfig, ahead: Ahead) -> str:
    """Return how many trainings there are, searches apart."""
    number = len(config.models) * (2 if config.random_weights else 1) * len(config.seeds)
    training = config.training
    length = f"at most {training.epochs} epochs" if training.epochs else f"at most {training.steps} steps"
    if not training.epochs and not training.steps:
        length = "as many epochs as the rows need"
    return f"{number} training{'s' if number > 1 else ''} of {length}"
