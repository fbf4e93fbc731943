"""Graphs that answer: ONNX Runtime where a network would stand."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.weights import damaged, load, read_header
from mamebert.compression import Goal, Subject
from mamebert.compression._altered_folder import goal_in
from mamebert.compression._goals import TaskGoal
from mamebert.compression._graphs import HEAD, INPUTS, WORDS, has_plain_head
from mamebert.compression._session import Session
from mamebert.encoder.packing import Packed
from mamebert.encoder.padded import Padded
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.tasks._features import TaskBatch

GRAPH = "onnx/model_quantized.onnx"
"""Where a graph of bytes lies within its folder; programs that run such graphs look for it there (transformers.js)."""
CPU = torch.device("cpu")


class GraphEncoder:
    """What a graph of an encoder gives, read as from an `Encoder`."""

    def __init__(self, session: Session, config: EncoderConfig, vocab_size: int, by_token: bool = True) -> None:
        self.session, self.config, self.vocab_size = session, config, vocab_size
        self.by_token = by_token
        """Whether the graph gives something for each token, rather than for each sequence."""

    def __call__(self, batch: Packed, places: Tensor | None = None) -> Tensor:
        """Return the last hidden states [tokens, hidden_size]; with `places` [rows] only those tokens'."""
        (by_token,) = self.outputs(batch)
        return by_token if places is None else by_token[places]

    def outputs(self, batch: Packed) -> list[Tensor]:
        """Return all outputs of the graph; rows are tokens, or sequences."""
        padded = Padded.of(batch)
        found = self.session(*inputs_of(padded, self.session.names))
        return [each[padded.visible] for each in found] if self.by_token else found


class GraphNetwork:
    """A network for a task; `raw_outputs` takes it for a `TaskNetwork`."""

    device = CPU

    def __init__(self, bert: GraphEncoder, goal: TaskGoal, rest: Any) -> None:
        self.bert, self.goal, self.rest = bert, goal, rest

    def eval(self) -> "GraphNetwork":
        """Return the network: a graph knows no other mode."""
        return self

    def to(self, device: object) -> "GraphNetwork":
        """Return the network, which stays on the processor."""
        return self

    def parameters(self) -> list[nn.Parameter]:
        """Return none: nothing can learn."""
        return []

    def __call__(self, batch: TaskBatch) -> Any:
        """Return what the task's head makes of a batch."""
        return self.conclude(self.gather(batch), batch)

    def gather(self, batch: TaskBatch) -> Tensor:
        """Return what the graph gives for each read: outputs of the head, or hidden states [reads, layers, width]."""
        found = self.bert.outputs(batch.packed)
        if self.rest is not None:
            (states,) = found
            return (states if states.ndim == 3 else states[:, None])[batch.places][batch.order]
        # A plain class gives two scores of a token as two outputs.
        rows = found[0] if len(found) == 1 else torch.stack(found, -1)
        if self.bert.by_token:
            return rows[batch.places][batch.order]
        sequences = torch.searchsorted(batch.packed.starts, batch.places, right=True) - 1
        return rows[sequences][batch.order]

    def conclude(self, gathered: Tensor, batch: TaskBatch) -> Any:
        """Return what the head makes of what was gathered; a graph with a head has done so."""
        return gathered if self.rest is None else self.rest.conclude(gathered, batch)


class WordsNetwork:
    """A pretrained encoder; objectives take it for a `PretrainingNetwork`."""

    device = CPU

    def __init__(self, bert: GraphEncoder, words: Session) -> None:
        self.bert, self.cls = bert, _WordHead(words)

    def eval(self) -> "WordsNetwork":
        """Return the network: a graph knows no other mode."""
        return self

    def to(self, device: object) -> "WordsNetwork":
        """Return the network, which stays on the processor."""
        return self

    def parameters(self) -> list[nn.Parameter]:
        """Return none: nothing can learn."""
        return []


class _WordHead:
    def __init__(self, words: Session) -> None:
        self.words = words

    def predictions(self, hidden: Tensor) -> Tensor:
        """Return the scores [rows, vocabulary] of hidden states [rows, hidden_size]."""
        (scores,) = self.words(hidden)
        return scores


def open_running(folder: Path, threads: int = 0) -> Subject:
    """Open the graph of bytes that `dynamic_int8` or `q8bert` saved in a folder; see `open_graph`."""
    return open_graph(folder, folder / GRAPH, threads)


def open_graph(folder: Path, graph: Path, threads: int = 0) -> Subject:
    """Open a graph that lies in `folder`, whose config.json says what it is for; its network answers and cannot learn.

    For a task the network is a `GraphNetwork`, for a pretrained encoder a `WordsNetwork`. What is missing or damaged
    is a UserError.
    """
    opened = ModelFolder.open(folder)
    goal = goal_in(opened)
    by_sequence = isinstance(goal, TaskGoal) and has_plain_head(goal) and goal.task.reads == "first"
    bert = GraphEncoder(Session(graph, threads), opened.shape, opened.vocab_size, not by_sequence)
    if isinstance(goal, TaskGoal):
        network: Any = GraphNetwork(bert, goal, None if has_plain_head(goal) else _head(goal, bert, graph))
    else:
        network = WordsNetwork(bert, Session(graph.with_name(graph.stem + WORDS), threads))
    return Subject(network, goal, folder)


def inputs_of(padded: Padded, names: Sequence[str]) -> list[Tensor]:
    """Return those inputs of a graph that it has: without segments, the exporter leaves their input out."""
    given = dict(zip(INPUTS, (padded.ids, padded.visible.long(), padded.segments), strict=True))
    return [given[name] for name in names]


def _head(goal: Goal, bert: GraphEncoder, graph: Path) -> nn.Module:
    """Return a network of which the head and the reader are those that lie beside the graph, and no encoder is left."""
    path = graph.with_name(graph.stem + HEAD)
    if not path.is_file():
        raise UserError(f"{path} is not there. Get the folder anew, with all files whose names begin alike.")
    assert isinstance(goal, TaskGoal)
    tensors = load(read_header(path))
    with torch.device("meta"):  # the encoder's weights would take memory for nothing
        network = goal.network(bert.config, bert.vocab_size)
    del network.bert
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise damaged(path, "its weights are not those of the head") from error
    return network.eval()
