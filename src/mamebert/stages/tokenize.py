"""`mamebert tokenize`: documents and a tokenizer in, memory-mapped token shards out."""

from functools import partial as bind
from itertools import islice
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from mamebert.checkpoints.model_folder import CONFIG, read_config, tokenizer_for, tokenizer_place
from mamebert.config import RunPath
from mamebert.corpus.documents import MAKERS, document_shards, read_shard
from mamebert.corpus.parallel import Engine, begin_server, ordered_map, require
from mamebert.corpus.token_shards import Part, TokenShards, shard_path, write_manifest
from mamebert.errors import UserError
from mamebert.files.checksums import seal
from mamebert.files.disk import need_space
from mamebert.preflight.ahead import Ahead, Found, check_first, tried
from mamebert.progress import progress, say
from mamebert.results.tokenize import TextTokens, TokenizeResults
from mamebert.runs import Run, StageConfig
from mamebert.tokenizer.copying import copy_tokenizer
from mamebert.tokenizer.dropout import require_merges
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import ShardSize, measure_shards
from mamebert.tokenizer.shards import Dropout, Job, encode_shard, keep_open
from mamebert.tokenizer.unknown import Unknown

PARTS: tuple[Part, ...] = ("train", "heldout")
FEW_CHARACTERS = 2_000_000
"""Of a text; they are encoded sooner than processes have started."""
FEWEST = 2
MOST_OF_ONE = 0.05
"""Of the text, in one held-out document: of a longer one its end is held out, and it is learnt from up to there. A file
of sentences without empty lines is one document."""
BYTES_PER_SENTENCE = 9  # two offsets of four bytes, and a bit


class TokenizeConfig(StageConfig):
    """Settings of `mamebert tokenize`."""

    command: ClassVar[str] = "tokenize"
    newer: ClassVar[tuple[str, ...]] = ("engine", "bpe_dropout")
    corpus: RunPath
    """A run of `mamebert clean` or `mamebert select`."""
    tokenizer: RunPath
    """A run of `mamebert vocab`, or of a stage that makes a model, or any folder that `transformers.AutoTokenizer`
    opens."""
    heldout_rate: float = Field(default=0.01, ge=0, lt=1)
    """Share of the documents, chosen by the seed, that are kept apart to measure the loss on; of one that is more than
    a twentieth of all text, its end."""
    max_heldout_tokens: int = Field(default=200_000, ge=0)
    """Keep apart no more than about this many tokens."""
    bpe_dropout: float = Field(default=0.0, ge=0, lt=1)
    """Leave out each merge of a bpe or byte_bpe vocabulary at this rate, so that an encoder learns words in several
    cuts (0.1 by Provilkov et al., 2020); held-out documents are cut as ever."""
    processes: int = Field(default=0, ge=0)
    """Processes that encode shards; 0 means one for each core. The shards do not depend on it."""
    engine: Engine = "local"
    """Where these processes are: on this machine, or on a Ray cluster (extra `ray`), that of RAY_ADDRESS or else one
    that is started here. The result does not depend on it."""

    def places(self) -> list[str]:
        """Return the output and the folder in it that transformers opens."""
        return ["", "tokenizer"]


def tokenize(config: TokenizeConfig) -> Run:
    """Encode every document; leave shards of ids with sentence ends and word starts, and the tokenizer."""
    check_first(config, check)
    run = Run.start(config)
    if run.finished:
        return run
    source, shards = tokenizer_place(config.tokenizer), document_shards(config.corpus)
    begin_server(encode_shard, sum(shard.stat().st_size for shard in shards), config.processes, config.engine)
    tokenizer = Tokenizer.open(source)
    sizes = measure_shards(shards)
    tokens_per_character = _tokens_per_character(tokenizer, shards)
    need_space(run.folder, _num_bytes(sizes, tokens_per_character, tokenizer.vocab_size), "Token shards")
    copy_tokenizer(source, run.folder / "tokenizer")
    seal(run.folder / "tokenizer")
    keep_open(run.folder / "tokenizer", tokenizer)

    heldout, most = _choose_heldout(config, sizes, tokens_per_character)
    jobs = [Job(number, shard, tuple(heldout[number]), most) for number, shard in enumerate(shards)]
    left = _not_done(run, jobs)
    begun = monotonic()
    few = sum(size.characters for size in sizes) < FEW_CHARACTERS
    processes = 1 if few and config.engine == "local" else config.processes
    work = bind(encode_shard, run.folder, Dropout(config.bpe_dropout, config.seed))
    encoded = ordered_map(work, left, processes, engine=config.engine, start="server")
    for done in progress(encoded, "tokenizing", "shards", len(left)):
        run.record(**done)
    seconds = round(monotonic() - begun, 3)

    manifest = write_manifest(run.folder, tokenizer.vocab_size)
    results = _count(run, tokenizer.unk_id, manifest, sizes)
    results.seconds_encoding = seconds
    if told := Unknown(results.tokens or 0, results.unknown_tokens or 0).told("the corpus"):
        say(told)
    run.results = results.written()
    return run.finish()


def check(config: TokenizeConfig, ahead: Ahead) -> Found:
    """Yield what would be refused: no documents, or no tokenizer that can be opened."""
    yield from tried(require, config.engine)
    yield from ahead.made_by(config.corpus, MAKERS, document_shards)
    makers = ["vocab", "tokenize", "pretrain", "finetune", "compress"]
    yield from ahead.made_by(config.tokenizer, makers, lambda path: _look(config, path), inside=True)


def _not_done(run: Run, jobs: list[Job]) -> list[Job]:
    """Return the shards to encode, those among them that a kill has left without a record; drop records of others."""
    told = {line["shard"] for line in run.metrics()}
    there = {j.number for j in jobs if all(shard_path(run.folder, part, j.number).is_file() for part in PARTS)}
    if not told <= there:
        run.keep_metrics([line for line in run.metrics() if line["shard"] in there])
    return [job for job in jobs if job.number not in told & there]


def _look(config: TokenizeConfig, path: Path) -> None:
    """Open a tokenizer, and see whether merges can be left out where that is asked for."""
    _opened(tokenizer_place(path))
    if config.bpe_dropout:
        require_merges(tokenizer_place(path))


def _opened(folder: Path) -> Tokenizer:
    """Open a tokenizer; the one of a model may have no more tokens than its table has rows."""
    rows = read_config(folder).get("vocab_size") if (folder / CONFIG).is_file() else None
    return tokenizer_for(folder, rows) if isinstance(rows, int) else Tokenizer.open(folder)


def _tokens_per_character(tokenizer: Tokenizer, shards: list[Path]) -> float:
    """Estimate from the first documents of a few shards."""
    sentences: list[str] = []
    for shard in shards[:: max(len(shards) // 4, 1)]:
        for document in islice(read_shard(shard), 20):
            sentences += document[:100]
    tokens = sum(len(pieces.ids) for pieces in tokenizer.encode_many(sentences))
    return tokens / max(sum(map(len, sentences)), 1)


def _num_bytes(sizes: list[ShardSize], tokens_per_character: float, vocab_size: int) -> int:
    tokens = tokens_per_character * sum(size.characters for size in sizes)
    id_bytes = 2 if vocab_size <= 2**16 else 4
    return int(tokens * (id_bytes + 1 / 8) + BYTES_PER_SENTENCE * sum(size.sentences for size in sizes))


def _choose_heldout(
    config: TokenizeConfig, sizes: list[ShardSize], tokens_per_character: float
) -> tuple[list[list[int]], int]:
    """Return, for each shard, the numbers of the documents to keep apart, and how many characters of each at most.

    There are two at least where any are wanted (one, where there are two), if that leaves something to learn from: a
    question about two documents cannot be asked of one.
    """
    characters, sentences = (sum(getattr(size, name) for size in sizes) for name in ("characters", "sentences"))
    cap = config.max_heldout_tokens / max(tokens_per_character * characters, 1.0)
    rate = min(config.heldout_rate, cap)
    lots = [np.random.default_rng([config.seed, n]).random(size.documents) for n, size in enumerate(sizes)]
    every = np.concatenate(lots)
    if rate > 0 and len(every) and sentences > 1:
        least = np.sort(every)[FEWEST - 1 if len(every) > FEWEST else 0]
        rate = max(rate, float(np.nextafter(least, 1)))
    most = int(characters * min(max(config.heldout_rate, MOST_OF_ONE), cap))
    return [np.flatnonzero(lot < rate).tolist() for lot in lots], most


def _count(run: Run, unk_id: int, manifest: dict[str, Any], sizes: list[ShardSize]) -> TokenizeResults:
    opened = {part: TokenShards.open(run.folder, part, check=False) for part in PARTS}
    unknown = 0
    for shards in opened.values():
        for start in range(0, shards.num_tokens, 2**20):
            unknown += int(np.count_nonzero(shards.tokens(start, min(start + 2**20, shards.num_tokens)) == unk_id))
    if not opened["train"].num_tokens:
        raise UserError("No document has a token to train on. Give more text, or set heldout_rate=0.")
    tokens = sum(shards.num_tokens for shards in opened.values())
    sentences = sum(shards.num_sentences for shards in opened.values())
    parted = sum(line.get("parted", 0) for line in run.metrics())  # one part is learnt from, the other held out
    documents = sum(shards.num_documents for shards in opened.values()) - parted
    seconds = sum(line["seconds"] for line in run.metrics())
    return TokenizeResults(
        tokens=tokens,
        sentences=sentences,
        documents=documents,
        train=_counted(opened["train"]),
        heldout=_counted(opened["heldout"]),
        empty_sentences_dropped=sum(size.sentences for size in sizes) - sentences,
        empty_documents_dropped=sum(size.documents for size in sizes) - documents,
        unknown_tokens=unknown,
        unknown_rate=round(unknown / tokens, 6),
        bytes=sum(shard["bytes"] for shard in manifest["shards"]),
        tokens_per_core_second=round(tokens / max(seconds, 1e-3)),
    )


def _counted(shards: TokenShards) -> TextTokens:
    return TextTokens(tokens=shards.num_tokens, sentences=shards.num_sentences, documents=shards.num_documents)
