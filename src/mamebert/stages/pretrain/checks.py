"""Everything a pretraining would be refused for, and an estimate of its time, before it is begun."""

from pathlib import Path

import torch

from mamebert.corpus.token_shards import read_manifest
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.evaluation.cost.peak_flops import product_peak
from mamebert.extras import require_extra
from mamebert.preflight.ahead import Ahead, Found, tried
from mamebert.preflight.looking import (
    MODELS,
    TABLES,
    look_at_encoder,
    num_parameters,
    num_tokens_known,
    planned_shape,
    require_memory,
    width_of_table,
)
from mamebert.ranks import num_processes
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.training.devices import pick_device, pick_precision
from mamebert.word2vec.table import VectorTable, require_width

SHARE_OF_PEAK = 0.55
"""Of the rate of matrix products, what small encoders reach (docs/lab.md); only for a guess in minutes."""


def check_pretraining(config: PretrainConfig, ahead: Ahead) -> Found:
    """Yield what would be refused."""
    device = list(tried(pick_device, config.training.device))
    yield from device
    if config.tensorboard:
        yield from tried(require_extra, "tensorboard")
    yield from tried(config.objective.look)
    inputs = list(_check_inputs(config, ahead))
    yield from inputs
    if inputs:
        return  # what follows opens them
    wrong = list(tried(_fits_together, config, ahead))
    yield from wrong
    if not (wrong or device):
        yield from tried(_fits_memory, config, ahead)


def step_size(config: PretrainConfig) -> tuple[int, float]:
    """Return the parameters of the network, and about how many seconds a step takes on this machine."""
    manifest = read_manifest(config.shards)
    parameters = num_parameters(config.encoder, int(manifest["vocab_size"]), config.embeddings.tied)
    tokens = min(config.training.batch_tokens, sum(int(each["tokens"]) for each in manifest["shards"]))
    longest = min(config.objective.max_length, tokens)
    return parameters, _seconds(config, config.encoder, int(manifest["vocab_size"]), parameters, tokens, longest)


def seconds_reckoned(config: PretrainConfig, vocab_size: int) -> float:
    """Return about how many seconds a pretraining with new weights takes on this machine, before its text is there."""
    config = config.settled()
    parameters = num_parameters(config.encoder, vocab_size, config.embeddings.tied)
    tokens = config.training.steps * config.training.batch_tokens
    return _seconds(config, config.encoder, vocab_size, parameters, tokens, config.objective.max_length)


def outlook_of_pretraining(config: PretrainConfig, ahead: Ahead) -> str:
    """Return size and time in a few words; "" where the shape is decided later."""
    shape, vocab_size = planned_shape(config, ahead), num_tokens_known(config.shards, ahead)
    if shape is None or vocab_size is None:
        return ""
    parameters = num_parameters(shape, vocab_size, config.embeddings.tied)
    told = f"H{shape.hidden_size}-L{shape.num_hidden_layers}, {parameters / 1e6:,.1f} M parameters"
    tokens = _tokens_of(config, ahead)
    if not tokens:
        return f"{told}, {config.training.epochs} epochs"
    minutes = _seconds(config, shape, vocab_size, parameters, tokens, config.objective.max_length) / 60
    return f"{told}, {tokens / 1e6:,.1f} M tokens: about {_spelt(minutes)} on this machine"


def _seconds(
    config: PretrainConfig, shape: EncoderConfig, vocab_size: int, parameters: int, tokens: int, length: int
) -> float:
    device = pick_device(config.training.device)
    precision = pick_precision(config.training.precision, device)
    rate = SHARE_OF_PEAK * product_peak(device, precision, torch.get_num_threads()).flops
    # Two operations for each weight a token meets, forwards; twice as many backwards (Kaplan et al., 2020).
    table = vocab_size * shape.embedding_width
    met = parameters - table + config.objective.scored_rate * table
    attention = 2 * shape.num_hidden_layers * shape.hidden_size * length
    return 6 * tokens * (met + attention) / rate


def _check_inputs(config: PretrainConfig, ahead: Ahead) -> Found:
    for shards in (config.shards, config.general_shards):
        if shards is not None:
            yield from ahead.made_by(shards, ["tokenize"], read_manifest)
    if config.start is not None:
        yield from ahead.made_by(config.start, MODELS, look_at_encoder, inside=True)
    for vectors in (config.embeddings.vectors, config.start_vectors):
        if vectors is not None:
            yield from ahead.made_by(vectors, TABLES, VectorTable.open)


def _fits_together(config: PretrainConfig, ahead: Ahead) -> None:
    shape, vocab_size = planned_shape(config, ahead), num_tokens_known(config.shards, ahead)
    if shape is None:
        return
    if config.objective.max_length > shape.max_position_embeddings:
        raise UserError(
            f"objective.max_length {config.objective.max_length} is longer than the encoder reads "
            f"({shape.max_position_embeddings}). Lower it to {shape.max_position_embeddings}."
        )
    if vocab_size is not None and shape.pad_token_id >= vocab_size:
        raise UserError(
            f"encoder.pad_token_id {shape.pad_token_id} is no token of the vocabulary, which has {vocab_size}. "
            "Leave it out."
        )
    if config.embeddings.vectors is not None:
        _vectors_fit(config.embeddings.vectors, shape.embedding_width, vocab_size, ahead)
    if config.start_vectors is not None:
        _vectors_fit(config.start_vectors, None, vocab_size, ahead)


def _fits_memory(config: PretrainConfig, ahead: Ahead) -> None:
    shape, vocab_size = planned_shape(config, ahead), num_tokens_known(config.shards, ahead)
    if shape is not None and vocab_size is not None:
        shared = num_processes() if config.training.parallel == "fsdp" else 1
        require_memory(num_parameters(shape, vocab_size, config.embeddings.tied), config.training.device, shared)


def _vectors_fit(vectors: Path, wanted: int | None, vocab_size: int | None, ahead: Ahead) -> None:
    """Raise a UserError where vectors are not of the width that is wanted, if one is, or for another vocabulary."""
    maker = ahead.maker(vectors)
    if maker is not None:
        if wanted is not None:
            require_width(width_of_table(vectors, ahead) or wanted, wanted)
        known = num_tokens_known(maker.shards, ahead)  # type: ignore[attr-defined]
        if None not in (known, vocab_size) and known != vocab_size:
            raise UserError(
                f"The word vectors will be for a vocabulary of {known} tokens and the encoder's has {vocab_size}. "
                "Make both from the same token shards."
            )
    else:
        table = VectorTable.open(vectors)
        table.check(vocab_size or len(table.vectors), wanted or table.vectors.shape[1])


def _tokens_of(config: PretrainConfig, ahead: Ahead) -> int:
    training = config.training
    if training.steps:
        return training.steps * training.batch_tokens
    if ahead.maker(config.shards) is not None:
        return 0
    parts = read_manifest(config.shards)["shards"]
    return training.epochs * sum(int(each["tokens"]) for each in parts if each["part"] == "train")


def _spelt(minutes: float) -> str:
    if minutes < 1:
        return "a minute"
    return f"{minutes:,.0f} minutes" if minutes < 90 else f"{minutes / 60:,.1f} hours"
