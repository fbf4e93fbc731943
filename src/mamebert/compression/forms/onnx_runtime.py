"""Graphs that answer: ONNX Runtime where a network would stand."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.checkpoints.weights import damaged, load, read_header
from mamebert.compression.contract import Goal, Subject
from mamebert.compression.forms.altered_folder import goal_in
from mamebert.compression.forms.graph_file import GraphFile
from mamebert.compression.forms.graph_sizes import Impossible, require_small
from mamebert.compression.forms.onnx_export import HEAD, INPUTS, WORDS, has_plain_head
from mamebert.compression.forms.onnx_session import Session, products_overflow
from mamebert.compression.goals import TaskGoal
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.shapes_alone import shapes_alone
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError
from mamebert.evaluation.cost.memory import at_most
from mamebert.tasks.data.features import TaskBatch

GRAPH = "onnx/model_quantized.onnx"
"""Where a graph of bytes lies within its folder; programs that run such graphs look for it there (transformers.js)."""
CPU = torch.device("cpu")
_PER_TOKEN = 128
"""Numbers that a layer may make of a token for each column of the widest matrix, and for each head and other token.

Those of ours make up to 16.
"""
_ROOM, _ROOM_OF_A_THREAD = 400_000_000, 150_000_000  # a thread of glibc reserves 128 MiB that it hardly ever fills


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
            states = states if states.ndim == 3 else states[:, None]
            gathered = self.rest.gathered_of(batch)
            read: Tensor = self.rest.reader.of_tokens(states, gathered.packed, gathered.places)
            return read[gathered.order]
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
    products_overflow()  # imports ONNX Runtime, whose libraries are no part of what a graph may take
    # A graph is a program, whose sizes are reckoned from its file; where the system can, it is held to them besides.
    with at_most(_room(graph, threads)):
        network = _network(graph, opened, goal, threads)
    return Subject(network, goal, folder)


def _room(graph: Path, threads: int) -> int:
    """Return the bytes of addresses that loading a graph may take: its weights some times over, and its threads'."""
    size = sum(each.stat().st_size for each in graph.parent.glob(f"{graph.stem}*"))
    return _ROOM + 6 * size + _ROOM_OF_A_THREAD * (threads or torch.get_num_threads())


def _network(graph: Path, opened: ModelFolder, goal: Goal, threads: int) -> Any:
    by_sequence = isinstance(goal, TaskGoal) and has_plain_head(goal) and goal.task.reads == "first"
    session = Session(graph, threads, partial(_require_small, graph, opened.shape, INPUTS))
    bert = GraphEncoder(session, opened.shape, opened.vocab_size, not by_sequence)
    _require_table(bert)
    if isinstance(goal, TaskGoal):
        network: Any = GraphNetwork(bert, goal, None if has_plain_head(goal) else _head(goal, bert, graph))
        _require_outputs(bert, goal)
    else:
        words = graph.with_name(graph.stem + WORDS)
        hidden = _require_hidden(bert)
        network = WordsNetwork(bert, Session(words, threads, partial(_require_small, words, opened.shape, ("hidden",))))
        _require_words(network, hidden)
    return network


def _require_small(path: Path, shape: EncoderConfig, inputs: Sequence[str], graph: GraphFile) -> None:
    """Raise a UserError for a graph that makes more numbers than a network of its matrices does.

    It is asked for the smallest batch and for one of the longest sequences; what it makes grows alike in between.
    """
    # What config.json says of a folder without weights is compared with nothing: the file's own sizes bound it.
    widest = max((each.shape[-1] for each in graph.weights.values() if len(each.shape) > 1), default=1)
    layers, heads = min(shape.num_hidden_layers, len(graph.weights)), min(shape.num_attention_heads, widest)

    def look(batch: int, length: int) -> None:
        size = (batch, length) if inputs == INPUTS else (batch * length, shape.hidden_size)
        most = _PER_TOKEN * (layers + 1) * batch * length * (widest + heads * length)
        require_small(path, graph, dict.fromkeys(inputs, size), most)

    look(1, 2)
    length = shape.max_position_embeddings
    while length > 2:
        try:
            look(2, length)
            return
        except Impossible:  # the graph reads less than config.json says, which is told when so long a text is asked
            length //= 2


def inputs_of(padded: Padded, names: Sequence[str]) -> list[Tensor]:
    """Return those inputs of a graph that it has: without segments, the exporter leaves their input out."""
    given = dict(zip(INPUTS, (padded.ids, padded.visible.long(), padded.segments), strict=True))
    return [given[name] for name in names]


def _require_table(bert: GraphEncoder) -> None:
    """Raise a UserError unless the graph's table of tokens ends where config.json says."""
    if not set(bert.session.names) <= set(INPUTS):
        raise _unlike(bert.session, f"it asks for {', '.join(bert.session.names)}")
    _shown(bert, bert.vocab_size - 1)
    try:
        _shown(bert, bert.vocab_size)
    except UserError:
        return
    raise _unlike(bert.session, f"it knows more tokens than the {bert.vocab_size} of vocab_size")


def _require_outputs(bert: GraphEncoder, goal: TaskGoal) -> None:
    """Raise a UserError unless the graph gives as many numbers as the task reads."""
    with shapes_alone():
        whole = goal.network(bert.config, bert.vocab_size)
    if has_plain_head(goal):
        wanted = [each.shape[0] for name, each in whole.head.named_parameters() if name.endswith(_LAST)]
    else:
        layers = len(whole.reader.numbers)
        wanted = [bert.config.hidden_size] if layers == 1 else [layers, bert.config.hidden_size]
    found = _shown(bert, 0)
    rows = found[0] if len(found) == 1 else torch.stack(found, -1)
    if list(rows.shape[1:]) != wanted:
        raise _unlike(bert.session, f"it gives {list(rows.shape[1:])} numbers where {wanted} are read")


def _require_hidden(bert: GraphEncoder) -> Tensor:
    """Return hidden states; a graph that gives something else is a UserError."""
    found = _shown(bert, 0)
    if len(found) != 1 or found[0].shape[1:] != (bert.config.hidden_size,):
        raise _unlike(bert.session, "it does not give hidden states")
    return found[0]


def _require_words(network: WordsNetwork, hidden: Tensor) -> None:
    """Raise a UserError unless there is a score for every token of the table."""
    words = network.cls.words
    if len(words.names) != 1 or [each.shape[1:] for each in words(hidden)] != [(network.bert.vocab_size,)]:
        raise _unlike(words, "it does not give a score for each token")


def _shown(bert: GraphEncoder, token: int) -> list[Tensor]:
    """Return what the graph gives for a sequence of this token twice; other sizes than that are a UserError."""
    ids = torch.full((1, 2), token)
    segments, seen = torch.zeros_like(ids), torch.ones_like(ids)
    given = dict(zip(INPUTS, (ids, seen, segments), strict=True))
    found = bert.session(*(given[name] for name in bert.session.names))
    sizes = [each.shape[:2] if bert.by_token else each.shape[:1] for each in found]
    if not found or any(size != ((1, 2) if bert.by_token else (1,)) for size in sizes):
        raise _unlike(bert.session, "its outputs are of another size than its inputs")
    if len({each.shape for each in found}) > 1:
        raise _unlike(bert.session, "its outputs are of several sizes")
    return [each.flatten(0, 1) for each in found] if bert.by_token else found


def _unlike(session: Session, why: str) -> UserError:
    return UserError(
        f"{session.path} does not belong to the config.json of its folder: {why}. Download or save it again."
    )


_LAST = ("classifier.weight", "qa_outputs.weight")
"""The names of the matrices that plain classes end with."""


def _head(goal: Goal, bert: GraphEncoder, graph: Path) -> nn.Module:
    """Return a network of which the head and the reader are those that lie beside the graph, and no encoder is left."""
    path = graph.with_name(graph.stem + HEAD)
    if not path.is_file():
        raise UserError(f"{path} is not there. Download or save it again, with all files whose names begin alike.")
    assert isinstance(goal, TaskGoal)
    tensors = load(read_header(path))
    with shapes_alone():  # the encoder's weights would take memory for nothing
        network = goal.network(bert.config, bert.vocab_size)
    del network.bert
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise damaged(path, "its weights are not those of the head") from error
    return network.eval()
