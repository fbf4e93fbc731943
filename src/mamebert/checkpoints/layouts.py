"""Which plain `transformers` class holds a network, and under which configuration."""

from typing import Any

from mamebert.config import build
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError

BERT_ACTIVATION = "gelu"


def bert_config(encoder: EncoderConfig, vocab_size: int, architecture: str, **more: Any) -> dict[str, Any]:
    """Return the config.json of a BERT for one architecture, such as "BertForMaskedLM"."""
    return {
        "architectures": [architecture],
        "model_type": "bert",
        "vocab_size": vocab_size,
        **encoder.model_dump(),
        "hidden_act": BERT_ACTIVATION,
        "classifier_dropout": None,
        "dtype": "float32",
        **more,
    }


def encoder_config(config: dict[str, Any], where: str) -> EncoderConfig:
    """Return the shape in a config.json; a model of another family is refused, never loaded half."""
    kind = config.get("model_type")
    if kind != "bert":
        raise UserError(
            f"{where} holds a model of type {kind!r}, not a BERT. Give a folder whose config.json says model_type bert."
        )
    if config.get("hidden_act", BERT_ACTIVATION) != BERT_ACTIVATION:
        raise UserError(
            f"{where} uses the activation {config['hidden_act']!r}, and only {BERT_ACTIVATION!r} is known. "
            "Give another model."
        )
    if config.get("position_embedding_type", "absolute") != "absolute":
        raise UserError(
            f"{where} uses {config['position_embedding_type']!r} positions, and only absolute ones are known. "
            "Give another model."
        )
    if config.get("is_decoder"):
        raise UserError(f"{where} holds a decoder, which reads to the left only. Give a BERT encoder.")
    if "vocab_size" not in config:
        raise UserError(f"{where} has no vocab_size in its config.json. Get the folder anew.")
    known = {name: config[name] for name in EncoderConfig.model_fields if config.get(name) is not None}
    try:
        return build(EncoderConfig, known)
    except UserError as error:
        raise UserError(f"{where} has a config.json that cannot be: {error}") from error
