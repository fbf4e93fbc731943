"""`mamebert finetune`: encoders and labelled rows in, task models and a verdict out."""

from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from mamebert.config import Config, RunPath
from mamebert.corpus.readers import Reader
from mamebert.runs import Run, StageConfig
from mamebert.tasks import Task
from mamebert.training.settings import Training


class Split(Config):
    """How labelled rows are parted; every class keeps its share in every part."""

    train: float = Field(default=0.1, gt=0, lt=1)
    """Share of the rows that are learnt from. The paper's protocol is 10/10/80."""
    valid: float = Field(default=0.1, gt=0, lt=1)
    """Share of the rows that decide when to stop."""
    seed: int = Field(default=0, ge=0)
    """Which rows fall where. It is not the seed of the training, so all seeds and models see one split."""

    @model_validator(mode="after")
    def _something_is_left_to_test(self) -> Self:
        if self.train + self.valid >= 1:
            raise ValueError("split.train and split.valid leave nothing to test. Lower one of them.")
        return self


class FinetuneConfig(StageConfig):
    """Settings of `mamebert finetune`."""

    command: ClassVar[str] = "finetune"
    models: dict[str, RunPath]
    """Encoders by the names they have in the tables: pretrain runs or any BERT folders."""
    source: Reader
    """The labelled rows."""
    columns: list[str] = Field(default=["text"], min_length=1)
    """Text columns; several are joined by a line end."""
    label_column: str = "label"
    """The column with the label."""
    max_rows: int = Field(default=0, ge=0)
    """Take so many rows, drawn by the seed of the split; 0 takes all."""
    split: Split = Split()
    task: Task = Field(default_factory=Task.find("classification"))
    training: Training = Training(epochs=15, batch_tokens=4096, peak_lr=2e-4)
    patience: int = Field(default=5, ge=1)
    """Epochs without a better validation accuracy after which training ends; the best epoch is what is tested."""
    seeds: list[int] = Field(default=[1, 2, 3], min_length=1)
    """Each trains anew from the same encoder: another last layer, order and dropout."""
    epoch_seeds: list[int] = Field(default=[])
    """Seeds with which the models kept on the way of pretraining are fine-tuned too (the paper's Table 3)."""
    baselines: Literal["char", "word", "none"] = "char"
    """Simple peers on the same split: a linear SVM on TF-IDF of characters (unspaced languages) or words."""
    vectors: RunPath | None = None
    """A word2vec table for one more peer: a linear SVM on the mean vector of a text."""

    @model_validator(mode="before")
    @classmethod
    def _one_model_needs_no_name(cls, values: Any) -> Any:
        if isinstance(values, dict) and "model" in values:
            if "models" in values:
                raise ValueError("Both model and models are given. Name all of them as models.NAME=FOLDER.")
            values = {**values, "models": {"model": values["model"]}}
            del values["model"]
        return values

    @model_validator(mode="before")
    @classmethod
    def _what_training_leaves_open_is_as_above(cls, values: Any) -> Any:
        given = values.get("training") if isinstance(values, dict) else None
        if not isinstance(given, dict):
            return values
        ours = {"batch_tokens": 4096, "peak_lr": 2e-4} | ({} if given.get("steps") else {"epochs": 15})
        return {**values, "training": {**ours, **given}}

    @field_validator("models")
    @classmethod
    def _there_is_a_model(cls, models: dict[str, RunPath]) -> dict[str, RunPath]:
        if not models:
            raise ValueError("No model is given. Name one as model=FOLDER, or several as models.NAME=FOLDER.")
        return models


def finetune(config: FinetuneConfig) -> Run:
    """Train every model with every seed on one split; leave the best of each, and all their numbers."""
    from mamebert.stages._finetuning import Finetuning

    run = Run.start(config, config.source.fingerprint())
    if run.finished:
        return run
    work = Finetuning(config, run)
    work.tell_split()
    work.ask_baselines()
    for model in work.candidates():
        work.train_all_seeds(model)
    work.compare()
    work.save()
    return run.finish()
