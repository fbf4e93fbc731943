"""Readings of an encoder: its last layer, or several layers joined, with or without an LSTM on top.

The feature-based way of using BERT (Devlin et al., 2019, section 5.3; the weighted sum is ELMo's, Peters et al., 2018),
and the BiLSTM that its ablation puts on top of an encoder that reads from left to right (Table 5, "+ BiLSTM").
"""

from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from mamebert.config import Config
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

PARTS_OF_A_PAIR = 4
"""Vectors that stand side by side where a pair is read."""


class Reading(Config):
    """Which hidden states a head gets, and what becomes of them before."""

    newer: ClassVar[tuple[str, ...]] = ("lstm_over",)

    layers: list[int] | Literal["all"] = Field(default=[-1], min_length=1)
    """Layers that are read: 0 is the embeddings, 1 the first layer, -1 the last; "all" takes every one."""
    join: Literal["concat", "weighted_sum"] = "concat"
    """Several layers stand side by side, or are added with weights that are learnt: gamma * sum softmax(s)_l h_l."""
    tokens: Literal["asked", "mean", "pair"] | None = None
    """What of a layer is read: the tokens that the task asks for, [CLS] of a text; or, for tasks that read texts, the
    mean of all tokens of a sequence, which of plain transformers' classes only ModernBERT's know; or of a pair of texts
    the mean of each, how far they are apart in each dimension, and their product (Conneau et al., 2017), which none
    knows. Unset, the tokens that the task asks for, but of pairs all that where `finetune` starts from a small encoder
    without segments."""
    lstm_size: int = Field(default=0, ge=0)
    """Width, in each direction, of a two-layer BiLSTM over what is read of an example; 0 is none."""
    lstm_over: Literal["reads", "tokens"] = "reads"
    """What the BiLSTM goes along: what the task asks for, of a text its [CLS] or mean alone; or all tokens of each
    sequence, and the task then gets its states there, or their mean. So [CLS] sees a text that was read from left to
    right (BERT's ablation: Devlin et al., 2019, Table 5)."""

    @model_validator(mode="after")
    def _there_is_an_lstm(self) -> Self:
        if self.lstm_over != "reads" and not self.lstm_size:
            raise ValueError(
                "reading.lstm_over belongs to a BiLSTM. Set reading.lstm_size, such as 128, or leave it out."
            )
        if self.lstm_size and self.tokens == "pair":
            raise ValueError("reading.tokens=pair is read of layers, without a BiLSTM. Leave one of the two out.")
        return self

    @property
    def sees_all(self) -> bool:
        """Whether what is read of a text has seen all of it, in an encoder that reads from left to right too."""
        return self.tokens in ("mean", "pair") or self.lstm_over == "tokens"

    @property
    def read_of_layers(self) -> Literal["asked", "mean", "pair"]:
        """`tokens`, also where they were left open."""
        return self.tokens or "asked"

    @property
    def is_last(self) -> bool:
        """Whether the head gets the last layer as it is."""
        return self.layers == [-1] and not self.lstm_size and self.read_of_layers == "asked"

    def is_plain(self, shape: EncoderConfig) -> bool:
        """Tell whether a class of plain transformers reads an encoder so.

        All read the last layer as it is; ModernBERT's put their prediction head over a mean of it as well.
        """
        of_means = self.read_of_layers == "mean" and shape.has_prediction_head
        return self.is_last or (of_means and self.layers == [-1] and not self.lstm_size)

    def numbers(self, num_layers: int) -> list[int]:
        """Return which layers are read, 0 being the embeddings; one that an encoder of so many lacks is a UserError."""
        if self.layers == "all":
            return list(range(num_layers + 1))
        wrong = [n for n in self.layers if not -num_layers - 1 <= n <= num_layers]
        if wrong:
            raise UserError(
                f"reading.layers names layer {wrong[0]}, and the encoder has {num_layers}. "
                f"Choose from 0 (the embeddings) to {num_layers}, or from -1 (the last) to {-num_layers - 1}."
            )
        return [n % (num_layers + 1) for n in self.layers]

    def width(self, shape: EncoderConfig) -> int:
        """Return how many numbers of an encoder stand side by side in what is read, before any LSTM."""
        size = PARTS_OF_A_PAIR * shape.hidden_size if self.read_of_layers == "pair" else shape.hidden_size
        return size * (len(self.numbers(shape.num_hidden_layers)) if self.join == "concat" else 1)

    def is_last_state(self, num_layers: int) -> bool:
        """Tell whether what is read of a token is its last hidden state."""
        plain = self.join == "concat" and not self.lstm_size and self.read_of_layers == "asked"
        return plain and self.numbers(num_layers) == [num_layers]
