"""Proof of the promise: plain `transformers`, in a fresh process, opens the folder and gives the same logits."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from mamebert.checkpoints.load import load_classification, load_pretraining, read_config
from mamebert.encoder.model import ClassificationNetwork, PretrainingNetwork
from mamebert.encoder.packing import Packed

TOLERANCE = 1e-5
LENGTHS = (48, 17, 5)

# Run with nothing of ours imported: what a stranger with transformers alone would do.
STRANGER = """
import json, sys, torch, transformers
from safetensors.torch import load_file, save_file
transformers.logging.set_verbosity_error()
torch.set_num_threads(1)
batch = load_file(sys.argv[1])
results = {}
for number, folder in enumerate(sys.argv[3:]):
    architecture = json.load(open(folder + "/config.json"))["architectures"][0]
    model, about = getattr(transformers, architecture).from_pretrained(folder, output_loading_info=True)
    wrong = [*about["missing_keys"], *about["unexpected_keys"], *about["mismatched_keys"]]
    assert not wrong, f"keys differ: {wrong}"
    ids = batch["input_ids"] % model.config.vocab_size
    with torch.no_grad():
        out = model.eval()(ids, attention_mask=batch["attention_mask"], token_type_ids=batch["token_type_ids"])
    for name in ("logits", "prediction_logits", "seq_relationship_logits"):
        if name in out:
            results[f"{number}.{name}"] = out[name].contiguous()
save_file(results, sys.argv[2])
"""


class NotTheSame(Exception):
    """A saved folder does not give the logits of the network it came from: a defect of ours, not of the user."""


def verify(folders: list[Path]) -> dict[str, float]:
    """Return the largest difference of any logit for each folder.

    Above 1e-5 it is NotTheSame; where logits are beyond 1, above 1e-5 of the largest, for float32 rounds in proportion.
    """
    room = min(int(read_config(folder)["max_position_embeddings"]) for folder in folders)
    lengths = [min(n, room) for n in LENGTHS]
    sequences = [np.random.default_rng(n).integers(5, 2**31, n) for n in lengths]
    segments = [np.arange(n) >= n // 2 for n in lengths]
    with tempfile.TemporaryDirectory() as scratch:
        question, answer = Path(scratch, "question.safetensors"), Path(scratch, "answer.safetensors")
        save_file(_padded(sequences, segments), question)
        command = [sys.executable, "-c", STRANGER, str(question), str(answer), *map(str, folders)]
        environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise NotTheSame(
                f"plain transformers could not open one of {', '.join(map(str, folders))}:\n{done.stderr[-2000:]}"
            )
        theirs = load_file(answer)
    found = {}
    for number, folder in enumerate(folders):
        ours = _logits(folder, sequences, segments)
        found[str(folder)] = max(
            _difference(theirs[f"{number}.{name}"], logits, lengths) for name, logits in ours.items()
        )
        largest = max(float(logits.abs().max()) for logits in ours.values())
        if not found[str(folder)] <= TOLERANCE * max(1.0, largest):  # written so that "not a number" is refused too
            raise NotTheSame(f"{folder}: logits in plain transformers differ by {found[str(folder)]:.2g}")
    return found


def _logits(folder: Path, sequences: list[Any], segments: list[Any]) -> dict[str, Tensor]:
    vocab_size = int(read_config(folder)["vocab_size"])
    batch = Packed.of([s % vocab_size for s in sequences], segments)
    network: nn.Module
    with torch.no_grad():
        if read_config(folder)["architectures"] == ["BertForSequenceClassification"]:
            network = load_classification(folder).eval()
            assert isinstance(network, ClassificationNetwork)
            return {"logits": network(batch)}
        network = load_pretraining(folder).eval()
        assert isinstance(network, PretrainingNetwork)
        hidden = network.bert(batch)
        scores = network.cls.seq_relationship(network.bert.pooled(hidden[batch.firsts]))
        return {"prediction_logits": network.cls.predictions(hidden), "seq_relationship_logits": scores}


def _difference(theirs: Tensor, ours: Tensor, lengths: list[int]) -> float:
    if theirs.ndim == 3:  # one row a token: drop their padding
        theirs = torch.cat([theirs[row, :n] for row, n in enumerate(lengths)])
    return float((theirs.float() - ours).abs().max())


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
