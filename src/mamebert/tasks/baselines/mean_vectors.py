"""One more baseline of a classifier: what the word2vec table of an encoder knows by itself."""

from pathlib import Path

from mamebert.errors import UserError
from mamebert.evaluation.baselines.classes import mean_vectors_svm
from mamebert.evaluation.baselines.fitting import Part
from mamebert.tasks import Baseline, Parts, Task
from mamebert.tasks.bases.label_task import LabelTask, as_answer
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.word2vec.table import VectorTable


def mean_vectors(task: Task, parts: Parts, vectors: Path, tokenizer_folder: Path, seed: int) -> Baseline:
    """Answer with a linear SVM on the mean vector of a text's pieces."""
    if not isinstance(task, LabelTask) or task.kind != "classification" or len(parts.train[0].inputs) > 1:
        raise UserError(
            f"The baseline of `vectors` reads single texts with labels, and the task is {task.kind}. Leave it out."
        )
    table, tokenizer = VectorTable.open(vectors), Tokenizer.open(tokenizer_folder)
    table.check(tokenizer.vocab_size, table.vectors.shape[1], tokenizer_folder / "vocab.txt")
    given = []
    for part in parts:
        pieces = tokenizer.encode_many([text for example in part for text in example.inputs])
        given.append(Part([each.ids for each in pieces], [example.gold for example in part]))
    return Baseline.of(mean_vectors_svm(*given, vectors=table.vectors, seed=seed, judge=task.judge), as_answer)
