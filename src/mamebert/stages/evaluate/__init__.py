"""`mamebert evaluate`: fine-tuned models and labelled rows in, their scores and what tells them apart out."""

from mamebert.preflight.ahead import Ahead, Found, check_first
from mamebert.runs import Run
from mamebert.stages.evaluate.settings import EvaluateConfig


def evaluate(config: EvaluateConfig) -> Run:
    """Ask every model about the same rows; leave scores, every answer, and a test of the difference of any two."""
    from mamebert.stages.evaluate.evaluating import Evaluating

    check_first(config, check)
    run = Run.start(config, config.fingerprint())
    if run.finished:
        return run
    work = Evaluating(config, run)
    work.tell_rows()
    work.ask_models()
    work.compare()
    return run.finish()


def check(config: EvaluateConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: rows, columns and models that are not there or do not fit, a missing device."""
    from mamebert.stages.evaluate.checks import check_evaluation

    yield from check_evaluation(config, ahead)
