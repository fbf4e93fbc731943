"""A model as ONNX graphs beside its weights, in the layout that other programs look for."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

from mamebert.checkpoints.model_folder import model_folder, read_config
from mamebert.checkpoints.purposes import Purpose
from mamebert.compression.contract import Subject
from mamebert.compression.forms.graph_parity import parity
from mamebert.compression.forms.onnx_export import HEAD, GraphModule, export_graph, has_plain_head
from mamebert.compression.forms.onnx_programs import onnx_program, require_onnx
from mamebert.compression.forms.onnx_runtime import GRAPH, open_graph
from mamebert.compression.forms.onnx_session import products_overflow
from mamebert.compression.forms.saving import FLOAT_GRAPH
from mamebert.compression.goals import MaskedWords, TaskGoal
from mamebert.compression.methods.dynamic_int8 import quantise_graph
from mamebert.compression.opening import open_subject
from mamebert.encoder.model import Encoder
from mamebert.errors import UserError, unknown
from mamebert.files.checksums import seal
from mamebert.files.disk import disk_errors, partial, put_in_place, remove, write_text
from mamebert.runs.machine import processor_name, versions
from mamebert.tasks import Task
from mamebert.tasks.data.features import Example
from mamebert.tasks.network.answering import answers_of, raw_outputs

Processor = Literal["this", "vnni", "older"]
PROCESSORS: tuple[Processor, ...] = get_args(Processor)
ABOUT = "export.json"
MADE_FOR = {
    True: "Weights are signed bytes, for processors that add products of bytes up in 32 bits (x86 with VNNI, ARM). On "
    "older x86 set ONNX Runtime's session.x64quantprecision to 1, or products are clipped.",
    False: "Weights are unsigned bytes, for x86 before VNNI; processors with VNNI are faster with signed ones.",
}
CLOSE = 1e-3
"""Relative error of the float32 graph from which on it is no graph of the model."""
Rows = Callable[[Task], Sequence[Example]]


def export(
    model: Path, purpose: Purpose | None = None, processor: Processor = "this", rows: Rows | None = None
) -> dict[str, Any]:
    """Write `onnx/model.onnx` and `onnx/model_quantized.onnx` into a model's folder; return what `export.json` tells.

    `purpose` is as in `load`: an encoder gives scores of words, or the last hidden states. `rows` gives labelled rows,
    over which the task's measures of network and graphs are taken.
    """
    require_onnx()
    if processor not in PROCESSORS:
        raise unknown("processor", processor, PROCESSORS)
    place = model_folder(model)
    subject = _plain_subject(place, purpose)
    _refuse_graphs_of_others(place)
    if rows and not isinstance(subject.goal, TaskGoal):
        raise UserError(f"{place} is for no task, and rows are judged by one. Leave --file out.")
    signed = not products_overflow() if processor == "this" else processor == "vnni"
    onnx = place / Path(GRAPH).parent
    working = partial(onnx)
    with disk_errors(onnx, goes_on=False):
        remove(working)
        told = _write(subject, working, signed, rows)
        remove(onnx)
        put_in_place(working, onnx)
    return told


def _plain_subject(place: Path, purpose: Purpose | None) -> Subject:
    altered = (read_config(place).get("mamebert") or {}).get("altered_by")
    if altered:
        raise UserError(
            f"{place} holds what {altered} has made of a model, with arithmetic of its own. Export the model that it "
            "was made of."
        )
    subject = open_subject(place, purpose=purpose)
    if not isinstance(getattr(subject.network, "bert", None), Encoder):
        raise UserError(
            f"{place} holds no encoder, and graphs are made of encoders. Give an encoder or a model of one."
        )
    if isinstance(subject.goal, MaskedWords) and subject.goal.objective.kind != "masked_lm":
        raise UserError(f"{place} is asked for more than words. Export it with --kind sentence_embeddings.")
    subject.network.cpu().eval()
    return subject


def _refuse_graphs_of_others(place: Path) -> None:
    onnx = place / Path(GRAPH).parent
    if onnx.exists() and not (onnx / ABOUT).is_file() and (not onnx.is_dir() or any(onnx.iterdir())):
        raise UserError(f"{onnx} holds what `mamebert export` has not written. Move it away first.")


def _write(subject: Subject, folder: Path, signed: bool, rows: Rows | None) -> dict[str, Any]:
    floats, whole = folder / Path(FLOAT_GRAPH).name, folder / Path(GRAPH).name
    module = GraphModule.of(subject, words_within=True)
    export_graph(subject, floats, words_within=True)
    quantise_graph(floats, whole, signed=signed)
    _note_within(whole, MADE_FOR[signed])
    told: dict[str, Any] = {
        "model": str((read_config(subject.folder).get("architectures") or [""])[0]),
        "holds": _holds(subject, module),
        "outputs": {name: list(sizes) for name, sizes in module.outputs().items()},
        "weights": "int8" if signed else "uint8",
        "made_for": MADE_FOR[signed],
        "made_on": {"processor": processor_name(), **versions(), "onnx": onnx_program("onnx").__version__},
        "parity": {graph.name: parity(module, graph) for graph in (floats, whole)},
    }
    worst = max(each["relative_error"] for each in told["parity"][floats.name].values())
    if not worst <= CLOSE:
        raise UserError(f"The graph of {subject.folder} answers otherwise than its weights ({worst:.1%}). Report it.")
    if rows and isinstance(subject.goal, TaskGoal):
        told["measures"] = _measures(subject, rows(subject.goal.task), [floats, whole])
    for head in folder.glob(f"*{HEAD}"):
        head.unlink()
    write_text(folder / ABOUT, json.dumps(told, ensure_ascii=False, indent=2) + "\n")
    seal(folder)
    return told


def _holds(subject: Subject, module: GraphModule) -> str:
    if module.words_within:
        return "the encoder and its scores of words"
    return "the whole model" if has_plain_head(subject.goal) else "the encoder; what follows it is in the weights alone"


def _note_within(graph: Path, made_for: str) -> None:
    """Let the graph itself tell what it was made for, wherever it is copied to."""
    onnx = onnx_program("onnx")
    model = onnx.load(graph)
    onnx.helper.set_model_props(model, {"made_for": made_for})
    onnx.save(model, graph)


def _measures(subject: Subject, examples: Sequence[Example], graphs: Sequence[Path]) -> dict[str, Any]:
    goal = subject.goal
    assert isinstance(goal, TaskGoal)
    features = goal.task.features(subject.tokenizer, list(examples), goal.learnt)

    def scores(network: Any) -> dict[str, float]:
        answers = answers_of(goal.task, raw_outputs(goal.task, network, features), features, goal.learnt)
        return {measure.name: measure.score for measure in goal.task.measures(list(examples), answers)}

    found: dict[str, Any] = {"rows": len(examples), "float32": scores(subject.network)}
    for graph in graphs:
        beside = graph.with_name(graph.stem + HEAD)
        if not has_plain_head(goal) and not beside.exists():  # the head is the same for all graphs
            beside.write_bytes(graphs[0].with_name(graphs[0].stem + HEAD).read_bytes())
        found[graph.name] = scores(open_graph(subject.folder, graph).network)
    return found
