"""The files that `sentence-transformers` (Reimers and Gurevych, 2019) reads besides the encoder."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mamebert.config import Config

PoolingMode = Literal["mean", "cls", "max", "mean_sqrt_len_tokens", "weightedmean", "lasttoken"]
Activation = Literal["identity", "tanh", "relu", "gelu", "sigmoid"]
PACKAGE = "sentence_transformers.models."
"""Where the types of modules stand in releases from 2019 to today."""
OLD_MODES: Mapping[str, PoolingMode] = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""How releases before 5.6 spell the modes, in the order in which they set several side by side."""
CLASSES: Mapping[str, Activation] = {
    "torch.nn.modules.linear.Identity": "identity",
    "torch.nn.modules.activation.Tanh": "tanh",
    "torch.nn.modules.activation.ReLU": "relu",
    "torch.nn.modules.activation.GELU": "gelu",
    "torch.nn.modules.activation.Sigmoid": "sigmoid",
}


class Dense(Config):
    """A linear layer over the pooled vector, and what bends it: the library's module of this name."""

    out_features: int = Field(gt=0)
    """Width of the vector that comes out."""
    bias: bool = True
    activation: Activation = "tanh"


class Modules(Config):
    """What becomes of a text and of the vectors of its tokens: pooling, perhaps linear layers, perhaps the length 1."""

    pooling: list[PoolingMode] = Field(default=["mean"], min_length=1)
    dense: list[Dense] = Field(default=[])
    normalize: bool = False
    max_length: int
    """Longest sequence in tokens, special tokens included."""
    do_lower_case: bool = False
    prompts: dict[str, str] = Field(default={})
    default_prompt_name: str = ""
    """Which of the prompts is put before every text; empty is none."""

    @model_validator(mode="after")
    def _the_prompt_is_there(self) -> Self:
        if self.default_prompt_name and self.default_prompt_name not in self.prompts:
            known = ", ".join(self.prompts) or "none"
            raise ValueError(
                f"default_prompt_name {self.default_prompt_name!r} is none of the prompts ({known}). "
                "Choose one of them, or leave it empty."
            )
        return self


def module_files(made: Modules, hidden_size: int) -> dict[str, str]:
    """Return the files, by name, with which the library opens a folder of BertModel; weights aside.

    The older spelling of the settings is written wherever it says the same: releases since 2019 read it, as do those of
    2026.
    """
    width = hidden_size * len(made.pooling)
    types, settings = ["Transformer", "Pooling"], {"1_Pooling/config.json": _pooling(made.pooling, hidden_size)}
    for number, dense in enumerate(made.dense):
        types.append("Dense")
        settings[dense_weights(number).replace("model.safetensors", "config.json")] = {
            "in_features": width,
            "out_features": dense.out_features,
            "bias": dense.bias,
            "activation_function": next(name for name, each in CLASSES.items() if each == dense.activation),
        }
        width = dense.out_features
    paths = ["", *(f"{number}_{name}" for number, name in enumerate(types) if number)]
    if made.normalize:
        types.append("Normalize")
        paths.append(f"{len(paths)}_Normalize")
        settings[f"{paths[-1]}/config.json"] = {}
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": PACKAGE + name}
        for number, (path, name) in enumerate(zip(paths, types, strict=True))
    ]
    about = {
        "similarity_fn_name": "cosine",
        "prompts": made.prompts,
        "default_prompt_name": made.default_prompt_name or None,
    }
    told: dict[str, Any] = {
        "modules.json": modules,
        "sentence_bert_config.json": {"max_seq_length": made.max_length, "do_lower_case": made.do_lower_case},
        "config_sentence_transformers.json": about,
        **settings,
    }
    return {name: json.dumps(value, indent=2, ensure_ascii=False) + "\n" for name, value in told.items()}


def dense_weights(number: int) -> str:
    """Return the file of the linear layer of this number in a folder that `module_files` describes."""
    return f"{2 + number}_Dense/model.safetensors"


def _pooling(modes: Sequence[PoolingMode], hidden_size: int) -> dict[str, Any]:
    in_old_order = [mode for mode in OLD_MODES.values() if mode in modes]
    if in_old_order != list(modes):
        return {"embedding_dimension": hidden_size, "pooling_mode": list(modes)}
    return {"word_embedding_dimension": hidden_size, **{name: mode in modes for name, mode in OLD_MODES.items()}}
