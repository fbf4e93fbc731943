"""The shape that a pretraining takes over from the folder it starts from (`start`)."""

from pathlib import Path
from typing import Any

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.corpus.token_shards import read_manifest
from mamebert.encoder.carry_over import require_same_kinds
from mamebert.encoder.fixed_embeddings import TokenEmbeddings
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.runs import identity
from mamebert.tokenizer.encoding import Tokenizer

# Settings of an encoder that its weights do not depend on.
FREE = {"hidden_dropout_prob", "attention_probs_dropout_prob", "initializer_range", "is_decoder"}


def shape_of_start(
    start: Path,
    shards: Path,
    encoder: EncoderConfig,
    embeddings: TokenEmbeddings,
    objective: Objective,
    start_layers: list[int],
    start_vocabulary: str,
) -> tuple[EncoderConfig, bool]:
    """Return the shape that the folder `start` decides, and whether its output matrix is the token table.

    A setting that contradicts the folder is a UserError. Shards may still have to be made, by a stage before this one;
    then the number of [PAD] of another vocabulary is not known yet, and is that of the folder.
    """
    if not start.exists():
        identity(start)  # which says what to do about it
    opened = ModelFolder.open(start)
    folder, shape = opened.path, opened.shape
    if start_vocabulary != "same" and shards.exists():
        read_manifest(shards)  # so that a folder without shards is told as such
        shape = shape.model_copy(update={"pad_token_id": Tokenizer.open(shards / "tokenizer").pad_id})
    free = FREE | set(objective.encoder)
    shape = _merged(encoder, _with_layers(shape, start_layers, str(folder)), str(folder), free)
    objective.require_asked_of(shape)
    if objective.has_sentence_pairs and shape.type_vocab_size < 2:
        raise UserError(
            f"{folder} knows one segment only, and {objective.kind} asks about pairs of them. "
            "Set objective.kind=masked_lm."
        )
    return shape, _tied(embeddings, opened.config, str(folder))


def _merged(asked: EncoderConfig, shape: EncoderConfig, where: str, free: set[str]) -> EncoderConfig:
    given = {name: getattr(asked, name) for name in asked.model_fields_set}
    for name, value in given.items():
        found = getattr(shape, name)
        if name == "max_position_embeddings" and value > found:
            raise UserError(
                f"{where} has {found} positions, and encoder.max_position_embeddings asks for {value}, which it never "
                f"learnt. Set {found} or less."
            )
        if value != found and name not in free | {"max_position_embeddings"}:
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
    require_same_kinds(shape, numbers)
    return shape.model_copy(update={"num_hidden_layers": len(numbers)}) if numbers else shape


def _tied(embeddings: TokenEmbeddings, about: dict[str, Any], where: str) -> bool:
    found, asked = bool(about.get("tie_word_embeddings", True)), embeddings.tied
    if "tied" not in embeddings.model_fields_set:
        return found
    if asked and not found:
        raise UserError(
            f"{where} has an output matrix of its own, which embeddings.tied=true would lose. Leave that out."
        )
    return asked
