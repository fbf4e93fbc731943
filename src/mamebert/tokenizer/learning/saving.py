"""A learnt model as a folder that `transformers.AutoTokenizer` opens."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import WordLevel
from tokenizers.processors import TemplateProcessing

from mamebert.files.disk import disk_errors, write_text
from mamebert.tokenizer.pieces import SPECIAL_NAMES, SPECIAL_TOKENS

MODEL_INPUTS = ["input_ids", "token_type_ids", "attention_mask"]
AS_SAVED = "TokenizersBackend"
"""What `transformers` calls PreTrainedTokenizerFast where it saves one."""
WORDS = "mamebert_words"
"""The setting of tokenizer_config.json that tells who finds whole words."""


class Model(NamedTuple):
    """What was learnt."""

    tokens: Sequence[str]
    """In the order of their ids."""
    described: dict[str, Any]
    """The part `model` of a `tokenizer.json`."""


def with_rules(bare: RustTokenizer, rules: dict[str, Any]) -> RustTokenizer:
    """Return a tokenizer with the parts given in the place of its own."""
    return RustTokenizer.from_str(json.dumps(json.loads(bare.to_str()) | rules))


def around() -> TemplateProcessing:
    """Return what puts [CLS] and [SEP] around a text and a pair."""
    ends = [(token, SPECIAL_TOKENS.index(token)) for token in ("[CLS]", "[SEP]")]
    return TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=ends
    )


def save_description(model: Model, rules: dict[str, Any], folder: Path, max_length: int, words: str) -> None:
    """Write a `tokenizer.json` with what stands beside it, and the tokens as `vocab.txt`."""
    bare = RustTokenizer(WordLevel({token: number for number, token in enumerate(model.tokens)}, unk_token="[UNK]"))
    bare.post_processor = around()
    rust = with_rules(bare, {**rules, "model": model.described})
    with disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / "vocab.txt", "".join(f"{token}\n" for token in model.tokens))
        save_fast(rust, folder, max_length, {WORDS: words})


def save_fast(rust: RustTokenizer, folder: Path, max_length: int, told: Mapping[str, Any]) -> None:
    """Write what `PreTrainedTokenizerFast.save_pretrained` would, and what is `told` beside it.

    Importing `transformers` takes a processor longer than learning from a few megabytes does.
    """
    rust.add_special_tokens(list(SPECIAL_TOKENS))
    write_text(folder / "tokenizer.json", rust.to_str(pretty=True))
    save_about(folder, max_length, {"backend": "tokenizers", "tokenizer_class": AS_SAVED, **told})


def save_about(folder: Path, max_length: int, told: Mapping[str, Any]) -> None:
    """Write a `tokenizer_config.json`: the special tokens, the longest input, and what is `told`."""
    names = {f"{name}_token": token for name, token in zip(SPECIAL_NAMES, SPECIAL_TOKENS, strict=True)}
    # BertJapaneseTokenizer leaves token_type_ids out unless told, and pairs would become one segment.
    about = {**names, "model_max_length": max_length, "model_input_names": MODEL_INPUTS, **told}
    text = json.dumps(about, ensure_ascii=False, indent=2, sort_keys=True)
    write_text(folder / "tokenizer_config.json", text + "\n")
