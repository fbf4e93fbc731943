"""`mamebert compress`: a model in, a smaller one, measured beside it, out."""

from mamebert.preflight.ahead import Ahead, Found, check_first
from mamebert.runs import Run
from mamebert.stages.compress.settings import CompressConfig


def compress(config: CompressConfig) -> Run:
    """Make a model smaller, with every seed; leave the best in all its forms, proved, measured and compared."""
    from mamebert.stages.compress.compressing import Compressing

    check_first(config, check)
    run = Run.start(config, config.fingerprint())
    if run.finished:
        return run
    work = Compressing(config, run)
    work.tell()
    for seed in work.seeds:
        work.compress(seed)
    work.save()
    work.measure()
    work.compare()
    work.describe()
    return run.finish()


def check(config: CompressConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: a model that is not there, methods that are not for it, what is not installed."""
    from mamebert.stages.compress.checks import check_compression

    yield from check_compression(config, ahead)
