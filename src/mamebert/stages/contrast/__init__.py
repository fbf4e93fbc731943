"""`mamebert contrast`: token shards (and word vectors) in, a table and a model of document vectors out."""

from mamebert.corpus.token_shards import read_manifest
from mamebert.preflight.ahead import Ahead, Found, check_first, tried
from mamebert.preflight.looking import TABLES
from mamebert.runs import Run
from mamebert.stages.contrast.settings import ContrastConfig
from mamebert.word2vec.table import VectorTable


def contrast(config: ContrastConfig) -> Run:
    """Learn word vectors whose weighted sum lies near for crops of one document; leave a table, and a model of it."""
    from mamebert.stages.contrast.contrasting import Contrasting

    check_first(config, check)
    run = Run.start(config)
    if run.finished:
        return run
    work = Contrasting(config, run)
    work.resume()
    work.learn()
    work.save()
    run.finish()
    work.drop_snapshots()
    return run


def check(config: ContrastConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: no token shards, no table, or one of another vocabulary."""
    yield from ahead.made_by(config.shards, ["tokenize"], read_manifest)
    if config.vectors is None:
        return
    wrong = list(ahead.made_by(config.vectors, TABLES, VectorTable.open))
    yield from wrong
    if not wrong and ahead.maker(config.shards) is None and ahead.maker(config.vectors) is None:
        from mamebert.stages.contrast.table import fitting_table

        yield from tried(fitting_table, config.vectors, config.shards)
