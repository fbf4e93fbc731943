"""Any BERT folder as the start of more pretraining."""

from pathlib import Path

from mamebert.checkpoints.load import pretraining_network
from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.encoder.model import PretrainingNetwork

HEADS = {
    "pooler": ("bert.pooler.",),
    "masked words": ("cls.predictions.",),
    "next sentence": ("cls.seq_relationship.",),
}
"""What a pretraining network has beside its encoder, and how the names of its weights begin."""


def start_pretraining(path: Path) -> tuple[PretrainingNetwork, list[str]]:
    """Open a folder with whatever heads it has; return the names of those it lacks, which are new, too.

    A pretrained BERT has all of them, a fine-tuned one often the pooler only, a bare encoder none. A folder that lacks
    part of the encoder, or half a head, is a UserError.
    """
    folder = ModelFolder.open(path)
    tensors = folder.tensors()
    new = [head for head, begins in HEADS.items() if not any(name.startswith(begins) for name in tensors)]
    may_lack = tuple(begin for head in new for begin in HEADS[head])
    network = pretraining_network(folder, tensors, may_lack)
    has = [name for name, _ in network.named_parameters()]
    learnt = [head for head in new if head != "pooler" or network.bert.config.head != "task"]
    return network, [head for head in learnt if any(name.startswith(HEADS[head]) for name in has)]
