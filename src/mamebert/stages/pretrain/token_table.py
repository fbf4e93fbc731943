"""The table of token embeddings that word2vec has learnt: put in, kept as it is, and maybe let go later."""

import torch

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.fixed_embeddings import TokenEmbeddings, freeze, set_token_embeddings, words
from mamebert.encoder.model import PretrainingNetwork
from mamebert.training.snapshot import digest
from mamebert.word2vec.table import VectorTable


class FrozenTable:
    """The table of one pretraining; without `vectors` it begins as any weights do, and learns."""

    def __init__(self, settings: TokenEmbeddings, network: PretrainingNetwork, shards: TokenShards) -> None:
        self.settings = settings
        self._digest, self._hook = None, None
        if settings.vectors is None:
            return
        vectors = VectorTable.open(settings.vectors)
        vectors.check(shards.vocab_size, network.bert.config.embedding_width, shards.tokenizer_folder / "vocab.txt")
        table = torch.from_numpy(vectors.scaled(settings.scale))
        set_token_embeddings(network, table)
        if settings.frozen:
            self._hook = freeze(network, settings, torch.from_numpy(vectors.learnt))
            self._digest = digest({"table": table.to(getattr(torch, settings.storage))})

    def thaw(self, network: PretrainingNetwork, epoch: int) -> bool:
        """Let the whole table learn where this epoch is late enough; return whether it did not learn until now."""
        after = self.settings.unfreeze_after_epochs
        if not after or epoch < after:
            return False
        if self._hook:
            self._hook.remove()
        is_new = not words(network).requires_grad
        words(network).requires_grad_(True)
        return is_new

    def is_unchanged(self, network: PretrainingNetwork) -> bool | None:
        """Tell whether the table is, bit for bit, what was put in; None where it may have learnt."""
        if self._digest is None or self.settings.special_trainable or self.settings.unfreeze_after_epochs:
            return None
        return digest({"table": words(network).detach()}) == self._digest
