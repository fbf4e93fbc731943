"""Token embeddings that were learnt beforehand and stay as they are (Suganami and Shinnou, 2022)."""

from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from mamebert.config import Config, RunPath
from mamebert.encoder.model import PretrainingNetwork


class TokenEmbeddings(Config):
    """Where the token embeddings come from and whether they learn."""

    vectors: RunPath | None = None
    """A `mamebert vectors` run whose table is put in; without one they start at random and learn (the paper's N)."""
    frozen: bool = True
    """Keep the table bit for bit as it was put in (the paper's W). Means nothing without `vectors`."""
    scale: Literal["unit", "init", "none"] = "unit"
    """Mean length of the vectors: 1, or that of BERT's first weights (init), or as word2vec left them (none).

    A table that is also the output matrix and may not grow has to be long enough to give confident answers: in
    short runs unit reached a lower loss than none, and init stayed far behind (docs/lab.md).
    """
    storage: Literal["float32", "bfloat16"] = "float32"
    """Type in which a frozen table is kept while training: bfloat16 halves its memory and rounds it (8 bits of 24),
    as bfloat16 arithmetic does anyway. The saved model is float32, of the table that was trained with."""
    special_trainable: bool = False
    """Let the rows of [CLS], [SEP], [MASK] and other rows without a vector learn although the table is frozen."""
    tied: bool = True
    """Use the table as output matrix too. It is one tensor then, so freezing it freezes both; the bias still learns."""
    unfreeze_after_epochs: int = Field(default=0, ge=0)
    """Let the whole table learn after this many epochs; 0 means never."""

    @model_validator(mode="after")
    def _freezing_needs_a_table(self) -> Self:
        learns_later = self.special_trainable or self.unfreeze_after_epochs
        if self.storage != "float32" and (learns_later or not self.freezes):
            raise ValueError(
                "Only a table that never learns can be kept in bfloat16, which loses small updates. "
                "Set embeddings.storage=float32, or freeze the whole table."
            )
        if not self.freezes and learns_later:
            raise ValueError(
                "special_trainable and unfreeze_after_epochs belong to a frozen table. "
                "Give embeddings.vectors, and leave embeddings.frozen=true."
            )
        return self

    @property
    def freezes(self) -> bool:
        """Whether a table is put in and kept."""
        return self.vectors is not None and self.frozen


def set_token_embeddings(network: PretrainingNetwork, table: Tensor) -> None:
    """Copy `table` [vocabulary, hidden_size] over the token embeddings, and over an untied output matrix."""
    with torch.no_grad():
        words(network).copy_(table)
        matrix = network.cls.predictions.decoder.weight
        assert isinstance(matrix, nn.Parameter)
        matrix.copy_(table)


def freeze(network: PretrainingNetwork, settings: TokenEmbeddings, learnt: Tensor) -> RemovableHandle | None:
    """Stop the table from learning: no gradient is computed for it and no optimizer state kept.

    With `special_trainable` the rows that no vector was learnt for (`learnt` is False, bool [vocabulary])
    go on learning; a gradient is then computed for the whole table and erased everywhere else, so this
    costs what freezing saves. The hook that erases comes back: the whole table learns once it is removed.
    """
    table = words(network)
    if not settings.special_trainable:
        table.requires_grad_(False)
        table.data = table.data.to(getattr(torch, settings.storage))
        return None
    rows = ~learnt
    rows[network.bert.embeddings.word_embeddings.padding_idx] = False
    hook: RemovableHandle = table.register_hook(lambda gradient: gradient * rows[:, None].to(gradient))
    return hook


def words(network: PretrainingNetwork) -> nn.Parameter:
    """Return the table."""
    table = network.bert.embeddings.word_embeddings.weight
    assert isinstance(table, nn.Parameter)
    return table


def count_parameters(network: nn.Module) -> dict[str, int]:
    """Return the numbers of all, of learning and of frozen parameters; a tied tensor counts once."""
    total = sum(p.numel() for p in network.parameters())
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return {"total": total, "trainable": trainable, "frozen": total - trainable}
