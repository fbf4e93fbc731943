"""A model and what is asked of it: replies that are refusals where one item is wrong, and answers to all others."""

import hashlib
import sys
import traceback
from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import cycle
from time import perf_counter
from typing import Any

import numpy as np

from mamebert.encoder.model import Encoder
from mamebert.errors import UserError
from mamebert.probes.scoring.attention_maps import attention_to_itself
from mamebert.server.engine.fragments import SHAPES, Given
from mamebert.server.engine.refusals import Refused, not_understood, too_much
from mamebert.serving.load import FillMask, Kind, Model, Precision, load
from mamebert.serving.spelling import as_json
from mamebert.tasks.masked_words.fill_mask import Candidates

Reply = list[Any]
"""["ok", answer as JSON, tokens, truncated], or ["no", status, sentence]."""
FIRST_TEXTS = 8
MOST_MAPPED = 64
"""Tokens of a text whose attention is told: the map of one head is the square of them."""
SENTENCES = ("The old boat meets the rope.", "What does the boat meet?")


class Answering:
    """Opens a folder and answers batches."""

    def __init__(self, folder: str, kind: Kind | None, precision: Precision, most_tokens: int) -> None:
        self.model: FillMask | Model = load(folder, kind, precision=precision)
        self.most_tokens = most_tokens

    def about(self) -> dict[str, Any]:
        """Return what clients are told of the model, and the hash of what it answers to its own example."""
        item = self.example()
        (reply,) = self.replies([item])
        if reply[0] != "ok":
            raise UserError(f"The model does not answer its own example ({reply[2]}) Give another model.")
        told: dict[str, Any] = {
            "example": item,
            "self_test": hashlib.sha256(reply[1].encode()).hexdigest(),
            "has_attention": self._encoder() is not None,
            "tokens_each_second": self._speed(item),
        }
        if isinstance(self.model, FillMask):
            tokenizer = self.model.tokenizer
            return {**told, "kind": "fill-mask", "mask_token": tokenizer.tokens[tokenizer.mask_id]}
        task = self.model.task
        return {
            **told,
            "kind": task.kind,
            "columns": task.columns(),
            "labels": list(self.model.learnt.labels),
            "max_length": task.max_length,
        }

    def _speed(self, item: dict[str, Any]) -> float:
        """Return tokens a second, by a few answers to the same: the first guess, until there are real ones."""
        started = perf_counter()
        replies = self.replies([item] * FIRST_TEXTS)
        return float(sum(reply[2] for reply in replies) / (perf_counter() - started))

    def example(self) -> dict[str, Any]:
        """Return an item that the model answers."""
        if isinstance(self.model, FillMask):
            tokenizer = self.model.tokenizer
            return {"do": "answer", "asked": f"The old boat meets the {tokenizer.tokens[tokenizer.mask_id]}."}
        task = self.model.task
        alone = SENTENCES[0] if getattr(task, "second_is_optional", False) else None
        return {"do": "answer", "asked": alone or _spoken(task.example(), cycle(SENTENCES))}

    def replies(self, items: Sequence[dict[str, Any]]) -> list[Reply]:
        """Return a reply to each item; where one cannot be understood, the others are answered without it."""
        try:
            return self._together(items)
        except Exception as error:  # whatever it is, it must not take the answers of others with it
            if len(items) == 1:
                return [_refused(error)]
        half = len(items) // 2
        return [*self.replies(items[:half]), *self.replies(items[half:])]

    def _together(self, items: Sequence[dict[str, Any]]) -> list[Reply]:
        if any(item["do"] == "attention" for item in items):
            others = iter(self.replies([item for item in items if item["do"] != "attention"]))
            return [self._shown(item) if item["do"] == "attention" else next(others) for item in items]
        if isinstance(self.model, FillMask):
            return self._filled(self.model, items)
        asked = self.model.understood([item["asked"] for item in items])
        for features in asked.features:
            if features.num_tokens > self.most_tokens:
                raise too_much(
                    f"The text has {features.num_tokens:,} tokens, and {self.most_tokens:,} are read at most. Give a "
                    "shorter one, or set limits.tokens."
                )
        raws = self.model.raws(asked)
        answers = self.model.answers(asked, raws)
        known = {e.row: (f, raw) for e, f, raw in zip(asked.examples, asked.features, raws, strict=True)}
        return [
            self._reply(self.model, item, answers[number], *known.get(number, (None, None)))
            for number, item in enumerate(items)
        ]

    def _shown(self, item: dict[str, Any]) -> Reply:
        try:
            return self._attention(item["asked"])
        except (UserError, Refused) as error:
            return _refused(error)

    def _reply(self, model: Model, item: dict[str, Any], answer: Any, features: Any, raw: Any) -> Reply:
        if features is None and item["do"] != "answer":
            return _refused(not_understood(f"The text cannot be answered: {answer['unanswered']}. Give another."))
        if features is None:
            return ["ok", as_json(answer), 0, 0]
        if features.num_truncated and item.get("truncate") is False:
            return _refused(
                too_much(
                    f"The text is longer than the {model.task.max_length} tokens that are read. Give a shorter one, "
                    "or leave truncate out."
                )
            )
        try:
            told = SHAPES[item["do"]](Given(model, item, answer, features, raw))
        except Refused as error:
            return _refused(error)
        return ["ok", told, features.num_tokens, int(features.num_truncated > 0)]

    def _filled(self, model: FillMask, items: Sequence[dict[str, Any]]) -> list[Reply]:
        for item in items:
            _require_words(item)
        asked = model.understood([item["asked"] for item in items])
        words = model.words(asked, [item.get("top") or 5 for item in items])
        return [
            ["ok", self._words_told(item, masks), len(each.ids), 0]
            for item, each, masks in zip(items, asked, words, strict=True)
        ]

    def _words_told(self, item: dict[str, Any], masks: list[Candidates]) -> str:
        text = item["asked"]
        if item["do"] == "answer":
            return as_json({"text": text, "masks": masks})
        tokenizer = self.model.tokenizer
        parts = text.split(mark := tokenizer.tokens[tokenizer.mask_id])
        told = [
            [
                {
                    "score": chance,
                    "token": self._numbers[word],
                    "token_str": word,
                    "sequence": f"{mark.join(parts[: place + 1])}{word}{mark.join(parts[place + 1 :])}",
                }
                for word, chance in candidates
            ]
            for place, candidates in enumerate(masks)
        ]
        return as_json(told[0] if len(told) == 1 else told)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        """The number of each token, as it is spelt in answers."""
        tokenizer = self.model.tokenizer
        return {tokenizer.spelt(number): number for number, token in enumerate(tokenizer.tokens) if token}

    def _encoder(self) -> Encoder | None:
        found = getattr(self.model.network, "bert", None)
        return found if isinstance(found, Encoder) and hasattr(found, "trace") else None

    def _attention(self, text: Any) -> Reply:
        """Return tokens, and for each layer and head what share each token takes from each."""
        encoder, tokenizer = self._encoder(), self.model.tokenizer
        if encoder is None or not isinstance(text, str):
            raise not_understood("This model shows no attention to one text. Name one that is an ordinary encoder.")
        pieces = tokenizer.encode(text, special="token" if isinstance(self.model, FillMask) else "text").ids
        if len(pieces) + 2 > MOST_MAPPED:
            raise too_much(f"The text has {len(pieces)} pieces, and {MOST_MAPPED - 2} are drawn. Give a shorter one.")
        ids = np.concatenate([[tokenizer.cls_id], pieces, [tokenizer.sep_id]]).astype(np.int64)
        layers = attention_to_itself(encoder, ids)
        told = {
            "tokens": [tokenizer.tokens[number] for number in ids],
            "attention": [layer.numpy().round(4).tolist() for layer in layers],
        }
        return ["ok", as_json(told), len(ids), 0]


def _require_words(item: dict[str, Any]) -> None:
    if not isinstance(item["asked"], str):
        raise not_understood("An encoder fills [MASK] in one text. Give a text.")
    if item["do"] not in ("answer", "filled"):
        raise not_understood(
            "This model is an encoder, which gives words for [MASK]. Name a fine-tuned one, or serve it with "
            "kinds.NAME=sentence_embeddings for vectors."
        )


def _refused(error: Exception) -> Reply:
    if isinstance(error, Refused):
        return ["no", error.status, error.sentence]
    if isinstance(error, UserError):
        return ["no", 422, str(error)]
    traceback.print_exception(error, file=sys.stderr)
    return ["no", 500, f"The model failed ({type(error).__name__}). The log of the server tells more."]


def _spoken(value: Any, sentences: Iterator[str]) -> Any:
    """Return an example with a sentence wherever it has three dots."""
    if isinstance(value, dict):
        return {name: _spoken(each, sentences) for name, each in value.items()}
    if isinstance(value, list):
        return [_spoken(each, sentences) for each in value]
    return next(sentences) if value == "…" else value
