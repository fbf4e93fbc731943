"""What the network of a pretraining is before its first step: new, or that of a folder (`start`)."""

from typing import TYPE_CHECKING, Any

import torch

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.start import start_pretraining
from mamebert.config import build
from mamebert.corpus.frequencies import token_counts
from mamebert.corpus.token_shards import TokenShards, read_manifest
from mamebert.encoder.carry_over import carry_over
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.output_bias import start_from_frequencies
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.runs import identity
from mamebert.tokenizer.correspondence import Correspondence, correspond
from mamebert.tokenizer.encoding import Tokenizer

if TYPE_CHECKING:
    from mamebert.stages.pretrain import PretrainConfig

# Settings of an encoder that its weights do not depend on.
FREE = {"hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range"}


def with_shape_of_start(config: "PretrainConfig") -> "PretrainConfig":
    """Return the settings with what the folder `start` decides filled in; without one, as they are.

    A setting that contradicts the folder is a UserError.
    """
    if config.start is None:
        return config
    for path in (config.start, config.shards):
        if not path.exists():
            identity(path)  # which says what to do about it
    opened = ModelFolder.open(config.start)
    folder, about, shape = opened.path, opened.config, opened.shape
    if config.start_vocabulary == "shared_rows":
        read_manifest(config.shards)  # so that a folder without shards is told as such
        shape = shape.model_copy(update={"pad_token_id": _tokenizer_of(config).pad_id})
    shape = _merged(config.encoder, _with_layers(shape, config.start_layers, str(folder)), str(folder))
    if config.objective.asks_pairs and shape.type_vocab_size < 2:
        raise UserError(
            f"{folder} knows one segment only, and {config.objective.kind} asks about pairs of them. "
            "Set objective.kind=masked_lm."
        )
    filled = {
        "encoder": shape.model_dump(),
        "embeddings": {**config.embeddings.model_dump(mode="json"), "tied": _tied(config, about, str(folder))},
    }
    return build(type(config), {**config.model_dump(mode="json"), **filled})


def first_network(
    config: "PretrainConfig", shards: TokenShards, tokenizer: Tokenizer
) -> tuple[PretrainingNetwork, dict[str, Any] | None]:
    """Return the network before its first step and, with `start`, what of it comes from there."""
    network = PretrainingNetwork(config.encoder, shards.vocab_size, config.embeddings.tied)
    told = None if config.start is None else _take_over(network, config, tokenizer)
    if config.output_bias == "frequencies" and (told is None or "masked words" in told["new_heads"]):
        start_from_frequencies(network, torch.from_numpy(token_counts(shards)))
    return network, told


def tell(start: dict[str, Any]) -> str:
    """Return in a line what comes from the folder and what is new."""
    rows, new = start["vocabulary"], start["new_heads"]
    heads = f"new heads: {', '.join(new)}" if new else "all heads are its own"
    made_up = f", {rows['mean_of_pieces']} are the mean of their old pieces, {rows['drawn']} are drawn at random"
    all_copied = rows["copied"] == rows["tokens"]
    tokens = f"{rows['copied']} of {rows['tokens']} token embeddings are copied{'' if all_copied else made_up}"
    replaced = "; then all token embeddings are replaced by embeddings.vectors" if start["vectors_instead"] else ""
    return f"Starting from {start['path']}: {heads}; {tokens}{replaced}."


def _merged(asked: EncoderConfig, shape: EncoderConfig, where: str) -> EncoderConfig:
    given = {name: getattr(asked, name) for name in asked.model_fields_set}
    for name, value in given.items():
        found = getattr(shape, name)
        if name == "max_position_embeddings" and value > found:
            raise UserError(
                f"{where} has {found} positions, and encoder.max_position_embeddings asks for {value}, which it never "
                f"learnt. Set {found} or less."
            )
        if value != found and name not in FREE | {"max_position_embeddings"}:
            raise UserError(
                f"encoder.{name} is {value}, and {where} has {found}. Leave out encoder.{name}: with start, the shape "
                "comes from there."
            )
    return shape.model_copy(update=given)


def _with_layers(shape: EncoderConfig, numbers: list[int], where: str) -> EncoderConfig:
    wrong = [number for number in numbers if not 0 <= number < shape.num_hidden_layers]
    if wrong:
        raise UserError(
            f"start_layers names layer {wrong[0]}, and {where} has {shape.num_hidden_layers}. "
            f"Choose from 0 to {shape.num_hidden_layers - 1}."
        )
    return shape.model_copy(update={"num_hidden_layers": len(numbers)}) if numbers else shape


def _tied(config: "PretrainConfig", about: dict[str, Any], where: str) -> bool:
    found, asked = bool(about.get("tie_word_embeddings", True)), config.embeddings.tied
    if "tied" not in config.embeddings.model_fields_set:
        return found
    if asked and not found:
        raise UserError(
            f"{where} has an output matrix of its own, which embeddings.tied=true would lose. Leave that out."
        )
    return asked


def _take_over(network: PretrainingNetwork, config: "PretrainConfig", tokenizer: Tokenizer) -> dict[str, Any]:
    assert config.start
    old, new_heads = start_pretraining(config.start)
    found = _correspondence(config, old.bert.vocab_size, tokenizer)
    carry_over(old, network, found.same, found.pieces, config.start_layers)
    if "masked words" in new_heads and not config.embeddings.tied:
        with torch.no_grad():  # a new output matrix begins as the table, as it does in a new network
            network.cls.predictions.output_matrix.copy_(network.bert.embeddings.word_embeddings.weight)
    return {
        "path": str(config.start),
        "new_heads": new_heads,
        "vocabulary": {
            "tokens": tokenizer.vocab_size,
            "copied": len(found.same),
            "mean_of_pieces": len(found.pieces),
            "drawn": len(found.neither),
        },
        "vectors_instead": config.embeddings.vectors is not None,
    }


def _correspondence(config: "PretrainConfig", num_rows: int, tokenizer: Tokenizer) -> Correspondence:
    assert config.start
    opened = ModelFolder.open(config.start)
    folder, old = opened.path, opened.tokenizer()
    if old.tokens == tokenizer.tokens and num_rows >= tokenizer.vocab_size:
        return Correspondence({number: number for number in range(tokenizer.vocab_size)}, {}, [])
    found = correspond(old, tokenizer, num_rows)
    if config.start_vocabulary == "same":
        raise UserError(
            f"The shards {config.shards} have another vocabulary than {folder} ({len(found.same)} of "
            f"{tokenizer.vocab_size} tokens are in both). Tokenize the text with that folder's own (mamebert tokenize "
            f"tokenizer={folder}), or set start_vocabulary=shared_rows."
        )
    return found


def _tokenizer_of(config: "PretrainConfig") -> Tokenizer:
    return Tokenizer.open(config.shards / "tokenizer")
