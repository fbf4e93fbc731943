"""Leave out the tokens that nobody's text uses (Abdaoui, Pradel and Sigel, 2020)."""

from typing import ClassVar

from pydantic import Field
from torch import Tensor

from mamebert.compression import Bench, Compressor, Paper, Subject
from mamebert.compression._fewer_tokens import (
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

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse a kind of tokenizer that cannot lose tokens, and one that is no longer the data's."""
        require_known_kind(subject.folder)
        if subject.bert.vocab_size != bench.teacher.bert.vocab_size:
            raise UserError("The vocabulary is already another than the data's. Prune it once, after all else.")

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model with a smaller table and a tokenizer of its own in `bench.scratch`."""
        old, folder = subject.tokenizer, bench.scratch / "tokenizer"
        counts = bench.token_counts()
        always = {*old.special_ids, subject.bert.config.pad_token_id} | added_ids(subject.folder)
        kept = kept_ids(old, counts, self.min_count, self.keep_characters, always | worst_piece(subject.folder))
        kept = [number for number in kept if number < subject.bert.vocab_size]
        write_tokenizer(subject.folder, kept, folder)
        assert Tokenizer.open(folder).tokens == [old.tokens[number] for number in kept]
        smaller = with_tokenizer(subject, kept, folder)
        known = sum(int(counts[number]) for number in kept if number < len(counts))
        smaller.notes |= {
            "tokens_before": subject.bert.vocab_size,
            "tokens_after": len(kept),
            "share_of_training_tokens_kept": round(known / max(1, int(counts.sum())), 6),
        }
        return smaller


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
