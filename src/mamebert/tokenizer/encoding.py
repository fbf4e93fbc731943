"""The tokenizer of a folder: ours or anyone's, with the ids that plain `transformers` would give."""

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from itertools import chain
from pathlib import Path
from threading import Lock
from typing import Any, Protocol, Self

import numpy as np
import numpy.typing as npt
from tokenizers.models import WordPiece

from mamebert.errors import UserError
from mamebert.files.checksums import verify
from mamebert.tokenizer.agreement import names_and_tokens, puts_two_between
from mamebert.tokenizer.cutting import (
    align_undropped,
    align_words,
    cut_japanese,
    cut_like_bert,
    split_at_spaces,
    split_words,
)
from mamebert.tokenizer.files import TOKENIZER_FILES, VOCABULARIES, WAY_OUT, read_about, read_vocabulary
from mamebert.tokenizer.foreign.description import (
    expressions,
    sign_for_space,
    wants_space_before,
)
from mamebert.tokenizer.foreign.encoders import RustEncoder, SlowEncoder, by_id, tokens_of
from mamebert.tokenizer.foreign.guarded import complaints_told, open_rust
from mamebert.tokenizer.foreign.slow import open_slowly
from mamebert.tokenizer.japanese import MecabWords
from mamebert.tokenizer.japanese_pieces import MecabMarked
from mamebert.tokenizer.learning.saving import WORDS
from mamebert.tokenizer.marked_words import are_rules_of_marked_words
from mamebert.tokenizer.normalising import are_rules_of_words
from mamebert.tokenizer.offsets import align_nfkc
from mamebert.tokenizer.pieces import SPECIAL_NAMES, Located, Pieces, Special, mend
from mamebert.tokenizer.unknown import Unknown
from mamebert.tokenizer.words import WordEncoder

Decode = Callable[[Sequence[int]], str]
_BERT_NORMALIZER, _BERT_SPLIT = "BertNormalizer", {"type": "BertPreTokenizer"}
_PLAIN_MARK = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


class Encoder(Protocol):
    """Turns texts into pieces."""

    def encode_many(self, texts: Iterable[str], special: Special) -> list[Pieces]:
        """Return the pieces of each text."""

    def encode_with_offsets(self, texts: Iterable[str]) -> list[Located]:
        """Return the pieces of each text, special tokens read as text, and where they lie."""


class Tokenizer:
    """Text to ids and back. `tokens[i]` is the token with id i."""

    def __init__(self, tokens: list[str], config: dict[str, Any], encoder: Encoder, decode: Decode) -> None:
        self.tokens = tokens
        self.vocab_size = len(tokens)
        self._encoder, self._decode, self._lock = encoder, decode, Lock()
        self.puts_nothing_around = False
        """Whether `tokenizer.json` leaves it to a class of `transformers` to put [CLS] and [SEP] around a text."""
        self.unknown = Unknown()
        """What was unknown of all that was encoded so far; set it to a new one to begin again."""
        ids = {token: number for number, token in enumerate(tokens)}
        self.special = {name: _special_id(name, config, ids) for name in SPECIAL_NAMES}
        """Ids by what the tokens are for: pad, unk, cls, sep and mask."""
        self.special_ids = list(self.special.values())
        self.pad_id, self.unk_id, self.cls_id, self.sep_id, self.mask_id = self.special_ids
        self.between = [self.sep_id]
        """Ids between the two texts of a pair: one [SEP], or RoBERTa's two."""
        self.before_words = ""
        """What stands before words that are given one by one: a space, where tokens of bytes tell it."""
        self._space = ""  # what tokens have for a space before them

    @classmethod
    def open(cls, folder: Path | str) -> Self:
        """Open a folder that `transformers.AutoTokenizer` opens; one that holds no tokenizer is a UserError."""
        folder = Path(folder)
        verify(folder, TOKENIZER_FILES)
        config = read_about(folder, "tokenizer_config.json")
        with complaints_told(f"{folder} cannot be opened as a tokenizer"):
            if _is_japanese_wordpiece(config) and (folder / "vocab.txt").is_file():
                return cls._open_japanese(folder, config)
            if (folder / "tokenizer.json").is_file():
                return cls._open_rust(folder, config)
            if config or any((folder / name).is_file() for name in VOCABULARIES):
                slow = open_slowly(folder)
                made = cls(tokens_of(slow), slow.special_tokens_map, SlowEncoder(slow), slow.decode)
                made._look_between(slow("", "")["input_ids"])
                return made
        raise UserError(
            f"{folder} holds no tokenizer (no tokenizer_config.json). Give the output folder of `mamebert vocab`, or "
            "a Hugging Face tokenizer folder."
        )

    @classmethod
    def _open_japanese(cls, folder: Path, config: dict[str, Any]) -> Self:
        vocab = read_vocabulary(folder / "vocab.txt")
        tokens = by_id(vocab)
        wordpiece = WordPiece(vocab, unk_token="[UNK]", max_input_chars_per_word=100)
        specials = {token: vocab[token] for token in _special_tokens(config) if token in vocab}
        encoder = WordEncoder(
            MecabWords().split,
            lambda text: align_nfkc(mend(text)),
            cut_japanese(wordpiece, bool(config.get("do_lower_case"))),
            specials,
        )

        def decode(ids: Sequence[int]) -> str:
            return " ".join(tokens[number] for number in ids).replace(" ##", "").strip()

        return cls(tokens, config, encoder, decode)

    @classmethod
    def _open_rust(cls, folder: Path, config: dict[str, Any]) -> Self:
        description = read_about(folder, "tokenizer.json")
        rust = open_rust(folder / "tokenizer.json", description)
        encoder: Encoder = RustEncoder(rust, bool(expressions(description)))
        specials = {token["content"]: token["id"] for token in description["added_tokens"]}
        if _has_plain_marks(description) and are_rules_of_words(description):
            encoder = WordEncoder(split_words, align_words, cut_like_bert(rust), specials)
        elif _has_plain_marks(description) and _is_bert(description):
            encoder = WordEncoder(split_at_spaces, align_undropped, cut_like_bert(rust), specials)
        elif _has_plain_marks(description, any_model=True) and are_rules_of_marked_words(description):
            encoder = WordEncoder(split_words, align_words, cut_like_bert(rust), specials)
        elif config.get(WORDS) == "mecab":
            encoder = MecabMarked(rust)

        def decode(ids: Sequence[int]) -> str:
            return rust.decode(list(ids), skip_special_tokens=False)

        named = names_and_tokens(folder, description, config)
        made = cls(by_id(rust.get_vocab(with_added_tokens=True)), named, encoder, decode)
        made._require_around(rust.encode(""), folder)
        made._look_between(rust.encode("", "").ids)
        if made.puts_nothing_around and puts_two_between(folder):
            made.between = [made.sep_id, made.sep_id]
        # To a byte-level vocabulary a word is another one at the beginning of a text than behind a space.
        made.before_words = " " if wants_space_before(description) else ""
        made._space = sign_for_space(description)
        return made

    def _require_around(self, empty: Any, folder: Path) -> None:
        """Raise a UserError where plain `transformers` would put something else around a text than we do.

        A tokenizer.json that says nothing of it puts nothing there, and the class named beside it decides.
        """
        ids = empty.ids
        self.puts_nothing_around = not ids
        if any(empty.type_ids):
            raise UserError(f"{folder / 'tokenizer.json'} counts a text as segment 1, and it is 0 here. {WAY_OUT}")
        if ids not in ([], [self.cls_id, self.sep_id]):
            found = [self.tokens[number] if number < self.vocab_size else number for number in ids[:5]]
            wanted = [self.tokens[self.cls_id], self.tokens[self.sep_id]]
            raise UserError(
                f"{folder / 'tokenizer.json'} puts {found} around a text, and tokenizer_config.json names {wanted}. "
                f"{WAY_OUT}"
            )

    def _look_between(self, empty_pair: list[int]) -> None:
        """Take over what stands between the texts of a pair, where that is known here."""
        if empty_pair == [self.cls_id, self.sep_id, self.sep_id, self.sep_id]:
            self.between = [self.sep_id, self.sep_id]

    def encode(self, text: str, special: Special = "text") -> Pieces:
        """Return the pieces of one text, without [CLS] and [SEP]."""
        return self.encode_many([text], special)[0]

    def encode_many(self, texts: Iterable[str], special: Special = "text") -> list[Pieces]:
        """Return the pieces of each text; a thousand texts at once cost far less than a thousand calls.

        With `special="token"` the ids are those of `transformers`, which takes "[MASK]" in a text for the token.
        With "text", right for text that nobody has looked at, it is six characters like any others.
        """
        with self._lock:  # neither MeCab nor the memory of words can be used by two threads at once
            pieces = self._encoder.encode_many(texts, special)
            self.unknown.add([ids for ids, _ in pieces], self.unk_id)
        if special == "token" or isinstance(self._encoder, WordEncoder):
            return pieces
        return [Pieces(self._without_marks(ids), starts) for ids, starts in pieces]

    def encode_with_offsets(self, texts: Iterable[str]) -> list[Located]:
        """Return the pieces of each text, those of `encode_many`, and where each lies in the text as given.

        Piece i is text[starts[i]:ends[i]] up to what the tokenizer changes (case, accents, width), with the accents
        that it strips and without white space around it. [UNK] is the whole word that is unknown. Ranges never go
        back; they overlap where a character of the text was split among pieces. For tokenizers that exist in Python
        only, and for foreign ones that report no places of their own, the ranges are found by looking for the pieces.
        """
        with self._lock:
            located = self._encoder.encode_with_offsets(texts)
            self.unknown.add([each.ids for each in located], self.unk_id)
        if isinstance(self._encoder, WordEncoder):
            return located
        return [each._replace(ids=self._without_marks(each.ids)) for each in located]

    def encode_words(self, sentences: Iterable[Sequence[str]]) -> list[list[npt.NDArray[np.int32]]]:
        """Return the pieces of each word of sentences whose words are given: int32 ids [pieces], one or more a word.

        Each word is encoded like a text of its own, as `transformers` does with `is_split_into_words`; for byte-level
        vocabularies behind a space, as with `add_prefix_space`. One without any piece (white space, control characters)
        becomes [UNK]. Equal words share one array: copy before changing.
        """
        sentences = [list(sentence) for sentence in sentences]
        distinct = list(dict.fromkeys(chain.from_iterable(sentences)))
        unknown = np.array([self.unk_id], np.int32)
        spaced = [self.before_words + word if word.strip() else word for word in distinct]
        encoded = zip(distinct, self.encode_many(spaced), strict=True)
        pieces = {word: ids if len(ids) else unknown for word, (ids, _) in encoded}
        return [[pieces[word] for word in sentence] for sentence in sentences]

    @property
    def begins_words(self) -> str:
        """What stands in tokens for a space before them; "" where tokens inside of words are marked."""
        return self._space

    def word(self, number: int) -> str:
        """Return the word that a token is, or begins; "" for one that stands inside of words."""
        token = self.tokens[number]
        if not self._space:
            return "" if token.startswith("##") else token
        return self.spelt(number).strip() if token.startswith(self._space) else ""

    @cached_property
    def whole_words(self) -> dict[str, int]:
        """The id of every token that can be a whole word, by the word."""
        found = ((self.word(number), number) for number in range(self.vocab_size - 1, -1, -1))
        return {word: number for word, number in found if word}

    def spelt(self, number: int) -> str:
        """Return a token as people read it: the text that its bytes spell, and no mark of a word's beginning."""
        is_text = self._space and number not in self.special_ids
        return self.decode([number]) if is_text else self.tokens[number]

    def _without_marks(self, ids: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
        # A foreign model may hold "<mask>" among its ordinary pieces and find it in the text by itself.
        marks = [number for number in self.special_ids if number != self.unk_id]
        return np.where(np.isin(ids, marks), np.int32(self.unk_id), ids)

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of `ids`, special tokens included, as `transformers` would."""
        with complaints_told("The tokenizer cannot decode these ids"):
            return self._decode([int(number) for number in ids])


def _is_japanese_wordpiece(config: dict[str, Any]) -> bool:
    return (
        config.get("tokenizer_class") == "BertJapaneseTokenizer"
        and config.get("word_tokenizer_type") == "mecab"
        and config.get("subword_tokenizer_type", "wordpiece") == "wordpiece"
        and config.get("mecab_kwargs") == {"mecab_dic": "unidic_lite"}
        and not config.get("never_split")
        and config.get("do_word_tokenize", True) is config.get("do_subword_tokenize", True) is True
    )


def _is_bert(description: dict[str, Any]) -> bool:
    """Say whether these are the rules of BERT, of which none looks across a space: words can be encoded one by one."""
    normalizer = description["normalizer"] or {}
    return (
        normalizer.get("type") == _BERT_NORMALIZER
        and normalizer.get("clean_text") is True
        and description["pre_tokenizer"] == _BERT_SPLIT
    )


def _has_plain_marks(description: dict[str, Any], any_model: bool = False) -> bool:
    marks = [{name: token[name] for name in _PLAIN_MARK} for token in description["added_tokens"]]
    return (any_model or description["model"]["type"] == "WordPiece") and all(mark == _PLAIN_MARK for mark in marks)


def _special_tokens(config: dict[str, Any]) -> list[str]:
    added = [token["content"] for token in config.get("added_tokens_decoder", {}).values()]
    return list(dict.fromkeys([*(_token(name, config) for name in ("pad", "unk", "cls", "sep", "mask")), *added]))


def _token(name: str, config: dict[str, Any]) -> str:
    token = config.get(f"{name}_token") or f"[{name.upper()}]"
    return str(token["content"] if isinstance(token, dict) else token)


def _special_id(name: str, config: dict[str, Any], ids: dict[str, int]) -> int:
    token = _token(name, config)
    if token not in ids:
        raise UserError(f"The tokenizer has no {name} token ({token!r}). Give the tokenizer of a BERT-like model.")
    return ids[token]
