"""Folders of word vectors that answer by themselves: the mean of a text's rows, at length 1.

What `model2vec` writes (Tulkens and van Dongen, 2024), and what `sentence-transformers` opens as StaticEmbedding: one
table in model.safetensors, and a tokenizer.json.
"""

import json
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from mamebert.checkpoints.model_folder import CONFIG, USED
from mamebert.checkpoints.sentence_modules import MODULES
from mamebert.checkpoints.sentence_transformers import PACKAGE
from mamebert.checkpoints.weights import GET_ANEW, WEIGHTS, Arrays, find_weights
from mamebert.errors import UserError
from mamebert.files.checksums import seal, verify
from mamebert.files.disk import disk_errors, partial, put_in_place, save_tensors, write_text
from mamebert.files.json_files import read_object
from mamebert.tokenizer.copying import copy_tokenizer

MODEL_TYPE = "model2vec"
"""What config.json calls it."""
TABLE = "embeddings"
LIBRARIES = ("sentence-transformers", "model2vec")
LONGEST = 1_000_000
"""Tokens of a text that are read; there is nothing in the table that bounds them."""


class StaticEmbedding(NamedTuple):
    """What lies in such a folder."""

    rows: npt.NDArray[np.float32]
    """float32 [vocabulary, size]."""
    normalize: bool
    """Whether a text's vector is brought to length 1."""


def is_static(config: dict[str, Any]) -> bool:
    """Tell whether a config.json is that of a table that answers by itself."""
    return config.get("model_type") == MODEL_TYPE


def save_static(rows: npt.NDArray[np.float32], tokenizer_folder: Path, folder: Path) -> list[str]:
    """Write a folder that answers with the mean of `rows` [vocabulary, size] at length 1; return what else opens it.

    Other libraries take tokenizers with a tokenizer.json alone, which those that split words by MeCab have not.
    """
    working = partial(folder)
    with disk_errors(working):
        shutil.rmtree(working, ignore_errors=True)
        working.mkdir(parents=True)
        copy_tokenizer(tokenizer_folder, working)
        save_tensors(working / WEIGHTS, {TABLE: np.ascontiguousarray(rows)}, {"format": "pt"})
        opens = LIBRARIES if (working / "tokenizer.json").is_file() else ()
        for name, told in _texts(rows.shape[1], bool(opens)).items():
            (working / name).parent.mkdir(exist_ok=True)
            write_text(working / name, json.dumps(told, ensure_ascii=False, indent=2) + "\n")
        seal(working)
        shutil.rmtree(folder, ignore_errors=True)
        put_in_place(working, folder)
    return list(opens)


def open_static(place: Path) -> StaticEmbedding:
    """Read such a folder; what does not belong together, or is not what was written, is a UserError."""
    verify(place, used=USED, around=CONFIG)
    config, stored = read_object(place / CONFIG, GET_ANEW), find_weights(place)
    others = sorted(stored.keys() - {TABLE})
    if TABLE not in stored or len(stored[TABLE].shape) != 2 or not stored[TABLE].is_number:
        raise UserError(f"{place} holds no table of word vectors ({TABLE} in {WEIGHTS}). {GET_ANEW}")
    if others:
        raise UserError(
            f"{place} stores {others[0]} beside its table, and tables with a row for each token alone are known. Save "
            "it again without vocabulary quantisation."
        )
    return StaticEmbedding(Arrays(stored)[TABLE], bool(config.get("normalize")))


def _texts(width: int, opens: bool) -> dict[str, Any]:
    config = {
        "model_type": MODEL_TYPE,
        "architectures": ["StaticModel"],
        "hidden_dim": width,
        "seq_length": LONGEST,
        "max_length": None,  # which would be 512 otherwise
        "normalize": True,
    }
    if not opens:
        return {CONFIG: config}
    modules = [
        {"idx": 0, "name": "0", "path": "", "type": f"{PACKAGE}StaticEmbedding"},
        {"idx": 1, "name": "1", "path": "1_Normalize", "type": f"{PACKAGE}Normalize"},
    ]
    about: dict[str, Any] = {"similarity_fn_name": "cosine", "prompts": {}, "default_prompt_name": None}
    return {
        CONFIG: config,
        MODULES: modules,
        "config_sentence_transformers.json": about,
        "1_Normalize/config.json": {},
    }
