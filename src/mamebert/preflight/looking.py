"""Rows, models, shapes and memory, looked at before a stage: in seconds, and nothing is built."""

from collections.abc import Iterable
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING

from mamebert.checkpoints.model_folder import ModelFolder, tokenizer_place
from mamebert.corpus.readers import Reader
from mamebert.corpus.token_shards import read_manifest
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.shapes_alone import shapes_alone
from mamebert.errors import UserError
from mamebert.evaluation.cost.memory import memory_of
from mamebert.files.names import file_name
from mamebert.preflight.ahead import Ahead, Found, tried
from mamebert.runs import StageConfig
from mamebert.tasks import NoColumn, Task
from mamebert.tasks.data.features import Unusable
from mamebert.tasks.network.told import require_room
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.devices import pick_device
from mamebert.word2vec.table import VectorTable

if TYPE_CHECKING:
    from mamebert.compression.methods import Compressor

MODELS = ("pretrain", "finetune", "compress")
"""Commands that make model folders."""
TABLES = ("vectors", "contrast")
"""Commands that make tables of word vectors."""
ROWS_LOOKED_AT = 64
BYTES_OF_TRAINING = 16
"""Of each parameter: weight, gradient and AdamW's two means, in float32."""


def look_at_rows(task: Task, reader: Reader) -> None:
    """Read the first rows as a task does: columns that are not there, and golds that cannot be, are a UserError."""
    rows = reader.first_rows(ROWS_LOOKED_AT)
    for row in rows:
        try:
            task.gold(row, task.inputs(row))
        except Unusable:
            continue
        except NoColumn as error:
            if not any(error.column in other for other in rows):
                raise


def check_rows(task: Task, readers: Iterable[Reader]) -> Found:
    """Yield what a task would refuse of the first rows."""
    for reader in readers:
        yield from tried(look_at_rows, task, reader)


def check_files(readers: Iterable[Reader]) -> Found:
    """Yield why files cannot be read."""
    for reader in readers:
        yield from tried(reader.first_rows, 1)


def require_room_for(task: Task, name: str, path: Path, ahead: Ahead) -> None:
    """Raise UserError where the sequences of a task are longer than its encoder reads."""
    shape = shape_of(path, ahead)
    if shape is not None:
        require_room("task", task.max_length, name, shape.max_position_embeddings)


def look_at_encoder(path: Path) -> None:
    """Raise UserError for a folder that no training can start from; of its weights only names and sizes are read."""
    folder = ModelFolder.open(path)
    folder.require_weights()
    folder.tokenizer()


def shape_of(path: Path, ahead: Ahead) -> EncoderConfig | None:
    """Return the shape of the encoder in a folder, or of that which a stage will make there; None if nobody knows."""
    maker = ahead.maker(path)
    if maker is None:
        return ModelFolder.open(path).shape
    if maker.command == "pretrain":
        return planned_shape(maker, ahead)
    if maker.command == "finetune":
        models: dict[str, Path] = maker.models  # type: ignore[attr-defined]
        named = [m for n, m in models.items() if ahead.inside(path) in (f"models/{file_name(n)}", "")]
        return shape_of(named[0], ahead) if len(named) == 1 else None
    return compressed_shape(maker, ahead)


def planned_shape(config: StageConfig, ahead: Ahead) -> EncoderConfig | None:
    """Return the shape of the encoder that a pretraining makes."""
    start: Path | None = config.start  # type: ignore[attr-defined]
    if start is None or ahead.maker(start) is None:
        settled: EncoderConfig = config.settled().encoder  # type: ignore[attr-defined]
        return settled
    shape, numbers = shape_of(start, ahead), config.start_layers  # type: ignore[attr-defined]
    return shape.model_copy(update={"num_hidden_layers": len(numbers)}) if shape and numbers else shape


def compressed_shape(config: StageConfig, ahead: Ahead) -> EncoderConfig | None:
    """Return the shape that a compression leaves, as far as its settings tell; one that cannot be is a UserError."""
    model: Path = config.model  # type: ignore[attr-defined]
    try:
        teacher = shape = shape_of(model, ahead)
    except UserError:
        if ahead.maker(model) is None:
            raise
        return None  # the stage that would make it says why it would not
    number: int
    method: Compressor
    for number, method in enumerate(config.method):  # type: ignore[attr-defined]
        if teacher is None or shape is None:
            return None
        try:
            method.require_layers(shape)
            shape = method.shape_after(shape, teacher)
        except UserError as error:
            raise UserError(
                f"{method.kind}, method {number + 1} of the chain: {error}" if number else str(error)
            ) from error
    return shape


def num_tokens_known(shards: Path, ahead: Ahead) -> int | None:
    """Return the size of the vocabulary of token shards, there or to be made; None if nobody knows."""
    maker = ahead.maker(shards)
    if maker is None:
        return int(read_manifest(shards)["vocab_size"])
    tokenizer: Path = maker.tokenizer  # type: ignore[attr-defined]
    learner = ahead.maker(tokenizer)
    if learner is None:
        return Tokenizer.open(tokenizer_place(tokenizer)).vocab_size
    if learner.command == "pretrain":
        return num_tokens_known(learner.shards, ahead)  # type: ignore[attr-defined]
    return int(learner.vocabulary.size) if learner.command == "vocab" else None  # type: ignore[attr-defined]


def width_of_table(path: Path, ahead: Ahead) -> int | None:
    """Return the width of the word vectors in a folder, or of those that a stage will make there; None if unknown."""
    maker = ahead.maker(path)
    if maker is None:
        return int(VectorTable.open(path).vectors.shape[1])
    if maker.command == "vectors":
        return int(maker.cbow.vector_size)  # type: ignore[attr-defined]
    start: Path | None = maker.vectors  # type: ignore[attr-defined]
    return int(maker.vector_size) if start is None else width_of_table(start, ahead)  # type: ignore[attr-defined]


def num_parameters(shape: EncoderConfig, vocab_size: int, tied: bool = True) -> int:
    """Return the parameters of a pretraining network, without making one."""
    layers = shape.num_hidden_layers
    if layers > 2 and shape.shared == "none" and not shape.layer_heads and not shape.layer_widths:
        one, two = (num_parameters(shape.model_copy(update={"num_hidden_layers": n}), vocab_size, tied) for n in (1, 2))
        return one + (layers - 1) * (two - one)
    with shapes_alone():
        network = PretrainingNetwork(shape, vocab_size, tied)
    return sum(prod(parameter.shape) for parameter in network.parameters())


def require_memory(num_parameters: int, device: str, processes: int = 1) -> None:
    """Raise UserError where the weights of a training cannot be held, whatever its batches are."""
    needed, there = BYTES_OF_TRAINING * num_parameters // processes, memory_of(pick_device(device))
    if needed > there:
        raise UserError(
            f"The encoder has {num_parameters / 1e6:,.0f} M parameters, and to train them takes {needed / 1e9:,.0f} GB "
            f"before anything is read; there are {there / 1e9:,.0f} GB. Lower encoder.hidden_size, "
            "encoder.num_hidden_layers or the size of the vocabulary."
        )
