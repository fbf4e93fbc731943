"""`mamebert pretrain`: token shards (and a word2vec table) in, an encoder that `transformers` opens out."""

from typing import Any

from mamebert.preflight.ahead import Ahead, Found, check_first
from mamebert.runs import Run
from mamebert.stages.pretrain.settings import PretrainConfig


def pretrain(config: PretrainConfig) -> Run:
    """Train an encoder, from scratch or from a `start`; leave a folder that `transformers` opens."""
    from mamebert.stages.pretrain.pretraining import Pretraining
    from mamebert.training.followers import begin_run
    from mamebert.training.processes import join

    check_first(config, check)
    config = config.settled()
    processes = join(config.training)
    with processes.leader_first():
        run = begin_run().start(config, config.fingerprint())
    if run.finished:
        return run
    work = Pretraining(config, run, processes)
    work.resume()
    work.learn()
    work.save()
    run.finish()
    work.drop_snapshots()
    return run


def check(config: PretrainConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: shards, vectors and a start not there or not fitting, a machine too small."""
    from mamebert.stages.pretrain.checks import check_pretraining

    yield from check_pretraining(config, ahead)


def outlook(config: PretrainConfig, ahead: Ahead) -> str:
    """Return the size of the network, how long it learns, and about what that takes on this machine."""
    from mamebert.stages.pretrain.checks import outlook_of_pretraining

    return outlook_of_pretraining(config if config.start else config.settled(), ahead)


def estimate(config: PretrainConfig) -> dict[str, Any]:
    """Return what this pretraining will take, from a few timed steps, without writing anything."""
    from mamebert.stages.pretrain import dry_run

    return dry_run.estimate(config.settled())
