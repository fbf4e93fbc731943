"""What the library `sentence-transformers` (Reimers and Gurevych, 2019) reads of a folder besides the encoder."""

import json
from typing import Literal

Pooling = Literal["mean", "cls", "max"]


def module_files(hidden_size: int, pooling: Pooling, max_length: int) -> dict[str, str]:
    """Return the files, by name, with which a folder of BertModel opens there as encoder and pooling.

    The older spelling of the settings is written: releases since 2019 read it, as do those of 2026.
    """
    modes = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}
    settings = {
        "modules.json": [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        ],
        "1_Pooling/config.json": {
            "word_embedding_dimension": hidden_size,
            **{f"pooling_mode_{name}": mode == pooling for mode, name in modes.items()},
        },
        "sentence_bert_config.json": {"max_seq_length": max_length, "do_lower_case": False},
        "config_sentence_transformers.json": {"similarity_fn_name": "cosine", "prompts": {}},
    }
    return {name: json.dumps(value, indent=2) + "\n" for name, value in settings.items()}
