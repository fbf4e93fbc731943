"""Sizes and steps for a corpus and a machine: each rule in a sentence, and where it is from."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import log, sqrt
from typing import Any

from mamebert.config import build
from mamebert.encoder.settings import EncoderConfig
from mamebert.language_recipes.languages import LONG, SHORT, Language
from mamebert.preflight.looking import num_parameters
from mamebert.stages.pretrain.checks import seconds_reckoned
from mamebert.stages.pretrain.defaults import RATE
from mamebert.stages.pretrain.settings import PretrainConfig

SIZES = (4_000, 8_000, 12_000, 16_000, 24_000, 32_000, 40_000, 50_000)
PIECES, WORDS = 8_000, 10_000_000
"""Vocabularies grow as the root of the text: 8,000 pieces for ten million words (recipes/encoders/en10.toml), about
30,000 for the 160 million of gaBERT."""
LADDER = ((768, 12), (512, 8), (384, 6), (256, 4), (128, 4), (128, 2))
"""Widths and layers, the largest first."""
TOKENS_PER_PARAMETER = 20
"""Tokens to be read for each parameter of the layers (Hoffmann et al., 2022, for models that guess the next word)."""
MOST_EPOCHS = 40
"""Times that a text is read at most, with other words hidden each time: as often as BERT read its own (Devlin et al.,
2019, appendix A.2)."""
LEAST_STEPS = 1_000
"""Steps; smaller texts are read in smaller batches."""
SOONEST = (64, 256)
"""Tokens of a sequence, first and at the end, of small encoders that are to learn soonest (docs/lab.md, 2026-11-30)."""
LONG_SHARE = 0.1
"""Of the tokens, in long sequences at the end, as BERT has it of the steps."""


@dataclass(frozen=True)
class Phase:
    """A pretraining: sequences of one length."""

    max_length: int
    steps: int
    batch_tokens: int
    peak_lr: float | None = None
    """None leaves it to what pretraining decides by itself."""
    is_long: bool = False
    """Whether it comes after a phase of shorter sequences."""

    @property
    def tokens(self) -> int:
        """Tokens read."""
        return self.steps * self.batch_tokens


@dataclass(frozen=True)
class Advice:
    """What to make of a corpus."""

    vocabulary_size: int
    hidden_size: int
    num_hidden_layers: int
    phases: tuple[Phase, ...]
    """Short sequences and then long ones; or one alone, where documents are short."""
    learns_soonest: bool = False
    """Whether it has ModernBERT's layout and begins with word2vec's vectors, which then learn: what knew most after so
    many tokens of all that was tried with small encoders (docs/lab.md, 2026-11-30)."""

    def asked(self, phase: Phase, objective: Mapping[str, Any]) -> dict[str, Any]:
        """Return the objective: as small encoders begin with, but in long sequences as BERT has it."""
        words_alone = {"kind": "masked_lm"} if self.learns_soonest else {}
        rate = {"mask_rate": 0.15} if phase.is_long else {}
        return {**objective, **words_alone, "max_length": phase.max_length, **rate}

    @property
    def shape(self) -> dict[str, Any]:
        """Settings of the encoder."""
        size = {"hidden_size": self.hidden_size, "num_hidden_layers": self.num_hidden_layers}
        room = {"max_position_embeddings": self.phases[-1].max_length}
        if not self.learns_soonest:
            return size | room
        return {"preset": "modernbert", **size, **room, "global_rope_theta": 10_000}


def vocabulary_size(words: int, language: Language) -> int:
    """Return the size for a text of so many words: in round numbers, up to that of the language's paper."""
    wanted = PIECES * sqrt(max(words, 1) / WORDS)
    nearest = min(SIZES, key=lambda size: abs(log(size / wanted)))
    return min(max(nearest, language.least_pieces), language.most_pieces)


def advise(
    tokens: int, tokens_per_document: float, vocabulary_size: int, objective: dict[str, Any], hours: float
) -> Advice:
    """Return shape and steps for a text of so many tokens and `hours` of pretraining on this machine.

    The largest shape for which the time is long enough to read 20 tokens for each parameter of its layers; the text
    is read forty times at most.
    """
    has_long = tokens_per_document >= SHORT
    wanted = tokens * MOST_EPOCHS
    for width, layers in LADDER:
        found = sized(wanted, vocabulary_size, width, layers, has_long, soonest=True)
        seconds = seconds_of(found, objective)
        seen = int(wanted * min(1.0, hours * 3600 / max(seconds, 1e-9)))
        least = TOKENS_PER_PARAMETER * _parameters_of_layers(width, layers)
        if seen >= least or (width, layers) == LADDER[-1]:
            return sized(seen, vocabulary_size, width, layers, has_long, soonest=True)
    raise AssertionError("the last shape of the ladder is always taken")


def sized(
    tokens: int, vocabulary_size: int, width: int, layers: int, has_long: bool = True, soonest: bool = False
) -> Advice:
    """Return the advice for a shape that reads so many tokens; with `soonest`, a small one learns as fast as it can."""
    shape = EncoderConfig(hidden_size=width, num_hidden_layers=layers)
    soonest = soonest and shape.is_small
    short_length, long_length = SOONEST if soonest else (SHORT, LONG)
    most = 4_096 if shape.is_small else 32_768
    batch = max(256, min(most, 1 << max(0, (max(tokens, 1) // LEAST_STEPS).bit_length() - 1)))
    rate = None if shape.is_small else round(RATE / width, 6)  # the rule of small ones, without its bounds
    if not has_long:
        alone = Phase(short_length, _steps(tokens, batch), batch, rate)
        return Advice(vocabulary_size, width, layers, (alone,), soonest)
    long = int(LONG_SHARE * tokens)
    phases = (
        Phase(short_length, _steps(tokens - long, batch), batch, rate),
        Phase(long_length, _steps(long, 2 * batch), 2 * batch, rate, is_long=True),
    )
    return Advice(vocabulary_size, width, layers, phases, soonest)


def seconds_of(advice: Advice, objective: dict[str, Any]) -> float:
    """Return about how many seconds both pretrainings take on this machine (see `stages.pretrain.checks`)."""
    return sum(seconds_reckoned(_config(advice, each, objective), advice.vocabulary_size) for each in advice.phases)


def _config(advice: Advice, phase: Phase, objective: dict[str, Any]) -> PretrainConfig:
    settings = {
        "shards": "tokens",
        "output": "encoder",
        "encoder": advice.shape,
        "objective": advice.asked(phase, objective),
        "training": {"steps": phase.steps, "batch_tokens": phase.batch_tokens},
    }
    return build(PretrainConfig, settings)


def _steps(tokens: int, batch_tokens: int) -> int:
    steps = max(tokens // batch_tokens, 1)
    unit = int(10 ** max(len(str(steps)) - 2, 0))  # in round numbers
    return steps // unit * unit


def _parameters_of_layers(width: int, layers: int) -> int:
    one, two = (num_parameters(EncoderConfig(hidden_size=width, num_hidden_layers=number), 1) for number in (1, 2))
    return layers * (two - one)
