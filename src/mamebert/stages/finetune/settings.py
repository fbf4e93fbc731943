"""The settings of `mamebert finetune`."""

from glob import escape
from itertools import permutations
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from mamebert.config import RunPath
from mamebert.corpus.readers import Reader
from mamebert.encoder.readings import Reading
from mamebert.files.names import check_names, file_name
from mamebert.labelled.rows import LabelledConfig, one_model_needs_no_name
from mamebert.labelled.seeds import Seeds
from mamebert.runs import Source
from mamebert.stages.finetune.search_space import Search
from mamebert.tasks import Analyzer
from mamebert.training.groups import Learning
from mamebert.training.settings import OpenTraining


class FinetuneConfig(LabelledConfig):
    """Settings of `mamebert finetune`."""

    command: ClassVar[str] = "finetune"
    grows_by: ClassVar[tuple[str, ...]] = ("seeds", "epoch_seeds")
    newer: ClassVar[tuple[str, ...]] = ("unlabelled",)
    models: dict[str, RunPath]
    """What is compared, by the names in the tables: pretrain runs or any BERT folders; for the classification of single
    texts also runs of vectors or contrast, on which a linear classifier of whole texts is fitted."""
    random_weights: bool = False
    """Also train each shape from random weights, or random vectors, to see what its pretraining is worth."""
    reading: Reading = Reading()
    learning: Learning = Learning()
    training: OpenTraining = OpenTraining()
    """What is unset is decided by the size of the encoder and the number of rows; run.json and the page tell it."""
    batch_rows: int | None = Field(default=None, ge=0)
    """Rows of one step, whatever their length; 0 fills up to training.batch_tokens. Unset, 16, or 32 of many rows;
    with training.batch_tokens given, 0."""
    dropout: float | None = Field(default=None, ge=0, lt=1)
    """Share of hidden values dropped in fine-tuning; unset, what the encoder's config.json says, and of a small encoder
    at least 0.1."""
    patience: int | None = Field(default=None, ge=1)
    """Epochs without a better validation result after which training ends, counted from the end of the warm-up; the
    best epoch is what is tested. Unset, a quarter of all epochs, at least 5 and at most 12."""
    validate_every: int | None = Field(default=None, ge=1)
    """Epochs from one validation to the next; the last epoch is always validated. Unset, so many that validation reads
    no more tokens than training does, and at most a fifth of all epochs; 1 where patience is given."""
    refit: bool = False
    """Fit a classifier on word vectors again, to the validation rows too, once these have chosen its columns and C and
    were scored (as scikit-learn's refit does). Encoders, which stop by these rows, never learn from them."""
    unlabelled: Reader | None = None
    """Texts without labels, of the kind that will be asked about. A classifier on word vectors that was chosen labels
    them itself, and is fitted again to these rows too (self-training). Encoders read such text in pretrain."""
    search: Search = Search()
    seeds: Seeds = Field(default=[1, 2, 3], min_length=1)
    """Each trains anew from the same encoder: another head, order and dropout. More may be put behind those of a
    finished run: then only these are trained."""
    epoch_seeds: Seeds = Field(default=[])
    """Seeds with which the models kept on the way of pretraining are fine-tuned too (the paper's Table 3)."""
    processes: int = Field(default=0, ge=0)
    """Seeds that are trained at a time on a CPU, each in a process of its own with its share of the cores. 0 is one for
    each core where encoders are small and trainings long enough, and else 1."""
    baselines: Analyzer = "char"
    """Baselines on the same rows, which read characters (unspaced languages) or words; none asks only the one that
    reads nothing."""
    vectors: RunPath | None = None
    """A word2vec table for one more baseline of classification: a linear SVM on the mean vector of a text."""

    def fingerprint(self) -> list[Source]:
        """Return the text behind the rows, and that without labels."""
        return [*super().fingerprint(), *(self.unlabelled.fingerprint() if self.unlabelled else [])]

    @model_validator(mode="before")
    @classmethod
    def _one_model_needs_no_name(cls, values: Any) -> Any:
        return one_model_needs_no_name(values)

    @field_validator("models")
    @classmethod
    def _there_is_a_model(cls, models: dict[str, RunPath]) -> dict[str, RunPath]:
        if not models:
            raise ValueError("No model is given. Name one as model=FOLDER, or several as models.NAME=FOLDER.")
        return models

    @model_validator(mode="after")
    def _every_model_has_its_own_files(self) -> Self:
        check_names("model", [*self.models, *(f"{name}-random" for name in self.models if self.random_weights)])
        for name, other in permutations(self.models, 2):
            if self.epoch_seeds and other.casefold().startswith(f"{name}-epoch-".casefold()):
                raise ValueError(f"{other!r} may be the name of a model on the way to {name!r}. Give it another name.")
        return self

    def places(self) -> list[str]:
        """Return the output and the folder of each model."""
        names = [*self.models, *(f"{name}-random" for name in self.models if self.random_weights)]
        return ["", *(f"models/{escape(file_name(name))}" for name in names)]
