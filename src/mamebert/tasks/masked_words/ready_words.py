"""A pretrained encoder and its head of words as one native call reads them, straight from their file."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from mamebert.checkpoints.laid_out import ENCODER, laid_out_weights, within
from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.encoder.named.kernel_parts import TABLE, packed_encoder, word_shapes, word_steps
from mamebert.encoder.named.one_call import in_one_call
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.native import Array
from mamebert.kernels.packed_encoder import Ints, PackedEncoder, PackedHead
from mamebert.kernels.ready_weights import Floats, Precision

if TYPE_CHECKING:
    from mamebert.encoder.model import PretrainingNetwork

_SENTENCES = "cls.seq_relationship."
_BIAS, _UNTIED_BIAS = "cls.predictions.bias", "cls.predictions.decoder.bias"
"""Where a table is untied, transformers adds the second; the first is left over."""


class ReadyWords:
    """Scores words in one native call; whatever else is wanted of it is asked of the modules, opened when it is."""

    def __init__(self, folder: ModelFolder, precision: Precision, packed: PackedEncoder, head: PackedHead) -> None:
        self.folder, self._precision = folder, precision
        self._packed, self._head = packed, head

    @property
    def config(self) -> EncoderConfig:
        """The shape of the encoder."""
        return self.folder.shape

    def answered(self, ids: Ints, starts: Ints, places: Ints) -> Floats | None:
        """Return the scores [places, vocabulary] of tokens at rising places; None where modules have to make them.

        `starts` [sequences + 1] says where each sequence begins.
        """
        batch = ids, np.zeros_like(ids), starts
        return in_one_call(self._packed, (self.config, self.folder.vocab_size), batch, places, self._head)

    @cached_property
    def whole(self) -> "PretrainingNetwork":
        """The network as modules."""
        from mamebert.checkpoints.load import load_pretraining

        network = load_pretraining(self.folder.path)
        network.eval().bert.make_ready(self._precision)
        return network

    @property
    def bert(self) -> Any:
        """The encoder as modules."""
        return self.whole.bert


def ready_words(folder: ModelFolder, precision: Precision) -> ReadyWords | None:
    """Return what gives words for [MASK] on a CPU, of a folder that does; None where modules are needed.

    None too where something lacks, or is of another shape: `load_pretraining` says in a sentence what that is.
    """
    shape, table = folder.shape, f"{ENCODER}embeddings.word_embeddings.weight"
    head = word_shapes(shape, folder.vocab_size)
    dense = {f"{ENCODER}pooler.dense.weight" if shape.has_prediction_head else "cls.predictions.transform.dense.weight"}
    beside: dict[str, Array] = {}
    if not folder.config.get("tie_word_embeddings", True):
        table, head = TABLE, {**head, TABLE: (folder.vocab_size, shape.embedding_width)}
        if _UNTIED_BIAS in (arrays := folder.arrays()):
            beside = {_BIAS: arrays[_UNTIED_BIAS]}
    relations = {f"{_SENTENCES}weight": (2, shape.hidden_size), f"{_SENTENCES}bias": (2,)}
    others = relations if shape.has_pretrained_pooler else {}
    weights = laid_out_weights(
        folder, head, others, {**{name: name for name in dense}, TABLE: table}, precision, beside
    )
    packed = packed_encoder(shape, within(weights)) if weights else None
    if not packed or not weights or not (steps := packed.head(word_steps(shape, within(weights), weights))):
        return None
    return ReadyWords(folder, precision, packed, steps)
