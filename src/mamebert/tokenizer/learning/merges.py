"""The merges of byte-pair encoding, by the trainer of the `tokenizers` library."""

import json
from collections import Counter

from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.trainers import BpeTrainer

from mamebert.tokenizer.joining import repeated
from mamebert.tokenizer.learning.saving import Model
from mamebert.tokenizer.pieces import SPECIAL_TOKENS


def learn_merges(counts: Counter[str], alphabet: list[str], size: int, min_frequency: int) -> Model:
    """Return the model of `size` tokens, fewer where the words do not support so many."""
    trainer = BpeTrainer(
        vocab_size=size,
        min_frequency=min_frequency,
        # In the order of this list, so that ties fall the same way in every process.
        special_tokens=[*SPECIAL_TOKENS, *sorted(alphabet)],
        show_progress=False,
    )
    learner = RustTokenizer(BPE(unk_token="[UNK]"))
    learner.pre_tokenizer = WhitespaceSplit()
    learner.train_from_iterator(repeated(counts), trainer)
    described = json.loads(learner.to_str())["model"]
    vocab = described["vocab"]
    return Model(sorted(vocab, key=vocab.__getitem__), described)
