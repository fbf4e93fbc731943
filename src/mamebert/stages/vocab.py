"""`mamebert vocab`: documents in, a tokenizer that `transformers` opens out."""

from typing import ClassVar

from pydantic import Field

from mamebert.config import RunPath
from mamebert.corpus.documents import document_shards
from mamebert.runs import Run, StageConfig
from mamebert.stages._ahead import Ahead, Found, check_first, tried
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.quality import longest_tokens, measure, segmentations
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary


class VocabConfig(StageConfig):
    """Settings of `mamebert vocab`."""

    command: ClassVar[str] = "vocab"
    corpus: RunPath
    """A run of `mamebert clean`."""
    vocabulary: Vocabulary = Field(default_factory=lambda: Vocabulary.model_validate("wordpiece"))
    """What to learn."""
    processes: int = Field(default=0, ge=0)
    """Processes that count words; 0 means one for each core. The vocabulary does not depend on it."""


def vocab(config: VocabConfig) -> Run:
    """Learn a vocabulary; leave a `tokenizer` folder that `transformers.AutoTokenizer` opens."""
    check_first(config, check)
    run = Run.start(config)
    if run.finished:
        return run
    vocabulary, shards = config.vocabulary, document_shards(config.corpus)
    sample = Sample.draw(shards, vocabulary.sample_characters, config.seed, config.processes)

    vocabulary.train(sample, run.folder / "tokenizer")

    tokenizer, held = Tokenizer.open(run.folder / "tokenizer"), sample.held()
    run.results["size"] = tokenizer.vocab_size
    run.results["sample_rate"] = sample.rate
    run.results["held_sentences"] = len(held)
    run.results.update(measure(tokenizer, held))
    run.results["longest_tokens"] = longest_tokens(tokenizer)
    run.results["segmentations"] = segmentations(tokenizer, held[:: max(len(held) // 5, 1)][:5])
    return run.finish()


def check(config: VocabConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: no documents, and a vocabulary that needs what is not installed."""
    yield from ahead.made_by(config.corpus, ["clean"], document_shards)
    yield from tried(config.vocabulary.check)
