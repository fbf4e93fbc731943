"""Answers in the shapes that clients of other servers know, as JSON: all from what one pass of the network gave."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy.special import expit

from mamebert.evaluation.metrics.entities import entities
from mamebert.server.engine.refusals import not_understood
from mamebert.serving.load import Model
from mamebert.serving.spelling import as_json
from mamebert.tasks import Answer, Raw
from mamebert.tasks.bases.label_task import LabelTask
from mamebert.tasks.data.features import Features
from mamebert.tasks.data.shares import softmax
from mamebert.tasks.data.vector_answers import unit


class Given:
    """One item that was answered."""

    def __init__(self, model: Model, options: Mapping[str, Any], answer: Answer, features: Features, raw: Raw) -> None:
        self.model = model
        self.options = options
        self.answer = answer
        self.features = features
        self.raw = raw


def answer(given: Given) -> str:
    """Return what `predict` gives."""
    return as_json(given.answer)


def scores(given: Given) -> str:
    """Return every label with its probability, the likeliest first; of a regression its numbers."""
    found = all_scores(given)
    top = given.options.get("top") or len(found)
    ordered = sorted(found, key=lambda each: -each[1])[:top]
    return as_json([{"label": label, "score": score} for label, score in ordered])


def all_scores(given: Given) -> list[tuple[str, float]]:
    """Return labels and probabilities in the order of the outputs; a model without labels is `Refused`."""
    task, labels, answer = given.model.task, given.model.learnt.labels, given.answer
    if isinstance(task, LabelTask):
        chances: Sequence[float] = task.probabilities([given.raw])[0].tolist()
    elif task.kind == "multi_label":
        chances = expit(given.raw[0]).tolist()
    elif "number" in answer:
        return [((*labels, "number")[0], answer["number"])]
    elif "numbers" in answer:
        return list(answer["numbers"].items())
    elif "paths" in answer:
        return [(path, score) for path, score in answer["paths"]]
    elif task.kind == "multiple_choice":
        return list(zip(given.features.notes, softmax(given.raw[:, 0]).tolist(), strict=True))
    else:
        raise not_understood(f"A model for {task.kind} has no scores of labels. Ask for its own answer.")
    return list(zip(labels, chances, strict=True))


def relevance(given: Given) -> str:
    """Return one number for a pair of texts: cosine, number of a regression, or probability of the last label."""
    if "cosine" in given.answer:
        return as_json(given.answer["cosine"])
    if len(given.features.sequences) == 1 and given.features.segments is None:
        raise not_understood(f"A model for {given.model.task.kind} compares no texts. Name one that reads pairs.")
    return as_json(all_scores(given)[-1][1])


def vector(given: Given) -> str:
    """Return the vector: numbers, or with `base64` the bytes of its float32, of so many `dimensions` at length 1."""
    if "vector" not in given.answer:
        raise not_understood(
            f"A model for {given.model.task.kind} has no vectors. Name one for sentence embeddings, or serve an "
            "encoder with kinds.NAME=sentence_embeddings."
        )
    told, size = given.answer["vector"], given.options.get("dimensions")
    if size and size > len(told):
        raise not_understood(
            f"A vector of {size} numbers was asked for, and this model gives {len(told)}. Ask for fewer."
        )
    if size and size < len(told):
        told = unit(np.array([told[:size]], np.float32))[0].tolist()
    elif given.options.get("normalize") and not given.model.task.model_dump().get("normalize"):
        told = unit(np.array([told], np.float32))[0].tolist()
    if given.options.get("base64"):
        return as_json(base64.b64encode(np.array(told, "<f4").tobytes()).decode())
    return as_json(told)


def marked(given: Given) -> str:
    """Return what is marked in a text as `transformers` tells it: group, mean score of its words, characters."""
    found, sentence = given.answer.get("entities"), given.features.notes
    if found is None and "tags" not in given.answer:
        raise not_understood(f"A model for {given.model.task.kind} marks nothing in a text. Name one for tagging.")
    if sentence.spans is None:
        raise not_understood("Words were given, and what is marked is told by the characters of a text. Give a text.")
    chances = softmax(given.raw).max(axis=1)
    tags = [given.model.learnt.labels[number] for number in given.raw.argmax(axis=1)]
    runs = [(n, n + 1, tag) for n, tag in enumerate(tags)] if found is None else entities(tags)
    told = []
    for first, behind, kind in runs:
        start, end = sentence.spans[first][0], sentence.spans[behind - 1][1]
        score = float(chances[first:behind].mean())
        word = sentence.text[start:end]
        told.append({"entity_group": kind, "score": score, "word": word, "start": start, "end": end})
    return as_json(told)


SHAPES: Mapping[str, Callable[[Given], str]] = {
    "answer": answer,
    "scores": scores,
    "relevance": relevance,
    "vector": vector,
    "marked": marked,
}
"""What can be asked of a fine-tuned model, by the names that routes use."""
