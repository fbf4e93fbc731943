"""More training rows out of those there are: words replaced by others that could stand there (Jiao et al., 2020)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from pydantic import Field

from mamebert.checkpoints.load import load_pretraining
from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.compression.contract import Bench
from mamebert.compression.distillation.substitute_words import Guesser, Word, content_words, near_words
from mamebert.compression.goals import TaskGoal
from mamebert.config import Config, RunPath
from mamebert.errors import UserError
from mamebert.tasks.bases.text_task import TextTask
from mamebert.tasks.data.features import Example
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Located
from mamebert.training.loop import derive_seed
from mamebert.word2vec.table import VectorTable


class Replaceable(NamedTuple):
    """A word of a text, and what could stand there."""

    start: int
    end: int
    candidates: list[str]


class Augmentation(Config):
    """How training rows are multiplied."""

    masked_lm: RunPath
    """The folder of a pretrained encoder with its masked-word head: it guesses what could stand in the place of a word
    of one piece. Words behind half of what it reads are left as they are."""
    vectors: RunPath | None = None
    """Output of `mamebert vectors`: a word of several pieces is replaced by one near to it there. Unset, it stays."""
    copies: int = Field(default=20, ge=1)
    """Versions made of each row (the paper: 10 to 30); those that are the same as another are left out."""
    replace_rate: float = Field(default=0.4, gt=0, le=1)
    """Share of the words with a meaning of their own that are replaced in a version."""
    num_candidates: int = Field(default=15, ge=1)
    """How many words are thought of for each place; one of them is drawn."""
    masks_at_once: int = Field(default=1, ge=1)
    """Words of a text that are guessed in one pass. The paper has 1; more is faster where texts are long."""

    def check(self, bench: Bench) -> None:
        """Refuse what has no texts whose words could be replaced, before any work."""
        goal = bench.teacher.goal
        if not isinstance(goal, TaskGoal):
            raise UserError(
                "Augmentation is for the rows of a task, and this is a pretrained encoder. Leave augmentation out, and "
                "give more text."
            )
        if not isinstance(goal.task, TextTask):
            raise UserError(
                f"Right answers of {goal.task.kind} lie at places in the text, which change with its words. "
                "Leave augmentation out."
            )
        ModelFolder.open(self.masked_lm).tokenizer()
        if self.vectors:
            VectorTable.open(self.vectors)

    def augment(self, bench: Bench) -> list[Example]:
        """Return the training rows, and behind them the versions made of each; the same for the same seed."""
        examples = bench.examples()
        texts = list(dict.fromkeys(text for example in examples for text in example.inputs))
        words = dict(zip(texts, self._replaceable(texts, bench), strict=True))
        rng = np.random.default_rng(derive_seed(bench.seed, "augmentation"))
        made = []
        for example in examples:
            versions = [
                tuple(rewritten(text, words[text], self.replace_rate, rng) for text in example.inputs)
                for _ in range(self.copies)
            ]
            made += [replace(example, inputs=each) for each in dict.fromkeys(versions) if each != example.inputs]
        return [*examples, *made]

    def _replaceable(self, texts: Sequence[str], bench: Bench) -> list[list[Replaceable]]:
        """Return the words of each text that something could stand for."""
        folder = ModelFolder.open(self.masked_lm)
        tokenizer, network = folder.tokenizer(), load_pretraining(folder.path).to(bench.device)
        located = tokenizer.encode_with_offsets(texts)
        words = [content_words(text, each) for text, each in zip(texts, located, strict=True)]
        single = [[word.pieces[0] for word in each if len(word.pieces) == 1] for each in words]
        guesses = Guesser(network, tokenizer, self.num_candidates, self.masks_at_once).guesses(
            [each.ids for each in located], single
        )
        near = self._near(texts, words, located, tokenizer)
        return [
            [
                Replaceable(word.start, word.end, candidates)
                for word in of_text
                if (candidates := guessed.get(word.pieces[0]) or near.get(text[word.start : word.end], []))
            ]
            for text, of_text, guessed in zip(texts, words, guesses, strict=True)
        ]

    def _near(
        self, texts: Sequence[str], words: Sequence[list[Word]], located: Sequence[Located], tokenizer: Tokenizer
    ) -> dict[str, list[str]]:
        """Return the words near to each word of several pieces."""
        if not self.vectors:
            return {}
        pieces = {
            text[word.start : word.end]: [tokenizer.tokens[i] for i in each.ids[word.pieces.start : word.pieces.stop]]
            for text, of_text, each in zip(texts, words, located, strict=True)
            for word in of_text
            if len(word.pieces) > 1
        }
        found = near_words(VectorTable.open(self.vectors), list(pieces), list(pieces.values()), self.num_candidates)
        return dict(zip(pieces, found, strict=True))


def rewritten(text: str, words: Sequence[Replaceable], rate: float, rng: np.random.Generator) -> str:
    """Return the text with about `rate` of these words, which do not overlap, replaced by one of their candidates."""
    draws, picks = rng.random(len(words)), rng.random(len(words))
    for word, draw, pick in reversed(list(zip(words, draws, picks, strict=True))):
        if draw < rate:
            text = text[: word.start] + word.candidates[int(pick * len(word.candidates))] + text[word.end :]
    return text
