"""Tables of word vectors, asked as the encoder is that begins with them."""

from pathlib import Path

import torch

from mamebert.encoder.fixed_embeddings import set_token_embeddings
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.probes import Asked
from mamebert.tasks.bag.starting import tokenizer_of
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.word2vec.table import VectorTable


def as_encoder(path: Path, drawn: int | None = None) -> Asked:
    """Return the smallest encoder whose table of tokens is that of a run of `vectors` or `contrast`.

    All else of it is new. With `drawn` the table is too, by that seed. A table of another vocabulary than its
    tokenizer's is a UserError.
    """
    table, tokenizer = _opened(path)
    rows, width = table.vectors.shape
    shape = EncoderConfig(hidden_size=width, num_hidden_layers=1, num_attention_heads=1, intermediate_size=1)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(drawn or 0)
        network = PretrainingNetwork(shape, rows)
    if drawn is None:
        set_token_embeddings(network, torch.from_numpy(table.vectors))
    return Asked(network.eval(), tokenizer)


def require_table(path: Path) -> None:
    """Raise UserError where the table of a folder is none, or not its tokenizer's."""
    _opened(path)


def _opened(path: Path) -> tuple[VectorTable, Tokenizer]:
    table, folder = VectorTable.open(path), tokenizer_of(path)
    tokenizer = Tokenizer.open(folder)
    table.check(tokenizer.vocab_size, table.vectors.shape[1], folder / "vocab.txt")
    return table, tokenizer
