"""What a bag classifier starts from: a run that made a table of word vectors, and the pieces its rows stand for."""

from pathlib import Path

import numpy as np

from mamebert.errors import UserError
from mamebert.runs import Run
from mamebert.tasks import Task
from mamebert.tasks.bag.document_vectors import DocumentVectors
from mamebert.tasks.bag.grams import MOST_PIECES
from mamebert.tasks.bases.label_task import LabelTask
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.word2vec.table import FILE, VectorTable

ABOUT = ("tokenizer.json", "tokenizer_config.json")
"""What tells a tokenizer from the vocabulary that lies beside every table."""


def is_table(path: Path) -> bool:
    """Tell whether a folder holds a table of word vectors, and no network."""
    return (path / FILE).is_file()


def is_for_single_texts(task: Task) -> bool:
    """Tell whether a classifier of this kind does the task."""
    return isinstance(task, LabelTask) and task.kind == "classification" and not task.second_columns


def require_single_texts(task: Task) -> None:
    """Raise a UserError for a task that a table of word vectors is no start for."""
    if not is_for_single_texts(task):
        pairs = " of pairs" if task.kind == "classification" else ""
        raise UserError(
            "A table of word vectors is a start for the classification of single texts, and the task is "
            f"{task.kind}{pairs}. Give an encoder, a run of pretrain say."
        )


def tokenizer_of(path: Path) -> Path:
    """Return the folder of the tokenizer whose pieces the rows of a table stand for.

    It lies in the table's folder, in the model within, or beside the shards that the table was learnt from, as the run
    tells. One that is gone is a UserError.
    """
    for folder in (path / "model", path / "tokenizer", path):
        if any((folder / name).is_file() for name in ABOUT):
            return folder
    run = Run.around(path)
    shards = str(run.settings.get("shards") or "") if run else ""
    folder = Path(shards) / "tokenizer"
    if not shards or not folder.is_dir():
        raise UserError(
            f"The tokenizer of the word vectors in {path} is not there"
            + (f": {folder} is gone. " if shards else ". ")
            + f"Put it into {path / 'tokenizer'}."
        )
    return folder


def open_documents(path: Path, random_seed: int | None = None) -> DocumentVectors:
    """Return the table of a folder as document vectors; with a seed, random ones of its shape.

    A table of another vocabulary than its tokenizer's is a UserError.
    """
    table, folder = VectorTable.open(path), tokenizer_of(path)
    tokenizer = Tokenizer.open(folder)
    table.check(tokenizer.vocab_size, table.vectors.shape[1], folder / "vocab.txt")
    if tokenizer.vocab_size > MOST_PIECES:
        raise UserError(
            f"The vocabulary of {path} has {tokenizer.vocab_size:,} tokens, and a classifier on word vectors counts "
            f"{MOST_PIECES:,} at most. Make a smaller one."
        )
    if random_seed is None:
        return DocumentVectors.of(table)
    width = table.vectors.shape[1]
    drawn = np.random.default_rng(random_seed).normal(0.0, width**-0.5, table.vectors.shape)
    return DocumentVectors(drawn.astype(np.float32), np.ones(len(drawn), np.float32))
