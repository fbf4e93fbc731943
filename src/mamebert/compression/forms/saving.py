"""A compressed model on disk: as plain transformers holds it, and where no class of it does, as ours and as plain."""

from importlib.util import find_spec
from pathlib import Path

from mamebert.checkpoints.layouts import layout_for
from mamebert.checkpoints.model_folder import read_config
from mamebert.checkpoints.sentence_modules import root_of
from mamebert.compression.contract import Form, Subject
from mamebert.compression.forms.onnx_export import export_graph
from mamebert.compression.goals import MaskedWords
from mamebert.compression.pruning.uneven_shapes import densified
from mamebert.files.checksums import seal
from mamebert.progress import say

DENSE = "dense"
"""Where, within the folder of a compact model, the plain one lies that gives the same outputs."""
FLOAT_GRAPH = "onnx/model.onnx"
"""Where its graph lies, in which nothing is a zero that has been filled in."""


def save_forms(subject: Subject, folder: Path) -> list[Form]:
    """Write a network of ordinary arithmetic and return its forms, the main one first.

    A shape that some plain class holds is saved once. Any other (heads or widths that differ from layer to layer) is
    saved compact, for us; as a graph of the same matrices, for ONNX Runtime; and dense, with zeros in the place of what
    was cut. An encoder that no plain class has for another reason, as the paper's IB-BERT, has no
    dense form.
    """
    subject.goal.save(subject.network, subject.folder, folder)
    if layout_for(subject.bert.config):
        return [Form("plain", ".", opens_with(folder))]
    compact = [Form("compact", ".", "mamebert"), *_graph(subject, folder)]
    if subject.bert.config.bottleneck or subject.bert.config.choices_beyond_bert:
        return compact
    dense = densified(subject)
    dense.goal.save(dense.network, subject.folder, folder / DENSE)
    return [*compact, Form("plain", DENSE, opens_with(folder / DENSE))]


def _graph(subject: Subject, folder: Path) -> list[Form]:
    """Write the graph and return its form; none of an encoder that is asked for more than words, as ever."""
    if isinstance(subject.goal, MaskedWords) and subject.goal.objective.kind != "masked_lm":
        return []
    if not (find_spec("onnx") and find_spec("onnxruntime")):
        say("No ONNX graph is written: pip install 'mamebert[onnx]' lets it be made.")
        return []
    export_graph(subject, folder / FLOAT_GRAPH)
    seal(folder)
    return [Form("onnx", FLOAT_GRAPH, "onnxruntime")]


def opens_with(folder: Path) -> str:
    """Return which class of plain transformers a folder says it is of, and whether sentence-transformers has it too."""
    return (
        f"transformers {read_config(folder)['architectures'][0]}{', sentence-transformers' if root_of(folder) else ''}"
    )
