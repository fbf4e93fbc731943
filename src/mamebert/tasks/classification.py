"""A text in, one of several labels out: a linear layer over the pooled [CLS] (Devlin et al., 2019)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn.functional import cross_entropy

from mamebert.encoder.model import ClassificationNetwork
from mamebert.encoder.packing import Packed
from mamebert.tasks import Task
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.loop import Losses

Document = list[np.ndarray]  # its sequences, each [CLS] ... [SEP]


@dataclass(frozen=True)
class DocumentBatch:
    """Documents packed together; a long one may be several sequences."""

    packed: Packed
    owners: Tensor
    """int64 [sequences]: the document each sequence belongs to."""
    counts: Tensor
    """float32 [documents]: sequences of each document."""
    rows: list[int]
    """Which documents of the data set these are."""


class Classification(Task):
    """One label for each text."""

    max_length: int = Field(default=128, ge=8)
    """Longest sequence in tokens, special tokens included."""
    long_documents: Literal["cut", "chunks"] = "cut"
    """cut reads the beginning; chunks reads up to max_chunks sequences and takes the mean of their logits."""
    max_chunks: int = Field(default=8, ge=1)
    """Most sequences read of one document."""

    def encode(self, tokenizer: Tokenizer, texts: Sequence[str]) -> tuple[list[Document], float]:
        """Return each text as its sequences, and the share of texts that had to be cut."""
        room = self.max_length - 2
        keep = room * (1 if self.long_documents == "cut" else self.max_chunks)
        documents, num_cut = [], 0
        for pieces in tokenizer.encode_many(texts):
            num_cut += len(pieces.ids) > keep
            ids = pieces.ids[:keep]
            chunks = [ids[start : start + room] for start in range(0, max(1, len(ids)), room)]
            documents.append([np.concatenate([[tokenizer.cls_id], chunk, [tokenizer.sep_id]]) for chunk in chunks])
        return documents, num_cut / max(1, len(documents))

    def batches(
        self, documents: Sequence[Document], order: Sequence[int], batch_tokens: int
    ) -> Iterator[DocumentBatch]:
        """Yield the documents in `order`, packed up to `batch_tokens`; a larger document makes a batch alone."""
        for rows in _filled([sum(map(len, documents[row])) for row in order], batch_tokens):
            yield _pack(documents, [int(order[place]) for place in rows])

    def num_batches(self, documents: Sequence[Document], batch_tokens: int) -> int:
        """Return about how many batches an epoch has, whatever the order."""
        return sum(1 for _ in _filled([sum(map(len, document)) for document in documents], batch_tokens))

    def logits(self, network: ClassificationNetwork, batch: DocumentBatch) -> Tensor:
        """Return [documents, labels]: the mean over each document's sequences."""
        found: Tensor = network(batch.packed)
        sums = found.new_zeros(len(batch.rows), found.shape[1]).index_add(0, batch.owners, found)
        return sums / batch.counts[:, None]

    def loss(self, network: ClassificationNetwork, part: DocumentBatch, labels: Tensor, whole: int) -> Losses:
        """Return the cross entropy of a part of a batch over the number of documents in the `whole` batch.

        So the losses of all parts add up to the mean over the batch. `labels` int64 [all documents].
        """
        wrong = cross_entropy(self.logits(network, part), labels[part.rows], reduction="sum")
        return Losses(wrong / whole, {})

    @torch.no_grad()
    def predict(
        self, network: ClassificationNetwork, documents: Sequence[Document], batch_tokens: int = 16_384
    ) -> np.ndarray:
        """Return the probabilities float32 [documents, labels], in the order given."""
        network.eval()
        # Texts of like length share a batch, so that attention groups them.
        order = np.argsort([-sum(map(len, d)) for d in documents], kind="stable")
        found = np.zeros((len(documents), network.classifier.out_features), np.float32)
        for batch in self.batches(documents, order.tolist(), batch_tokens):
            found[batch.rows] = self.logits(network, to_device(batch, network)).softmax(-1).cpu().numpy()
        return found


def to_device(batch: DocumentBatch, network: ClassificationNetwork) -> DocumentBatch:
    """Return the batch where the network is."""
    device = network.classifier.weight.device
    return DocumentBatch(batch.packed.to(device), batch.owners.to(device), batch.counts.to(device), batch.rows)


def _filled(sizes: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    rows: list[int] = []
    filled = 0
    for row, size in enumerate(sizes):
        if rows and filled + size > batch_tokens:
            yield rows
            rows, filled = [], 0
        rows.append(row)
        filled += size
    if rows:
        yield rows


def _pack(documents: Sequence[Document], rows: list[int]) -> DocumentBatch:
    pairs = [(sequence, owner) for owner, row in enumerate(rows) for sequence in documents[row]]
    pairs.sort(key=lambda pair: -len(pair[0]))
    counts = torch.tensor([len(documents[row]) for row in rows], dtype=torch.float32)
    return DocumentBatch(Packed.of([s for s, _ in pairs]), torch.tensor([o for _, o in pairs]), counts, rows)
