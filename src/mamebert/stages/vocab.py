"""`mamebert vocab`: documents in, a tokenizer that `transformers` opens out."""

from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from mamebert.config import RunPath
from mamebert.corpus.cleaning import Cleaning
from mamebert.corpus.documents import MAKERS, cleaned_with, document_shards
from mamebert.corpus.parallel import Engine, require
from mamebert.corpus.readers import Reader
from mamebert.files.checksums import seal
from mamebert.preflight.ahead import Ahead, Found, check_first, tried
from mamebert.progress import say
from mamebert.results.vocab import Segmentation, VocabResults
from mamebert.runs import Run, Source, StageConfig
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.judging.boundaries import agreement, marked
from mamebert.tokenizer.judging.quality import longest_tokens, measure, segmentations
from mamebert.tokenizer.judging.unigram_bits import bits_per_character
from mamebert.tokenizer.learning.filled import TooFewPieces
from mamebert.tokenizer.normalising import NormalForm
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

WORTH_TELLING = 0.001
"""Share of the characters."""
ROWS_LOOKED_AT = 3
LEAST_PIECES = 64
"""A text that does not fill so small a vocabulary is none to learn from."""


class VocabConfig(StageConfig):
    """Settings of `mamebert vocab`."""

    command: ClassVar[str] = "vocab"
    newer: ClassVar[tuple[str, ...]] = ("too_large", "gold", "engine")
    corpus: RunPath
    """A run of `mamebert clean` or `mamebert select`."""
    vocabulary: Vocabulary = Field(default_factory=lambda: Vocabulary.model_validate("wordpiece"))
    """What to learn."""
    too_large: Literal["refuse", "lower"] = "refuse"
    """What if the text does not fill `vocabulary.size`: an error, or as many pieces as it supports, which is told."""
    gold: Reader | None = None
    """Sentences whose words people have marked, to compare the borders of pieces with: a treebank (`.conllu`), or the
    annotated Japanese corpora (kind = "bunsetsu"). Nothing is learnt from them."""
    processes: int = Field(default=0, ge=0)
    """Processes that count words; 0 means one for each core. The vocabulary does not depend on it."""
    engine: Engine = "local"
    """Where these processes are: on this machine, or on a Ray cluster (extra `ray`), that of RAY_ADDRESS or else one
    that is started here. The result does not depend on it."""

    def fingerprint(self) -> list[Source]:
        """Return the marked sentences."""
        return self.gold.fingerprint() if self.gold else []

    def places(self) -> list[str]:
        """Return the output and the folder in it that transformers opens."""
        return ["", "tokenizer"]


def vocab(config: VocabConfig) -> Run:
    """Learn a vocabulary; leave a `tokenizer` folder that `transformers.AutoTokenizer` opens."""
    check_first(config, check)
    run = Run.start(config, config.fingerprint())
    if run.finished:
        return run
    vocabulary, shards = config.vocabulary, document_shards(config.corpus)
    form = _normal_form(config.corpus)
    sample = Sample.draw(shards, vocabulary.sample_characters, config.seed, config.processes, form, config.engine)

    told = _trained(vocabulary, sample, run.folder / "tokenizer", config.too_large == "lower")
    if told.get("characters_too_long_rate", 0) >= WORTH_TELLING:
        say(
            f"{told['words_too_long']:,} words are too long to be cut into pieces and become [UNK] whole: "
            f"{told['characters_too_long_rate']:.1%} of all characters."
        )

    seal(run.folder / "tokenizer")
    tokenizer, held = Tokenizer.open(run.folder / "tokenizer"), sample.held()
    pieces = tokenizer.encode_with_offsets(held)
    shown = segmentations(tokenizer, held[:: max(len(held) // 5, 1)][:5])
    run.results = VocabResults(
        **told,
        size=tokenizer.vocab_size,
        sample_rate=sample.rate,
        held_sentences=len(held),
        **measure(tokenizer, held, pieces),  # type: ignore[arg-type]  # the model looks
        bits_per_character=bits_per_character(tokenizer, sample.learnt(), held, pieces),
        **_compared(tokenizer, config.gold),
        longest_tokens=longest_tokens(tokenizer),
        segmentations=[Segmentation(**each) for each in shown],
    ).written()
    return run.finish()


def _trained(vocabulary: Vocabulary, sample: Sample, folder: Path, lower: bool) -> dict[str, Any]:
    """Learn the pieces; with `lower` as many as the text supports, where these are fewer."""
    try:
        return vocabulary.train(sample, folder)
    except TooFewPieces as error:
        if not (lower and LEAST_PIECES <= error.supported < vocabulary.size):
            raise
        say(f"The text supports a vocabulary of {error.supported:,} pieces, not {vocabulary.size:,}: that is taken.")
        return _trained(vocabulary.model_copy(update={"size": error.supported}), sample, folder, lower)


def _normal_form(corpus: Path) -> NormalForm:
    """Return the Unicode form that `clean` has given the text; documents from elsewhere are taken for its default."""
    return Cleaning.model_validate(cleaned_with(corpus).get("cleaning", {})).normalise


def check(config: VocabConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: no documents, and a vocabulary that needs what is not installed."""
    yield from tried(require, config.engine)
    yield from ahead.made_by(config.corpus, MAKERS, document_shards)
    yield from tried(config.vocabulary.check)
    if config.gold:
        yield from tried(_look, config.gold)


def _look(gold: Reader) -> None:
    for row in gold.first_rows(ROWS_LOOKED_AT):
        marked(row)


def _compared(tokenizer: Tokenizer, gold: Reader | None) -> dict[str, Any]:
    if gold is None:
        return {}
    found = agreement(tokenizer, gold.rows())
    return {
        "gold_sentences": found.sentences,
        "gold_left_out": found.left_out,
        "boundary_recall": found.recall,
        "boundary_precision": found.precision,
        "boundary_f1": found.f1,
    }
