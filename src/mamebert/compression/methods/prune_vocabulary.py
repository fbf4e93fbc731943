"""Leave out the tokens that nobody's text uses (Abdaoui, Pradel and Sigel, 2020)."""

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from mamebert.compression.contract import Bench, Subject
from mamebert.compression.methods import Compressor, Paper
from mamebert.compression.pruning.vocabulary import (
    added_ids,
    require_known_kind,
    with_tokenizer,
    worst_piece,
    write_tokenizer,
)
from mamebert.errors import UserError
from mamebert.tokenizer.correspondence import BEGINS, INSIDE
from mamebert.tokenizer.encoding import Tokenizer


class PruneVocabulary(Compressor):
    """Keep the tokens of the training rows, and of the text in `shards` if given; texts made of them read the same.

    Other words are cut into the pieces that are left, as words have always been that the vocabulary does not know.
    """

    paper: ClassVar[Paper] = Paper(
        "Abdaoui, Pradel and Sigel, 2020", "a multilingual model cut to one language keeps its answers"
    )
    is_random: ClassVar[bool] = False
    min_count: int = Field(default=1, ge=1)
    """Keep tokens that occur so often. At 1 every text of the training data keeps its tokens."""
    keep_characters: bool = True
    """Keep every piece of a single character too, so that any word of any text can still be written."""
    min_known: float = Field(default=0.98, ge=0, le=1)
    """Share of the tokens of validation data that must stay; with less it is refused. Few rows hold few of the words
    that others will use: 600 short reviews kept too few, and 7 points of accuracy were lost."""

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse a tokenizer that cannot lose tokens, or is no longer the teacher's, and data that know too few."""
        require_known_kind(subject.folder)
        if subject.bert.vocab_size != bench.teacher.bert.vocab_size:
            raise UserError("The vocabulary is already another than its teacher's. Prune it before that.")
        known = _share_of(bench.heldout_token_counts(), self._kept(subject, bench))
        if known < self.min_known:
            raise UserError(
                f"Of the tokens of validation data only {known:.1%} would stay, and other texts lose as many. "
                f"Give more rows, or shards with text of the kind, or set min_known below {known:.3f}."
            )

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model with a smaller table and a tokenizer of its own in `bench.scratch`."""
        old, folder, kept = subject.tokenizer, bench.scratch / "tokenizer", self._kept(subject, bench)
        write_tokenizer(subject.folder, kept, folder)
        assert Tokenizer.open(folder).tokens == [old.tokens[number] for number in kept]
        smaller = with_tokenizer(subject, kept, folder)
        bench.teacher = with_tokenizer(bench.teacher, kept, folder)
        smaller.notes |= {
            "tokens_before": subject.bert.vocab_size,
            "tokens_after": len(kept),
            "share_of_training_tokens_kept": round(_share_of(bench.token_counts(), kept), 6),
            "share_of_heldout_tokens_kept": round(_share_of(bench.heldout_token_counts(), kept), 6),
        }
        return smaller

    def _kept(self, subject: Subject, bench: Bench) -> list[int]:
        """Return the ids of the tokens that stay, rising."""
        old = subject.tokenizer
        always = {*old.special_ids, subject.bert.config.pad_token_id} | added_ids(subject.folder)
        always |= worst_piece(subject.folder)
        kept = kept_ids(old, bench.token_counts(), self.min_count, self.keep_characters, always)
        return [number for number in kept if number < subject.bert.vocab_size]


def _share_of(counts: Tensor, kept: list[int]) -> float:
    """Return the share of all occurrences that are of these tokens."""
    known = sum(int(counts[number]) for number in kept if number < len(counts))
    return known / max(1, int(counts.sum()))


def kept_ids(tokenizer: Tokenizer, counts: Tensor, min_count: int, characters: bool, always: set[int]) -> list[int]:
    """Return the ids of the tokens that stay, rising.

    `counts` is int64 [ids or more]: how often each token occurs. With `characters` pieces of one character stay,
    whether they begin a word or not, and bytes that stand for unknown characters.
    """
    used = {number for number, count in enumerate(counts.tolist()) if count >= min_count}
    short = {number for number, token in enumerate(tokenizer.tokens) if characters and _is_character(token)}
    return [number for number, token in enumerate(tokenizer.tokens) if token and number in used | short | always]


def _is_character(token: str) -> bool:
    plain = token.removeprefix(INSIDE).removeprefix(BEGINS)
    return len(plain) <= 1 or (len(token) == 6 and token.startswith("<0x") and token.endswith(">"))
