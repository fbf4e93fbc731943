"""`mamebert probe`: encoders and a question in, what they know of it out."""

from mamebert.preflight.ahead import Ahead, Found, check_first
from mamebert.runs import Run
from mamebert.stages.probe.settings import ProbeConfig


def probe(config: ProbeConfig) -> Run:
    """Ask every encoder the same; leave figures, tables and what they are made of."""
    from mamebert.stages.probe.probing import Probing

    check_first(config, check)
    run = Run.start(config, config.fingerprint())
    if run.finished:
        return run
    Probing(config, run).ask()
    return run.finish()


def check(config: ProbeConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: encoders that are not there or have no head for words, nothing to ask."""
    from mamebert.stages.probe.probing import check_probe

    yield from check_probe(config, ahead)
