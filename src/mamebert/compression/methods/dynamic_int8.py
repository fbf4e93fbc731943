"""Weights as bytes, without any learning; activations become bytes as they come (ONNX Runtime's dynamic quantisation).

The ranges of activations are those of the batch at hand, so an answer depends a little on what is asked beside it.
"""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from mamebert.checkpoints.model_folder import read_config
from mamebert.compression.contract import Bench, Form, Subject
from mamebert.compression.forms.onnx_export import export_graph
from mamebert.compression.forms.onnx_programs import onnx_program, require_onnx
from mamebert.compression.forms.onnx_runtime import GRAPH, open_running
from mamebert.compression.goals import MaskedWords
from mamebert.compression.methods import Compressor, Paper
from mamebert.errors import UserError
from mamebert.files.checksums import seal
from mamebert.files.disk import its_temporary_files_in, temporary_folder, write_bytes, write_text, writing


class DynamicInt8(Compressor):
    """Quantise matrices and embeddings of a graph to 8 bits."""

    paper: ClassVar[Paper] = Paper(
        "ONNX Runtime; the dynamic quantisation in Zafrir et al., 2019",
        "4x smaller; there up to 5.6 points lost (RTE; SQuAD 8.4), most tasks 1 to 3",
    )
    is_last: ClassVar[bool] = True
    is_random: ClassVar[bool] = False

    per_channel: bool = True
    """Each column of a matrix has its own range: nearer to the float32 numbers, and a little more to store."""

    def require(self) -> None:
        """Look for the programs that make and run graphs."""
        require_onnx()

    def check(self, subject: Subject, bench: Bench) -> None:
        """Refuse a model that is asked for more than words."""
        self.require()
        refuse_sentence_pairs(subject)

    def compress(self, subject: Subject, bench: Bench) -> Subject:
        """Return the model as it is: bytes are made where it is saved."""
        subject.notes |= {
            "quantised": "matrices and embeddings, 8 bits",
            "float32": "biases, LayerNorm, softmax, GELU, products of attention",
        }
        return subject

    def save(self, subject: Subject, folder: Path) -> list[Form]:
        """Write the graph, the tokenizer and config.json; no float32 matrix is among them."""
        save_without_weights(subject, folder, self.kind)
        with temporary_folder() as scratch:
            floats = export_graph(subject, Path(scratch, "model.onnx"))
            for path in floats:
                quantised = folder / GRAPH
                place = quantised.with_name(path.name.replace("model", quantised.stem, 1))
                place.parent.mkdir(exist_ok=True)
                if path.suffix == ".onnx":
                    quantise_graph(path, place, self.per_channel)
                else:
                    write_bytes(place, path.read_bytes())
        seal(folder)
        return [Form("onnx_int8", GRAPH, "onnxruntime")]

    @classmethod
    def open(cls, folder: Path) -> Subject:
        """Open the graph; its network answers and cannot learn."""
        return open_running(folder)


def quantise_graph(source: Path, place: Path, per_channel: bool = True, signed: bool = True) -> None:
    """Write the graph with matrices and embeddings as signed bytes (docs/decisions/0021), or as unsigned ones.

    Each range goes from the smallest number to the largest, as that of unsigned bytes does: no answer is another.
    """
    quantization = onnx_program("onnxruntime.quantization")
    with writing(place) as beside, its_temporary_files_in(beside.parent), _no_advice():
        quantization.quantize_dynamic(
            source,
            beside,
            per_channel=per_channel,
            weight_type=quantization.QuantType.QInt8 if signed else quantization.QuantType.QUInt8,
            extra_options={"WeightSymmetric": False},
        )


def save_without_weights(subject: Subject, folder: Path, kind: str) -> None:
    """Write all of the model's folder but its graphs; config.json says which method opens it. It is not sealed yet."""
    subject.goal.save(subject.network, subject.folder, folder)
    for path in folder.glob("*.safetensors"):
        path.unlink()
    config = read_config(folder)
    about: dict[str, Any] = {**config.get("mamebert", {}), "altered_by": kind}
    if isinstance(subject.goal, MaskedWords):
        about["objective"] = subject.goal.objective.model_dump()
    write_text(folder / "config.json", json.dumps({**config, "mamebert": about}, ensure_ascii=False, indent=2) + "\n")


def refuse_sentence_pairs(subject: Subject) -> None:
    """Raise a UserError for an encoder that is asked for more than words."""
    if isinstance(subject.goal, MaskedWords) and subject.goal.objective.kind != "masked_lm":
        raise UserError(
            f"A graph answers for masked words, and the objective is {subject.goal.objective.kind}. "
            "Set objective.kind=masked_lm."
        )


@contextmanager
def _no_advice() -> Iterator[None]:
    """Keep still about a preprocessing that changes nothing for these graphs."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
