"""Threads for the trainer of `tokenizers`, which counts on them all that it is given."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from mamebert.corpus.parallel import num_cores

ASKED, NUMBER = "TOKENIZERS_PARALLELISM", "RAYON_NUM_THREADS"


@contextmanager
def training_threads(processes: int) -> Iterator[None]:
    """Let the trainer have as many threads as there may be processes (0: one per core); what is learnt stays the same.

    Elsewhere `tokenizers` keeps to one, for what it encodes are a few new words. Its first use of threads settles how
    many there are.
    """
    before = {name: os.environ.get(name) for name in (ASKED, NUMBER)}
    number = processes or num_cores()
    os.environ[ASKED] = "true" if number > 1 else "false"
    os.environ[NUMBER] = before[NUMBER] or str(number)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
