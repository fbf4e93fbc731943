"""A saved folder as a function: texts in, answers out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args, overload

from mamebert.checkpoints.model_folder import model_folder, read_config
from mamebert.checkpoints.purposes import VECTORS, WORDS
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.corpus.readers import Row
from mamebert.errors import UserError, unknown
from mamebert.files.shipped import folder_of
from mamebert.serving.rows import rows_of
from mamebert.tasks import Answer, NoColumn, Raw, Task
from mamebert.tasks.data.cells import no_text
from mamebert.tasks.data.features import Example, Features, TaskState, Unusable
from mamebert.tasks.masked_words.fill_mask import Candidates, MaskedText, fill, fill_mask, masked_texts
from mamebert.tasks.masked_words.fill_mask import Network as WordsNetwork
from mamebert.tasks.masked_words.ready_words import ReadyWords
from mamebert.tasks.network.answering import Network, answers_of, raw_outputs
from mamebert.tasks.network.ready_network import open_ready
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.devices import is_surely_cpu, pick_device

if TYPE_CHECKING:
    from mamebert.compression.opening import Opened

Kind = Literal["fill-mask", "task", "sentence_embeddings"]
Precision = Literal["auto", "float32", "bfloat16", "int8"]
CHARACTERS_AT_A_TIME = 4_000_000
AT_A_TIME = 1024
"""Items that are held at once: enough to compute those of like length together."""


class FillMask:
    """Words for the place of [MASK]."""

    def __init__(self, network: WordsNetwork, tokenizer: Tokenizer) -> None:
        self.network, self.tokenizer = network, tokenizer

    def __call__(self, texts: Sequence[str] | str, top: int = 5) -> list[list[Candidates]]:
        """Return, for each text and each [MASK] in it, the likeliest tokens with their probabilities."""
        asked = [texts] if isinstance(texts, str) else list(_several(texts))
        if (other := next((text for text in asked if not isinstance(text, str)), asked)) is not asked:
            raise no_text(other)
        return fill_mask(self.network, self.tokenizer, asked, top)

    def understood(self, texts: Sequence[str]) -> list[MaskedText]:
        """Return texts as the encoder reads them; one without [MASK], or longer than it reads, is a UserError."""
        return masked_texts(self.network, self.tokenizer, texts)

    def words(self, asked: Sequence[MaskedText], tops: Sequence[int]) -> list[list[Candidates]]:
        """Return, for each [MASK] of each text, as many of the likeliest tokens as `tops` has for the text."""
        return fill(self.network, self.tokenizer, asked, tops)


class Understood(NamedTuple):
    """Items as the network is shown them."""

    num_items: int
    examples: list[Example]
    """Those that ask something; `row` tells which item each is."""
    features: list[Features]
    """What the network reads of each example."""
    unanswered: dict[int, Answer]
    """The answers to the other items, which tell why there is none."""


class Model:
    """A fine-tuned model: an answer for each row it is asked."""

    def __init__(self, task: Task, learnt: TaskState, kept: Kept, network: Network, tokenizer: Tokenizer) -> None:
        self.task, self.learnt = task, learnt
        self.kept = kept
        """How the training rows were read."""
        self.network, self.tokenizer = network, tokenizer
        self.num_truncated = 0
        """How many items so far were longer than what is read, so that their ends were not."""

    def __call__(self, asked: Iterable[Any] | str | dict[str, Any]) -> list[Answer]:
        """Return the answer to each item: a text, texts in the order of the task's columns, or a row (dictionary).

        A row that asks nothing (an empty text) gets {"unanswered": why}.
        """
        return list(self.stream([asked] if isinstance(asked, str | dict) else _several(asked)))

    def rows(self, path: Path | str, /, **settings: Any) -> Iterator[Row | str]:
        """Yield the rows of a file, or the texts of a `.txt` file, to be asked.

        `settings` are those of a reader, as `source` has them (`encoding="cp932"`). What they and the file's ending
        leave open is as it was with the training rows. A first row without what the task reads is a UserError.
        """
        for number, item in enumerate(rows_of(Path(path), settings, self.task.columns(), self.kept)):
            if number == 0 and isinstance(item, dict):
                self._require_columns(item, Path(path))
            yield item

    def stream(self, items: Iterable[Any], at_a_time: int = AT_A_TIME) -> Iterator[Answer]:
        """Yield the answer to each item in turn; only `at_a_time` of them are held at once, however many come.

        A row without a column that rows before it have is not answered; one that no row has had is a UserError.
        """
        return (answer for _, answer in self.pairs(items, at_a_time))

    def pairs(self, items: Iterable[Any], at_a_time: int = AT_A_TIME, skip: int = 0) -> Iterator[tuple[Any, Answer]]:
        """Yield each item with its answer, as `stream` does; the first `skip` ones are read and not answered.

        Those behind them are asked together as they would be without `skip`, so that nothing else is answered.
        """
        waiting, met = iter(items), set[str]()
        while some := list(_first(waiting, at_a_time)):
            if skip < len(some):
                yield from zip(some[skip:], self._answers(some, met)[skip:], strict=True)
            else:
                met.update(*(self.task.row_of(item) for item in some))
            skip = max(0, skip - len(some))

    def _require_columns(self, row: Row, path: Path) -> None:
        try:
            self.task.inputs(row)
        except Unusable:
            return
        except UserError as error:
            lacking = [name for name in self.task.columns() if name not in row]
            if not lacking:
                raise
            there, first = ", ".join(repr(str(name)[:40]) for name in row), lacking[0]
            raise UserError(
                f"{path} has the columns {there}, and the model reads {', '.join(lacking)}. Name what holds it with "
                f"--reader columns.{first}=NAME, the columns of a table whose first line is a row with --reader "
                f"'header=[\"{first}\"]', or how the file is written with --kind or --reader format=csv."
            ) from error

    def understood(self, items: Sequence[Any], met: set[str] | None = None) -> Understood:
        """Return what the network is shown of the items; `met` are the columns that rows before these had.

        A row without a column that is among those is not answered. Where they are no file's, there are none, and it is
        a UserError.
        """
        unanswered: dict[int, Answer] = {}
        examples = []
        for number, item in enumerate(items):
            row = self.task.row_of(item)
            try:
                examples.append(Example(self.task.inputs(row), None, number))
            except Unusable as why:
                unanswered[number] = {"unanswered": str(why)}
            except NoColumn as error:  # writers of JSON leave out what a row does not have
                if met is None or error.column not in met:
                    raise
                unanswered[number] = {"unanswered": f"no column {error.column!r}"}
            if met is not None:
                met.update(row)
        features = self.task.features(self.tokenizer, examples, self.learnt) if examples else []
        self.num_truncated += sum(each.num_truncated > 0 for each in features)
        return Understood(len(items), examples, features, unanswered)

    def raws(self, asked: Understood) -> list[Raw]:
        """Return what the head gives for each example."""
        return raw_outputs(self.task, self.network, asked.features) if asked.examples else []

    def answers(self, asked: Understood, raws: Sequence[Raw]) -> list[Answer]:
        """Return the answer to each item."""
        found = answers_of(self.task, raws, asked.features, self.learnt) if asked.examples else []
        answers = asked.unanswered | {e.row: answer for e, answer in zip(asked.examples, found, strict=True)}
        return [answers[number] for number in range(asked.num_items)]

    def _answers(self, items: Sequence[Any], met: set[str]) -> list[Answer]:
        asked = self.understood(items, met)
        return self.answers(asked, self.raws(asked))


def _several(asked: Any) -> Any:
    if not isinstance(asked, Iterable) or isinstance(asked, bytes):
        raise no_text(asked)
    return asked


def _first(items: Iterator[Any], most: int) -> Iterator[Any]:
    """Yield the next items: `most`, or as many as are held at once where they are long."""
    characters = 0
    for item in islice(items, most):
        yield item
        values = item.values() if isinstance(item, dict) else item if isinstance(item, list | tuple) else [item]
        characters += sum(len(value) for value in values if isinstance(value, str))
        if characters >= CHARACTERS_AT_A_TIME:
            return


@overload
def load(
    folder: Path | str, kind: Literal["fill-mask"], device: str = "auto", precision: Precision = "auto"
) -> FillMask: ...
@overload
def load(
    folder: Path | str,
    kind: Literal["task", "sentence_embeddings"],
    device: str = "auto",
    precision: Precision = "auto",
) -> Model: ...
@overload
def load(
    folder: Path | str, kind: None = None, device: str = "auto", precision: Precision = "auto"
) -> FillMask | Model: ...
def load(
    folder: Path | str, kind: Kind | None = None, device: str = "auto", precision: Precision = "auto"
) -> FillMask | Model:
    """Return a saved model as a function of texts: a `FillMask` for an encoder, a `Model` for a fine-tuned one.

    `folder` is a model folder, the run folder that holds it, or the name of a shipped model; `kind` says what is
    expected of it. A folder of `sentence-transformers`, an encoder without heads, and with `kind="sentence_embeddings"`
    any encoder is a `Model` that answers with vectors. With `precision="int8"` the products of its layers are made in
    whole numbers of 8 bits, with "bfloat16" of numbers rounded to that, where the processor has products of it
    (elsewhere that is float32): on a CPU that is faster, and answers differ a little from those of float32, which
    "auto" takes.
    """
    if not isinstance(folder, str | Path):
        raise UserError(f"{str(folder)[:60]!r} is not a path. Give that of a model folder, as text.")
    if kind is not None and kind not in WAYS_OUT:
        raise unknown("kind of model", str(kind), WAYS_OUT)
    if precision not in PRECISIONS:
        raise unknown("precision", str(precision), PRECISIONS)
    try:
        place = model_folder(folder_of(folder))
    except ValueError as error:
        raise UserError(str(error)) from error
    if is_surely_cpu(device) and (ready := _natively(place, kind, _taken(precision))):
        return ready
    return _by_modules(place, kind, device, precision)


def _natively(
    place: Path, kind: Kind | None, precision: Literal["float32", "bfloat16", "int8"]
) -> FillMask | Model | None:
    """Return the model where it answers without torch."""
    ready = open_ready(place, precision, None if kind == "task" else kind)
    if isinstance(ready, ReadyWords):
        return FillMask(ready, ready.folder.tokenizer()) if kind in (None, WORDS) else None
    if ready is None or kind not in (None, "task", ready.task.kind):
        return None
    return Model(ready.task, ready.learnt, ready.kept, ready.network, ready.tokenizer)


def _by_modules(place: Path, kind: Kind | None, device: str, precision: Precision) -> FillMask | Model:
    from mamebert.compression.goals import TaskGoal
    from mamebert.compression.opening import open_main

    opened = open_main(place, pick_device(device), None if kind == "task" else kind)
    goal = opened.subject.goal
    found = goal.task.kind if isinstance(goal, TaskGoal) else WORDS
    is_meant = kind in (None, found) or (kind == "task" and found != WORDS)
    if not is_meant:
        raise UserError(f"{place} {_what_it_does(place, found)}, which does not do this. {WAYS_OUT[kind or WORDS]}")
    _make_ready(opened, place, precision)
    if not isinstance(goal, TaskGoal):
        return FillMask(opened.subject.network, opened.tokenizer)
    return Model(goal.task, goal.learnt, goal.kept, opened.subject.network, opened.tokenizer)


def _make_ready(opened: "Opened", place: Path, precision: Precision) -> None:
    """Lay out the layers of an encoder for answers on a CPU; int8 where there are none, or on a GPU, is a UserError."""
    from mamebert.encoder.model import Encoder
    from mamebert.tasks.network.task_network import TaskNetwork

    network = opened.subject.network
    encoder = getattr(network, "bert", None)
    if isinstance(encoder, Encoder) and encoder.device.type == "cpu":
        ready = network if isinstance(network, TaskNetwork) else encoder
        ready.make_ready(_taken(precision))
    elif precision in ("bfloat16", "int8"):
        where = f"is on {encoder.device}" if isinstance(encoder, Encoder) else "holds no layers in float32"
        raise UserError(f"{place} {where}, and {precision} is for those of an encoder on a CPU. Leave precision out.")


def _taken(precision: Precision) -> Literal["float32", "bfloat16", "int8"]:
    return "float32" if precision == "auto" else precision


PRECISIONS: tuple[Precision, ...] = get_args(Precision)
WAYS_OUT: Mapping[Kind, str] = {
    "task": "Give the output of finetune.",
    WORDS: "Give the output of pretrain.",
    VECTORS: "Give an encoder, or the output of finetune with task.kind=sentence_embeddings.",
}


def _what_it_does(place: Path, found: str) -> str:
    architecture = (read_config(place).get("architectures") or [""])[0]
    if found == VECTORS:
        return f"holds an encoder without a masked-word head ({architecture or 'of no class'})"
    return f"holds a {architecture or f'model for {found}'}"
