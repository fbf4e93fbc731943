"""Networks as ONNX graphs, with the inputs and outputs that plain transformers gives models of their kind.

The exporter that traces (dynamo=False) is used: it gives the same numbers as the newer one in 2 s instead of 39 (6
layers of width 256 on one slow core), ONNX Runtime quantises its graphs as they are, and it takes operators of ours.
"""

import warnings
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

from mamebert.compression.contract import Goal, Subject
from mamebert.compression.forms.onnx_programs import require_onnx
from mamebert.compression.goals import TaskGoal
from mamebert.encoder.model import Encoder
from mamebert.encoder.trace import Padded
from mamebert.files.disk import save_tensors, writing
from mamebert.kernels.native import torch_only

INPUTS = ("input_ids", "attention_mask", "token_type_ids")
OPSET = 17
"""The first with LayerNormalization as one operator."""
WORDS, HEAD = "_words.onnx", "_head.safetensors"
"""How the names of files beside a graph end: scores of words from hidden states, and heads that no graph holds."""


def has_plain_head(goal: Goal) -> bool:
    """Tell whether a class of plain transformers holds the head; its outputs are then those of the graph."""
    return isinstance(goal, TaskGoal) and bool(goal.task.architecture) and goal.reading.is_last


def export_graph(subject: Subject, path: Path, words_within: bool = False) -> list[Path]:
    """Write the network as a graph of float32, or of whatever its modules are; return all files of it.

    Inputs are int64 [batch, sequence] of any size: `input_ids`, `attention_mask` (0 at padding), `token_type_ids`.
    Outputs are those of the plain class that holds the task's head (`logits`, `start_logits` ...). Where there is none
    it is `last_hidden_state` [batch, sequence, hidden_size], or `hidden_states` [batch, sequence, layers, hidden_size]
    where several layers are read; the head lies beside the graph. A pretrained encoder's scores of words are a second
    graph, from `hidden` [rows, hidden_size] to `prediction_logits` [rows, vocabulary]; with `words_within`, as other
    programs read it, the one output is `logits` [batch, sequence, vocabulary].
    """
    require_onnx("onnx")
    path.parent.mkdir(parents=True, exist_ok=True)
    laid_out = GraphModule.of(subject, words_within)
    network = laid_out.network
    ids = torch.ones(2, 3, dtype=torch.int64)
    taken = dict.fromkeys(INPUTS, ("batch", "sequence"))
    _trace(laid_out, (ids, ids, torch.zeros_like(ids)), path, taken, laid_out.outputs())
    if has_plain_head(subject.goal) or laid_out.words_within:
        return [path]
    if isinstance(subject.goal, TaskGoal):
        beside = path.with_name(path.stem + HEAD)
        save_tensors(beside, head_tensors(network))
    else:
        beside = path.with_name(path.stem + WORDS)
        rows = torch.zeros(2, subject.bert.config.hidden_size)
        _trace(network.cls.predictions, (rows,), beside, {"hidden": ("rows",)}, {"prediction_logits": ("rows",)})
    return [path, beside]


def head_tensors(network: nn.Module) -> dict[str, Tensor]:
    """Return what of a network for a task is no encoder, by name."""
    stored = [*network.named_parameters(remove_duplicate=False), *network.named_buffers(remove_duplicate=False)]
    return {name: tensor.detach().clone() for name, tensor in stored if name.startswith(("head.", "reader."))}


def leave_out_empty_parts(encoder: Encoder) -> None:
    """Let layers without heads, or without neurons, add their bias alone: graphs have no matrices of size 0."""
    layer: Any
    for layer in () if encoder.config.bottleneck else encoder.encoder.layer:
        if not layer.attention.output.dense.in_features:
            layer.attention.self, layer.attention.output.dense = _Nothing(), _Bias(layer.attention.output.dense)
        if not layer.output.dense.in_features:
            layer.intermediate, layer.output.dense = _Nothing(), _Bias(layer.output.dense)


class _Nothing(nn.Module):
    def mix(self, hidden: Tensor, seen: object) -> Tensor:
        return hidden

    def padded(self, hidden: Tensor) -> Tensor:
        return hidden


class _Bias(nn.Module):
    def __init__(self, dense: nn.Linear) -> None:
        super().__init__()
        self.bias, self.in_features = dense.bias, 1  # not to be replaced again where layers are shared

    def forward(self, hidden: Tensor) -> Tensor:
        return self.bias


class GraphModule(nn.Module):
    """What a graph computes, from its inputs to its outputs."""

    def __init__(self, network: Any, goal: Goal, words_within: bool = False) -> None:
        super().__init__()
        self.network, self.goal = network, goal
        self.words_within = words_within and not isinstance(goal, TaskGoal)

    @classmethod
    def of(cls, subject: Subject, words_within: bool = False) -> Self:
        """Return that of a subject's network, of which it holds a copy."""
        network = deepcopy(subject.network).cpu().eval()
        leave_out_empty_parts(network.bert)
        return cls(network, subject.goal, words_within).eval()

    def outputs(self) -> dict[str, tuple[str, ...]]:
        """Return the names of the outputs, in order, and what of their sizes varies."""
        if self.words_within:
            return {"logits": ("batch", "sequence")}
        if not has_plain_head(self.goal):
            return {"last_hidden_state" if self._last_alone else "hidden_states": ("batch", "sequence")}
        assert isinstance(self.goal, TaskGoal)
        names = self._plain(torch.zeros(1, self.network.bert.config.hidden_size))
        return dict.fromkeys(names, ("batch",) if self.goal.task.reads == "first" else ("batch", "sequence"))

    def forward(self, ids: Tensor, mask: Tensor, segments: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Return the outputs for int64 `input_ids`, `attention_mask` and `token_type_ids`, [batch, sequence] each."""
        hidden = self.network.bert.trace(Padded(ids, segments, mask.bool()), keeps="hidden").hidden
        if self.words_within:
            scores: Tensor = self.network.cls.predictions(hidden[-1])
            return scores
        if not has_plain_head(self.goal):
            return hidden[-1] if self._last_alone else torch.stack([hidden[n] for n in self._numbers], 2)
        assert isinstance(self.goal, TaskGoal)
        if self.goal.task.reads == "first":
            return tuple(self._plain(hidden[-1][:, 0]).values())
        by_token = self._plain(hidden[-1].flatten(0, 1)).values()
        return tuple(each.reshape(ids.shape[0], ids.shape[1], *each.shape[1:]) for each in by_token)

    def _plain(self, reads: Tensor) -> dict[str, Tensor]:
        # Heads of plain classes look at each read alone, and at nothing else of the batch.
        assert isinstance(self.goal, TaskGoal)
        return self.goal.task.plain_logits(self.network.head(reads, cast(Any, None)))

    @property
    def _numbers(self) -> list[int]:
        return list(self.network.reader.numbers)

    @property
    def _last_alone(self) -> bool:
        return not isinstance(self.goal, TaskGoal) or bool(self.network.reader.last_alone)


Sizes = Mapping[str, tuple[str, ...]]


def _trace(module: nn.Module, inputs: tuple[Tensor, ...], path: Path, taken: Sizes, given: Sizes) -> None:
    with writing(path) as beside, torch.no_grad(), torch_only(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there is a newer exporter; that sizes of weights become constants
        torch.onnx.export(
            module,
            inputs,
            beside,
            input_names=list(taken),
            output_names=list(given),
            dynamic_axes={name: dict(enumerate(sizes)) for name, sizes in {**taken, **given}.items()},
            opset_version=OPSET,
            dynamo=False,
        )
