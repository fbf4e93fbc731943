"""A saved folder as a function: texts in, answers out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import torch

from mamebert.checkpoints.load import load_classification, load_pretraining, model_folder, read_config
from mamebert.errors import UserError
from mamebert.probes.fill_mask import Candidates, fill_mask
from mamebert.tasks.classification import Classification
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.devices import pick_device

Kind = Literal["fill-mask", "classification"]


class FillMask:
    """Words for the place of [MASK]."""

    def __init__(self, folder: Path, device: str) -> None:
        self.tokenizer = Tokenizer.open(folder)
        self.network = load_pretraining(folder).to(pick_device(device)).eval()

    def __call__(self, texts: Sequence[str] | str, top: int = 5) -> list[list[Candidates]]:
        """Return, for each text and each [MASK] in it, the likeliest tokens with their probabilities."""
        return fill_mask(self.network, self.tokenizer, [texts] if isinstance(texts, str) else texts, top)


class Classify:
    """A label for each text."""

    def __init__(self, folder: Path, device: str) -> None:
        config = read_config(folder)
        about = config.get("mamebert", {})
        # A folder that was not fine-tuned here says nothing about its inputs: read as much as it can.
        room = {"max_length": config["max_position_embeddings"]}
        self.task = Classification.model_validate(about.get("task", {"kind": "classification", **room}))
        self.columns: list[str] = about.get("columns", ["text"])
        self.tokenizer = Tokenizer.open(folder)
        self.network = load_classification(folder).to(pick_device(device)).eval()
        # transformers leaves the names out where they are its own, LABEL_0 and so on.
        names = config.get("id2label", {})
        self.labels = [names.get(str(i), f"LABEL_{i}") for i in range(self.network.classifier.out_features)]

    @torch.no_grad()
    def __call__(self, texts: Sequence[str] | str) -> list[dict[str, Any]]:
        """Return for each text its likeliest label and that label's probability."""
        documents, _ = self.task.encode(self.tokenizer, [texts] if isinstance(texts, str) else texts)
        found = self.task.predict(self.network, documents)
        return [{"label": self.labels[row.argmax()], "probability": float(row.max())} for row in found]


def load(folder: Path | str, kind: Kind | None = None, device: str = "auto") -> Any:
    """Return a saved model as a function of texts: a `FillMask` for an encoder, a `Classify` for a classifier.

    `folder` is a model folder or the run folder that holds it; `kind` says what is expected of it.
    """
    place = model_folder(Path(folder))
    architecture = (read_config(place).get("architectures") or [""])[0]
    found: Kind = "classification" if architecture == "BertForSequenceClassification" else "fill-mask"
    if kind and kind != found:
        way_out = "Give the output of finetune." if kind == "classification" else "Give the output of pretrain."
        raise UserError(f"{place} holds a {architecture}, which does not do {kind}. {way_out}")
    return (Classify if found == "classification" else FillMask)(place, device)
