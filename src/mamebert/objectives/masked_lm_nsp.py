"""BERT's own two questions: masked words, and whether sentence B follows A (Devlin et al., 2019)."""

import random
from bisect import bisect_left

import numpy as np
from pydantic import Field
from torch.nn.functional import cross_entropy

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.errors import UserError
from mamebert.objectives import Answers, Examples, Objective, PretrainingBatch
from mamebert.training.loop import Losses

IS_NEXT, IS_RANDOM = 0, 1


class MaskedLMAndNSP(Objective):
    """Guess the masked tokens of a pair of segments, and whether the second follows the first."""

    short_rate: float = Field(default=0.1, ge=0, le=1)
    """Share of documents cut into shorter pairs, so that short inputs are not strange later."""

    def examples(self, shards: TokenShards, seed: int) -> Examples:
        """Return pairs as BERT's create_pretraining_data.py makes them, one pass over the corpus.

        More than half have a random B, as there: a chunk of one sentence has nothing that follows.
        """
        if shards.num_documents < 2:
            raise UserError(
                "Next-sentence prediction needs two documents or more, and the corpus has "
                f"{shards.num_documents}. Separate documents by blank lines, or set objective.kind=masked_lm."
            )
        builder = _PairBuilder(shards, self.max_length - 3, self.short_rate, random.Random(seed))
        rows = [row for number in range(shards.num_documents) for row in builder.pairs_of(number)]
        table = np.array(rows, np.int64).reshape(-1, 5)
        return Examples(table[:, :4], table[:, 4])

    def loss(self, network: PretrainingNetwork, batch: PretrainingBatch) -> Losses:
        """Return the sum of both mean cross entropies."""
        hidden = network.bert(batch.packed)
        masked = network.cls.predictions.loss(hidden[batch.chosen], batch.targets)
        scores = network.cls.seq_relationship(network.bert.pooled(hidden, batch.packed))
        follows = cross_entropy(scores.float(), batch.labels)
        return Losses(masked + follows, {"mlm_loss": float(masked.detach()), "nsp_loss": float(follows.detach())})

    def answer(self, network: PretrainingNetwork, batch: PretrainingBatch, so_far: Answers) -> None:
        """Add the answers to both questions."""
        super().answer(network, batch, so_far)
        hidden = network.bert(batch.packed)
        scores = network.cls.seq_relationship(network.bert.pooled(hidden, batch.packed))
        so_far.sentences_right += int((scores.argmax(-1) == batch.labels).sum())
        so_far.sentences_asked += len(batch.labels)


class _PairBuilder:
    """Walks through a document in chunks of sentences and makes one pair of each."""

    def __init__(self, shards: TokenShards, room: int, short_rate: float, rng: random.Random) -> None:
        # Plain lists: element access is several times faster than on arrays.
        self.sentences: list[int] = shards.sentence_starts.tolist()
        self.documents: list[int] = shards.document_starts.tolist()
        self.room, self.short_rate, self.rng = room, short_rate, rng

    def pairs_of(self, document: int) -> list[tuple[int, int, int, int, int]]:
        rng, sentences = self.rng, self.sentences
        sentence, end = self.documents[document], self.documents[document + 1]
        target = rng.randint(2, self.room) if rng.random() < self.short_rate else self.room
        pairs = []
        while sentence < end:
            after = min(end, bisect_left(sentences, sentences[sentence] + target, sentence + 1, end + 1))
            middle = sentence + (rng.randint(1, after - sentence - 1) if after - sentence > 1 else 1)
            a = (sentences[sentence], sentences[middle])
            if after - sentence == 1 or rng.random() < 0.5:
                b, label = self._from_elsewhere(document, target - (a[1] - a[0])), IS_RANDOM
                sentence = middle  # what was not used is used by the next pair
            else:
                b, label = (sentences[middle], sentences[after]), IS_NEXT
                sentence = after
            a, b = self._truncated(a, b)
            pairs.append((*a, *b, label))
        return pairs

    def _from_elsewhere(self, document: int, target: int) -> tuple[int, int]:
        other = document
        for _ in range(10):
            other = self.rng.randrange(len(self.documents) - 1)
            if other != document:
                break
        first, end = self.documents[other], self.documents[other + 1]
        start = self.rng.randrange(first, end)
        after = min(end, bisect_left(self.sentences, self.sentences[start] + target, start + 1, end + 1))
        return self.sentences[start], self.sentences[after]

    def _truncated(self, a: tuple[int, int], b: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
        """Shorten the longer of the two, token by token, each from its front or back by chance."""
        size_a, size_b = a[1] - a[0], b[1] - b[0]
        excess = size_a + size_b - self.room
        if excess <= 0:
            return a, b
        from_longer = min(excess, abs(size_a - size_b))
        shared = excess - from_longer
        from_a = (from_longer if size_a > size_b else 0) + shared // 2
        from_b = (from_longer if size_b >= size_a else 0) + shared - shared // 2
        return self._cut(a, from_a), self._cut(b, from_b)

    def _cut(self, span: tuple[int, int], count: int) -> tuple[int, int]:
        front = self.rng.getrandbits(count).bit_count() if count else 0
        return span[0] + front, span[1] - (count - front)
