"""The settings of `mamebert evaluate`."""

from itertools import product
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mamebert.config import RunPath
from mamebert.corpus.readers import Reader
from mamebert.files.names import check_names
from mamebert.labelled.rows import RowsConfig, TaskChanges, answers_file, one_model_needs_no_name


class EvaluateConfig(RowsConfig):
    """Settings of `mamebert evaluate`. Those that only training needs may stand in the file; they play no part."""

    command: ClassVar[str] = "evaluate"
    newer: ClassVar[tuple[str, ...]] = ("precision",)
    models: dict[str, RunPath] = Field(default={})
    """Fine-tuned models by the names they have in the tables; all must do the same kind of task."""
    task: TaskChanges = Field(default={})
    """Changes to the task the models were trained for, such as task.text_columns where these rows have other names."""
    part: Literal["all", "test"] = "all"
    """Which rows of `source` are asked: all, or those that `split` leaves to test, as a fine-tuning parts them."""
    batch_tokens: int = Field(default=16_384, ge=1)
    """Tokens that are computed at once."""
    device: str = "auto"
    """Where the models are asked: auto, cpu, cuda."""
    precision: dict[str, Literal["auto", "float32", "bfloat16", "int8"]] = Field(default={})
    """What the products of a model's layers are made in on a CPU, by its name in `models`; others are float32, as is
    auto. One folder under two names tells what int8 costs: models.exact=M models.fast=M precision.fast=int8."""

    @model_validator(mode="before")
    @classmethod
    def _settings_of_finetune_are_taken(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        from mamebert.stages.finetune.settings import FinetuneConfig

        only_training = FinetuneConfig.model_fields.keys() - cls.model_fields.keys()
        return one_model_needs_no_name({name: value for name, value in values.items() if name not in only_training})

    @model_validator(mode="after")
    def _every_file_of_answers_has_its_own_name(self) -> Self:
        check_names("model", self.models)
        whose: dict[str, str] = {}
        for model, part in product(self.models, ("test", *self.tests)):
            told, file = f"{model!r} in {part}", answers_file(model, part).casefold()
            if file in whose:
                raise ValueError(f"The answers of {whose[file]} and of {told} would be one file. Give other names.")
            whose[file] = told
        return self

    @model_validator(mode="after")
    def _precision_is_a_models(self) -> Self:
        if other := next((name for name in self.precision if name not in self.models), None):
            raise ValueError(f"precision names {other!r}, and models are {', '.join(self.models)}. Name one of them.")
        return self

    @model_validator(mode="after")
    def _split_parts_a_source(self) -> Self:
        if self.part == "test" and not self.source:
            raise ValueError("part = 'test' parts the rows of source, and no source is given. Leave part out.")
        return self

    def tested(self) -> dict[str, Reader]:
        """Return the sources that models are asked about, the leading one as "test"."""
        readers = {"test": self.test or self.source, **self.tests}
        return {name: reader for name, reader in readers.items() if reader}
