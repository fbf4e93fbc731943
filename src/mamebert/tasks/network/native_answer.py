"""What a network answers by native calls: an encoder, what is read of it, and a head, whoever holds their weights."""

from typing import Any, NamedTuple, Self

from mamebert.encoder.named.kernel_parts import Weights
from mamebert.encoder.named.one_call import in_one_call
from mamebert.encoder.named.ready_reading import ReadyReading
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels.packed_encoder import PackedEncoder
from mamebert.tasks import Task
from mamebert.tasks.data.features import Laid, TaskState
from mamebert.tasks.network.named_heads import NamedHead, ReadyHead, ReadyLinear


class NamedAnswer(NamedTuple):
    """What a network is of, told without modules."""

    config: EncoderConfig
    reading: Reading
    head: NamedHead
    is_pooled: bool
    """Whether the pooler, or the prediction head, of the encoder stands before the head."""

    @classmethod
    def of(cls, task: Task, config: EncoderConfig, reading: Reading, learnt: TaskState) -> Self | None:
        """Return what a task's network is of; None where kernels do not know all of it.

        Outputs of tokens have no pooler before them, but a prediction head.
        """
        head = task.named_head(learnt)
        if head is None or config.bottleneck or reading.lstm_size:
            return None
        is_pooled = reading.is_plain(config) and (task.reads == "first" or config.has_prediction_head)
        return cls(config, reading, head, is_pooled)

    @property
    def width(self) -> int:
        """Numbers of a read."""
        return self.reading.width(self.config)


class NativeAnswer(NamedTuple):
    """Weights laid out, as kernels read them."""

    packed: PackedEncoder
    about: tuple[EncoderConfig, int]
    """The encoder's settings, and the rows of its table."""
    reading: ReadyReading
    head: ReadyHead

    @classmethod
    def of(cls, named: NamedAnswer, packed: PackedEncoder, vocab_size: int, weights: Weights) -> Self | None:
        """Return what answers with weights by their names, those of dense layers laid out; None where kernels do not.

        Names are those of files: a head's begin without "head.".
        """
        reading = ReadyReading.of(named.reading, named.config, weights)
        head = named.head.ready(named.config, named.width, named.is_pooled, weights)
        return cls(packed, (named.config, vocab_size), reading, head) if reading and head else None

    def __call__(self, laid: Laid) -> Any:
        """Return what the head makes of the reads, in the order of the examples; None where modules have to."""
        batch = laid.ids, laid.segments, laid.starts
        if self.reading.is_last_state and isinstance(self.head, ReadyLinear):
            found = in_one_call(self.packed, self.about, batch, laid.places, self.head.steps)
            return found if found is None or len(found) == 1 else found[laid.order]
        reads = self.reading(self.packed, self.about, batch, laid.places, laid.order)
        return None if reads is None else self.head(reads, laid)
