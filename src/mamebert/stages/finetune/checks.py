"""Everything a fine-tuning would be refused for, found before rows or weights are read."""

from mamebert.preflight.ahead import Ahead, Found, tried
from mamebert.preflight.looking import (
    MODELS,
    TABLES,
    check_files,
    check_rows,
    look_at_encoder,
    require_room_for,
)
from mamebert.stages.finetune.search import check_search
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.stages.finetune.unlabelled import refuse_encoder
from mamebert.tasks.bag.starting import is_table, open_documents, require_single_texts
from mamebert.training.devices import pick_device
from mamebert.word2vec.table import VectorTable


def check_finetuning(config: FinetuneConfig, ahead: Ahead) -> Found:
    """Yield what would be refused of a fine-tuning."""
    yield from tried(pick_device, config.training.device)
    yield from tried(lambda: list(check_search(config)))
    if config.unlabelled:
        yield from check_files([config.unlabelled])
    for name, path in config.models.items():
        maker = ahead.maker(path)
        if (maker and maker.command in TABLES) or is_table(path):
            yield from ahead.made_by(path, TABLES, open_documents)
            yield from tried(require_single_texts, config.task)
            continue
        yield from tried(refuse_encoder, config, name)
        wrong = list(ahead.made_by(path, (*MODELS, *TABLES), look_at_encoder, inside=True))
        yield from wrong or tried(require_room_for, config.task, name, path, ahead)
    if config.vectors is not None:
        yield from ahead.made_by(config.vectors, TABLES, VectorTable.open)
    yield from check_rows(config.task, config.readers().values())
