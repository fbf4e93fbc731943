"""What a folder is for that tells no task of ours: words for [MASK], vectors of texts, or what its class says."""

from typing import Literal

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.sentence_modules import root_of

Purpose = Literal["fill-mask", "sentence_embeddings"]
WORDS: Purpose = "fill-mask"
VECTORS: Purpose = "sentence_embeddings"
PRETRAINED = ("BertForPreTraining", "BertForMaskedLM", "BertModel")
"""The classes that a pretrained encoder is of, by BERT's names."""
HEADS = ("classifier.", "qa_outputs.")
"""How the names of weights begin that only a task has."""


def kind_of(folder: ModelFolder, purpose: Purpose | None) -> str | None:
    """Return the kind of task that a folder from elsewhere does, masked words as `WORDS`; None where its class says.

    What pretrained encoders have besides is told by their weights: a class is often that of the model they began as.
    """
    is_sentence_folder = root_of(folder.path) is not None
    if purpose == VECTORS or (is_sentence_folder and purpose != WORDS):
        return VECTORS
    is_unnamed = not folder.architecture and not any(map(folder.has_weights, HEADS))
    if is_sentence_folder or is_unnamed or folder.bert_architecture in PRETRAINED:
        return WORDS if folder.has_weights("cls.predictions.") else VECTORS
    return None
