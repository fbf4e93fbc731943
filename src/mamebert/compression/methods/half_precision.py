"""Weights as float16, without any learning: half the bytes on disk; arithmetic stays that of float32."""

from pathlib import Path
from typing import ClassVar

import torch
from safetensors.torch import load_file
from torch import Tensor

from mamebert.compression.contract import Bench, Form, Subject
from mamebert.compression.methods import Compressor, Paper
from mamebert.errors import UserError
from mamebert.files.checksums import seal
from mamebert.files.disk import save_tensors


class HalfPrecision(Compressor):
    """Store weights as float16: 11 significant bits of 24, so that a weight moves by a 2,048th of itself at most.

    config.json still says float32, which is what plain `transformers` then computes with too.
    """

    paper: ClassVar[Paper] = Paper("Micikevicius et al., 2018", "half the memory; the accuracy of float32 is kept")
    is_last: ClassVar[bool] = True
    is_random: ClassVar[bool] = False

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Round every weight to the nearest float16; one beyond its largest number (65,504) is a UserError."""
        with torch.no_grad():
            for name, weight in subject.network.named_parameters():
                rounded = weight.half()
                if not torch.isfinite(rounded).all():
                    raise UserError(
                        f"{name} holds {weight.abs().max().item():g}, and float16 ends at 65,504. "
                        "Choose dynamic_int8, or leave the weights as they are."
                    )
                weight.copy_(rounded)
        subject.notes |= {"stored": "float16"}
        return subject

    def save(self, subject: Subject, folder: Path) -> list[Form]:
        """Write the forms that the network has, their weights as float16; graphs stay float32."""
        forms = super().save(subject, folder)
        for path in folder.rglob("*.safetensors"):
            save_tensors(path, {name: _stored(each) for name, each in load_file(path).items()}, {"format": "pt"})
        for place in {folder / form.place for form in forms if (folder / form.place).is_dir()}:
            seal(place)
        return forms


def _stored(tensor: Tensor) -> Tensor:
    return tensor.half() if tensor.is_floating_point() else tensor
