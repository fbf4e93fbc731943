"""Vectors of texts as answers in plain JSON."""

import numpy as np

from mamebert.tasks import Answer, Raw
from mamebert.tasks.bases.embedding_objectives import nearest
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.data.shares import softmax


def unpack(raw: Raw, num_texts: int, learnt: TaskState) -> tuple[Raw, Raw]:
    """Return the vectors, [texts, size], and the logits, empty unless it is a pair that has labels."""
    num_logits = len(learnt.labels) if num_texts == 2 else 0
    vectors, logits = np.split(raw, [len(raw) - num_logits])
    return vectors.reshape(num_texts, -1), logits


def answer_of(vectors: Raw, logits: Raw, learnt: TaskState) -> Answer:
    """Return {"vector"}, {"cosine"} or {"cosines", "nearest"}; of labelled pairs {"label", "probability"} too."""
    if len(vectors) == 1:
        return {"vector": vectors[0].tolist()}
    at_length_1 = unit(vectors)
    cosines = (at_length_1[1:] @ at_length_1[0]).tolist()
    if len(cosines) > 1:
        return {"cosines": cosines, "nearest": nearest(cosines)}
    if not len(logits):
        return {"cosine": cosines[0]}
    chances = softmax(logits)
    return {"cosine": cosines[0], "label": learnt.labels[chances.argmax()], "probability": float(chances.max())}


def unit(vectors: Raw) -> Raw:
    """Return the vectors at length 1, in float64: cosines stay within 1 and -1 but for rounding."""
    wide = vectors.astype(np.float64)
    return np.asarray(wide / np.maximum(np.linalg.norm(wide, axis=1, keepdims=True), 1e-12))
