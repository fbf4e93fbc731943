"""The settings of `mamebert compress`."""

from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from mamebert.compression.methods import Compressor
from mamebert.config import RunPath
from mamebert.files.names import check_names
from mamebert.labelled.rows import RowsConfig
from mamebert.labelled.seeds import Seeds
from mamebert.objectives import Objective


class CompressConfig(RowsConfig):
    """Settings of `mamebert compress`.

    Rows need not be given for the output of finetune: they are those it learnt from and was judged on.
    """

    command: ClassVar[str] = "compress"
    model: RunPath
    """What is made smaller, and the teacher of what learns from one: the output of finetune or pretrain, or any
    BERT-like folder of Hugging Face."""
    method: list[Compressor]
    """One method, or several that follow each other, such as [{kind = "drop_layers"}, {kind = "q8bert"}]."""
    name: str = ""
    """What the result is called in tables; empty is its methods, as drop_layers+q8bert."""
    shards: RunPath | None = None
    """Text, as output of `mamebert tokenize`: what a pretrained encoder learns from, and what a vocabulary is pruned
    to besides the rows."""
    objective: Objective | None = None
    """What a pretrained encoder is asked while it learns; unset, masked words, in sequences as long as it reads."""
    heldout_tokens: int = Field(default=100_000, gt=0)
    """Held-out tokens that a pretrained encoder is judged on."""
    seeds: Seeds = Field(default=[], max_length=100)
    """Each compresses the same model anew; empty is 1, 2 and 3 for a task and 1 for a pretrained encoder. A method
    without anything random is used once."""
    measure_seconds: float = Field(default=4.0, ge=0)
    """Seconds for which each form of the result, and of the teacher, is timed; 0 leaves it out."""
    device: str = "auto"
    """Where it is done: auto, cpu, cuda."""

    @field_validator("method", mode="before", json_schema_input_type=Compressor | list[Compressor])
    @classmethod
    def _one_method_needs_no_list(cls, value: Any) -> Any:
        return value if isinstance(value, list | tuple) else [value]

    @model_validator(mode="after")
    def _methods_fit_together(self) -> Self:
        if not self.method:
            raise ValueError(f"No method is given. Choose from: {', '.join(Compressor.names())}.")
        if self.objective and not self.objective.asks_for_words:
            raise ValueError(
                f"objective.kind={self.objective.kind} masks no words here, by which pretrained encoders are judged. "
                "Raise objective.masked_lm_weight, or leave objective out."
            )
        for method in self.method[:-1]:
            if method.is_last:
                raise ValueError(
                    f"{method.kind} gives a model that nothing more can be done to. Put it at the end of method."
                )
        check_names("result", [self.title])
        return self

    @model_validator(mode="after")
    def _an_encoder_alone_can_answer(self) -> Self:
        if self.objective and self.objective.trains_more:
            raise ValueError(
                f"objective.kind={self.objective.kind} trains a second network beside the encoder, which is only there "
                "in a pretraining. Set objective.kind=masked_lm."
            )
        return self

    @property
    def title(self) -> str:
        """What the result is called."""
        return self.name or "+".join(method.kind for method in self.method)

    def places(self) -> list[str]:
        """Return the output and the folder in it that transformers opens."""
        return ["", "model"]
