"""`mamebert vocab`: documents in, a tokenizer that `transformers` opens out."""

from pathlib import Path
from typing import ClassVar

from pydantic import Field

from mamebert.config import RunPath
from mamebert.corpus.cleaning import Cleaning
from mamebert.corpus.documents import MAKERS, cleaned_with, document_shards
from mamebert.files.checksums import seal
from mamebert.preflight.ahead import Ahead, Found, check_first, tried
from mamebert.progress import say
from mamebert.results.vocab import Segmentation, VocabResults
from mamebert.runs import Run, StageConfig
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.normalising import NormalForm
from mamebert.tokenizer.quality import longest_tokens, measure, segmentations
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

WORTH_TELLING = 0.001
"""Share of the characters."""


class VocabConfig(StageConfig):
    """Settings of `mamebert vocab`."""

    command: ClassVar[str] = "vocab"
    corpus: RunPath
    """A run of `mamebert clean` or `mamebert select`."""
    vocabulary: Vocabulary = Field(default_factory=lambda: Vocabulary.model_validate("wordpiece"))
    """What to learn."""
    processes: int = Field(default=0, ge=0)
    """Processes that count words; 0 means one for each core. The vocabulary does not depend on it."""

    def places(self) -> list[str]:
        """Return the output and the folder in it that transformers opens."""
        return ["", "tokenizer"]


def vocab(config: VocabConfig) -> Run:
    """Learn a vocabulary; leave a `tokenizer` folder that `transformers.AutoTokenizer` opens."""
    check_first(config, check)
    run = Run.start(config)
    if run.finished:
        return run
    vocabulary, shards = config.vocabulary, document_shards(config.corpus)
    form = _normal_form(config.corpus)
    sample = Sample.draw(shards, vocabulary.sample_characters, config.seed, config.processes, form)

    told = vocabulary.train(sample, run.folder / "tokenizer")
    if told.get("characters_too_long_rate", 0) >= WORTH_TELLING:
        say(
            f"{told['words_too_long']:,} words are too long to be cut into pieces and become [UNK] whole: "
            f"{told['characters_too_long_rate']:.1%} of all characters."
        )

    seal(run.folder / "tokenizer")
    tokenizer, held = Tokenizer.open(run.folder / "tokenizer"), sample.held()
    shown = segmentations(tokenizer, held[:: max(len(held) // 5, 1)][:5])
    run.results = VocabResults(
        **told,
        size=tokenizer.vocab_size,
        sample_rate=sample.rate,
        held_sentences=len(held),
        **measure(tokenizer, held),  # type: ignore[arg-type]  # the model looks
        longest_tokens=longest_tokens(tokenizer),
        segmentations=[Segmentation(**each) for each in shown],
    ).written()
    return run.finish()


def _normal_form(corpus: Path) -> NormalForm:
    """Return the Unicode form that `clean` has given the text; documents from elsewhere are taken for its default."""
    return Cleaning.model_validate(cleaned_with(corpus).get("cleaning", {})).normalise


def check(config: VocabConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: no documents, and a vocabulary that needs what is not installed."""
    yield from ahead.made_by(config.corpus, MAKERS, document_shards)
    yield from tried(config.vocabulary.check)
