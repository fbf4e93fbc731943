"""Proof of the promise: plain `transformers`, in a fresh process, gives the same ids and logits as we do."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor

from mamebert.checkpoints.layouts import DECODER, OURS, encoder_config
from mamebert.checkpoints.load import load_discriminator, load_pretraining
from mamebert.checkpoints.model_folder import read_config
from mamebert.children import READ_AND_END_WITH_PARENT, ask_program
from mamebert.encoder.packing import Packed
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.files import TOKENIZER_FILES

TEXTS = (
    "A small bean doesn't grow in THE gardens, 1,234 of them.",
    "caf\u00e9, cafe\u0301 \u00a0 n\u0113w\tline\nEnd",
    "東京の冬は空気が乾いて寒い。ﾊﾝｶｸも、か\u3099も読む",
    "한국어 \u1112\u1161\u11ab ภาษาไทยเขียนติดกัน می\u200cخواهم",
)
"""What both tokenizers are asked: cases, accents, spaces, scripts with and without spaces, two Unicode forms."""
TOLERANCE = 1e-5
LENGTHS = (48, 17, 5)

# Run with nothing of ours imported: what a stranger with transformers alone would do.
STRANGER = (
    READ_AND_END_WITH_PARENT
    + """
answer = os.fdopen(os.dup(1), "wb")
os.dup2(2, 1)  # whatever else is printed is no answer
import inspect, json, torch, transformers
from safetensors.torch import load, save
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
NAMES = (
    "logits", "prediction_logits", "seq_relationship_logits", "start_logits", "end_logits", "last_hidden_state"
)
BY_TOKEN = ("prediction_logits", "start_logits", "end_logits", "last_hidden_state")
batch = load(question)
results = {}
texts = json.loads(sys.argv[1])
for number, folder in enumerate(sys.argv[2:]):
    if texts[number]:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        for row, text in enumerate(texts[number]):
            ids = tokenizer(text, add_special_tokens=False)["input_ids"]
            results[f"{number}.text.{row}"] = [torch.tensor(ids, dtype=torch.int64)]
    architecture = json.load(open(folder + "/config.json"))["architectures"][0]
    model, about = getattr(transformers, architecture).from_pretrained(folder, output_loading_info=True)
    wrong = [*about["missing_keys"], *about["unexpected_keys"], *about["mismatched_keys"]]
    assert not wrong, f"keys differ: {wrong}"
    ids = batch["input_ids"] % (model.config.vocab_size - 1)
    padding = getattr(model.config, "pad_token_id", None) or 0
    inputs = {**batch, "input_ids": ids + (ids >= padding)}  # RoBERTa gives padding no position, wherever it stands
    if getattr(model.config, "type_vocab_size", 2) == 1:  # all tokens belong to the one segment there is
        inputs["token_type_ids"] = torch.zeros_like(inputs["token_type_ids"])
    real = batch["attention_mask"].bool()
    known = inspect.signature(model.forward).parameters  # DistilBERT knows no segments
    inputs = {name: value for name, value in inputs.items() if name in known}
    if architecture.endswith("MultipleChoice"):  # every sequence is the only choice of its question
        inputs = {name: value[:, None] for name, value in inputs.items()}
    # To MobileBERT's trigrams the padding behind a text is its next token: each sequence is asked alone.
    alone = getattr(model.config, "trigram_input", False)
    for rows in [slice(i, i + 1) for i in range(len(real))] if alone else [slice(None)]:
        asked = real[rows, : int(real[rows].sum(1).max())]
        with torch.no_grad():
            out = dict(model.eval()(**{name: value[rows][..., : asked.shape[1]] for name, value in inputs.items()}))
        if "sop_logits" in out:  # what ALBERT asks of pairs
            out["seq_relationship_logits"] = out["sop_logits"]
        if architecture.endswith(("ForMaskedLM", "LMHeadModel")):
            out["prediction_logits"] = out["logits"]
        for name in NAMES:
            if name in out:
                by_token = name in BY_TOKEN or architecture.endswith(("TokenClassification", "ElectraForPreTraining"))
                found = out[name][asked] if by_token else out[name]
                results.setdefault(f"{number}.{name}", []).append(found)
results = {name: torch.cat(found).contiguous() for name, found in results.items()}
answer.write(save(results))
answer.close()
"""
)


class NotTheSame(Exception):
    """A saved folder does not give the logits of the network it came from: a defect of ours, not of the user."""


def pretraining_logits(folder: Path, batch: Packed) -> dict[str, Tensor]:
    """Return what our own network gives for a pretrained encoder: rows are tokens, or sequences.

    Pairs are left out where the class that the folder names is not asked about them, and heads where it has none.
    """
    architecture = read_config(folder)["architectures"][0]
    if architecture == "ElectraForPreTraining":
        encoder, head = load_discriminator(folder)
        return {"logits": head(encoder.eval()(batch))}
    if architecture.endswith("Model") and not architecture.endswith(DECODER):
        return {"last_hidden_state": load_pretraining(folder, ("bert.pooler.", "cls.")).eval().bert(batch)}
    network = load_pretraining(folder).eval()
    hidden = network.bert(batch)
    masked = {"prediction_logits": network.cls.predictions(hidden)}
    if architecture.endswith(("ForMaskedLM", DECODER)):
        return masked
    pairs = network.cls.seq_relationship(network.bert.pooled(hidden[batch.firsts]))
    return {**masked, "seq_relationship_logits": pairs}


def verify(
    folders: list[Path], ours: Callable[[Path, Packed], dict[str, Tensor]] = pretraining_logits
) -> dict[str, float]:
    """Return the largest difference of any logit for each folder, between plain transformers and `ours`.

    Ids of texts must be equal. NotTheSame is also raised where they are not.

    Above 1e-5 it is NotTheSame; where logits are beyond 1, above 1e-5 of the largest, for float32 rounds in proportion.
    Folders in our own layout, which no plain class opens, are left out.
    """
    folders = [folder for folder in folders if read_config(folder)["model_type"] != OURS]
    if not folders:
        return {}
    told = [read_config(folder) for folder in folders]
    shapes = [encoder_config(each, str(folder)) for each, folder in zip(told, folders, strict=True)]
    room = min(shape.max_position_embeddings for shape in shapes)
    lengths = [min(n, room) for n in LENGTHS]
    sequences = [np.random.default_rng(n).integers(5, 2**31, n) for n in lengths]
    segments = [np.arange(n) >= n // 2 for n in lengths]
    theirs = _ask_a_stranger(folders, _padded(sequences, segments))
    found = {}
    for number, folder in enumerate(folders):
        _require_equal_ids(folder, theirs, number)
        ids = [_without_padding(s, int(told[number]["vocab_size"]), shapes[number].pad_token_id) for s in sequences]
        with torch.no_grad():
            logits = ours(folder, Packed.of(ids, segments))
        found[str(folder)] = max(
            float((theirs[f"{number}.{name}"].float() - each).abs().max()) for name, each in logits.items()
        )
        largest = max(float(each.abs().max()) for each in logits.values())
        if not found[str(folder)] <= TOLERANCE * max(1.0, largest):  # written so that "not a number" is refused too
            raise NotTheSame(f"{folder}: logits in plain transformers differ by {found[str(folder)]:.2g}")
    return found


def _without_padding(numbers: NDArray[np.int64], vocab_size: int, padding: int) -> NDArray[np.int64]:
    ids = numbers % (vocab_size - 1)
    return ids + (ids >= padding)


def _texts(folder: Path) -> tuple[str, ...]:
    return TEXTS if any((folder / name).is_file() for name in TOKENIZER_FILES) else ()


def _require_equal_ids(folder: Path, theirs: dict[str, Tensor], number: int) -> None:
    texts = _texts(folder)
    if not texts:
        return
    for row, pieces in enumerate(Tokenizer.open(folder).encode_many(texts, special="token")):
        found = theirs[f"{number}.text.{row}"].tolist()
        if found != pieces.ids.tolist():
            raise NotTheSame(f"{folder}: ids in plain transformers differ for {texts[row]!r}: {found}")


def _ask_a_stranger(folders: list[Path], batch: dict[str, Tensor]) -> dict[str, Tensor]:
    command = [sys.executable, "-c", STRANGER, json.dumps([_texts(folder) for folder in folders]), *map(str, folders)]
    done = ask_program(command, save(batch), {**os.environ, "HF_HUB_OFFLINE": "1"})
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace")[-2000:]
        raise NotTheSame(f"plain transformers could not open one of {', '.join(map(str, folders))}:\n{said}")
    answers: dict[str, Tensor] = load(done.stdout)
    return answers


def _padded(sequences: list[Any], segments: list[Any]) -> dict[str, Tensor]:
    longest = max(map(len, sequences))
    fields = {
        "input_ids": sequences,
        "token_type_ids": segments,
        "attention_mask": [np.ones(len(s)) for s in sequences],
    }
    return {
        name: torch.tensor(np.stack([np.pad(np.asarray(v, np.int64), (0, longest - len(v))) for v in rows]))
        for name, rows in fields.items()
    }
