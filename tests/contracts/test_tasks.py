"""What every task promises, whatever its shape."""

import inspect
import json
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from safetensors import safe_open

import mamebert
from mamebert.config import meaning
from mamebert.corpus.readers import Row
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.tasks import Answer, Task
from mamebert.tasks.data.features import Example, Unusable, pack
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.task_network import save_network, start_network
from mamebert.tokenizer.encoding import Tokenizer


class Toy(NamedTuple):
    """A few rows of a task; the tokenizer knows the words of tests/conftest.py (bean, boat, pot ...)."""

    settings: dict[str, Any]
    rows: list[Row]
    """Four or more, with right answers, of different lengths."""
    unusable: list[Row]
    """Rows that ask nothing, or whose right answer is missing; the first asks nothing."""
    right: Callable[[Example], Answer]
    """The answer that is wholly right, as the task gives answers."""
    too_long: Row | None
    """A row of which something is left out at `max_length` 16; None for a task that reads all of any row."""
    top: float = 1.0
    """What the first measure says to right answers."""


TEXTS = ["The old bean holds the leaf.", "A gull.", "The wet boat meets the rope. The small tide leaves the net."] * 2
LONG = "The wet boat meets the rope. " * 9
# A new file in the folder fails here until it has a line.
TOYS = {
    "classification": Toy(
        {"second_columns": ["second"]},
        [{"text": a, "second": b, "label": i % 3} for i, (a, b) in enumerate(pairwise(TEXTS))],
        [{"text": "A gull.", "second": " "}, {"text": "A gull.", "second": "A pot.", "label": None}],
        lambda example: {"label": example.gold},
        {"text": LONG, "second": LONG, "label": 1},
    ),
    "multi_label": Toy(
        {},
        [{"text": text, "labels": ["sea"] * (i % 2) + ["land"] * (i % 3)} for i, text in enumerate(TEXTS, start=1)],
        [{"text": "", "labels": "sea"}, {"text": "A gull.", "labels": ""}],
        lambda example: {"labels": example.gold},
        {"text": LONG, "labels": "sea"},
    ),
    "regression": Toy(
        {"label_columns": ["lat", "lon"], "geolocation": True},
        [{"text": text, "lat": str(40 + i), "lon": i * i / 7} for i, text in enumerate(TEXTS)],
        [{"text": "\n"}, {"text": "A gull.", "lat": 1.5, "lon": ""}, {"text": "A gull.", "lat": 1, "lon": "nan"}],
        lambda example: {"numbers": dict(zip(("lat", "lon"), example.gold, strict=True))},
        {"text": LONG, "lat": 1, "lon": 1},
    ),
    "tagging": Toy(
        {},
        [
            {"words": text.split(), "tags": ["B-THING" if i % 3 else "O" for i in range(len(text.split()))]}
            for text in TEXTS
        ],
        [{"words": []}, {"words": ["A", "gull"], "tags": None}],
        lambda example: {"tags": example.gold},
        None,
    ),
    "multiple_choice": Toy(
        {},
        [{"question": text, "choices": TEXTS[: 2 + i % 3], "label": i % 2} for i, text in enumerate(TEXTS)],
        [{"question": "", "choices": ["A", "B"]}, {"question": "A gull.", "choices": ["A", "B"], "label": 3}],
        lambda example: {"choice": example.gold},
        {"question": LONG, "choices": ["A gull.", "A pot."], "label": 1},
    ),
    "span_qa": Toy(
        {"unanswerable": True, "stride": 8},
        [
            {
                "question": f"What {'leaves' if i % 2 else 'holds'}?",
                "context": text,
                "answers": [{"text": "boat", "answer_start": text.index("boat")}] if "boat" in text else [],
            }
            for i, text in enumerate([*TEXTS, LONG])
        ],
        [
            {"question": " ", "context": "A gull."},
            {"question": "What?", "context": "A gull.", "answers": [{"text": "gull", "answer_start": 0}]},
        ],
        lambda example: {"text": example.gold[0]["text"] if example.gold else ""},
        {"question": LONG, "context": "A gull.", "answers": []},
    ),
    "extractive_summary": Toy(
        {"num_sentences": 2},
        [
            {"text": f"A gull. {text} A pot meets a {noun}.", "summary": f"A gull.A pot meets a {noun}."}
            for text, noun in zip(TEXTS, ["rope", "net", "leaf"] * 2, strict=True)
        ],
        [{"text": " "}, {"text": "A gull.", "summary": "..."}],
        lambda example: {"summary": example.gold},
        {"text": LONG, "summary": "A gull."},
    ),
    "long_documents": Toy(
        {"chunk_tokens": 6, "stride": 4, "max_chunks": 6, "aggregate": "transformer"},
        [{"text": text, "label": i % 3} for i, text in enumerate(TEXTS)],
        [{"text": " "}, {"text": "A gull.", "label": ""}],
        lambda example: {"label": example.gold},
        {"text": LONG, "label": 1},
    ),
    "dependency_parsing": Toy(
        {},
        [{"words": text, "heads": range(len(text.split())), "deprels": ["root", *text.split()[1:]]} for text in TEXTS],
        [{"words": ""}, {"words": "A gull", "heads": [], "deprels": []}],
        lambda example: example.gold,
        {"words": LONG, "heads": range(len(LONG.split())), "deprels": LONG},
    ),
    "sentence_embeddings": Toy(
        {"cnn_widths": [1, 3], "cnn_channels": 8},
        [{"text": a, "second": b, "label": str(i * i)} for i, (a, b) in enumerate(pairwise(TEXTS))],
        [{"text": " ", "second": "A gull."}, {"text": "A gull.", "second": None, "label": 1}],
        lambda example: {"cosine": example.gold / 16},
        {"text": "A gull.", "second": LONG, "label": 1},
    ),
    "taxonomy": Toy(
        {"labels": ["sea.net", "land.bean", "sea.net.rope", "land.root"]},
        [{"text": text, "label": ["land.bean", "sea.net", "sea.net.rope"][i % 3]} for i, text in enumerate(TEXTS)],
        [{"text": ""}, {"text": "A gull.", "label": None}],
        lambda example: {"paths": [[example.gold, 1.0]]},
        {"text": LONG, "label": "sea.net"},
    ),
}

kinds = pytest.mark.parametrize("kind", Task.names())


class AtWork:
    """A task with its toy examples and a network whose weights make answers differ."""

    def __init__(self, kind: str, folder: Path, reading: Reading = Reading()) -> None:  # noqa: B008
        if kind not in TOYS:
            pytest.fail(f"The task {kind} has no toy rows. Add a line to TOYS in {Path(__file__).name}.")
        self.toy, self.folder, self.reading = TOYS[kind], folder, reading
        self.task: Task = Task.find(kind)(**{"max_length": 48, **self.toy.settings})
        self.examples = [self.example(row, number) for number, row in enumerate(self.toy.rows)]
        self.learnt = self.task.learn(self.examples)
        self.tokenizer = Tokenizer.open(folder)
        self.features = self.task.features(self.tokenizer, self.examples, self.learnt)
        torch.manual_seed(5)
        self.network = start_network(self.task, folder, self.learnt, reading).eval()
        with torch.no_grad():
            for parameter in self.network.parameters():
                parameter.add_(torch.randn_like(parameter) * 0.1)

    def example(self, row: Row, number: int = 0) -> Example:
        inputs = self.task.inputs(row)
        return Example(inputs, self.task.gold(row, inputs), number)

    def answers(self) -> list[Answer]:
        return self.task.answers(raw_outputs(self.task, self.network, self.features), self.features, self.learnt)

    def learn_from(self, parts: list[list[int]]) -> tuple[float, dict[str, torch.Tensor]]:
        """Return loss and gradients of all examples, learnt from in these parts."""
        self.network.zero_grad()
        whole, losses = sum(map(self.task.num_asked, self.features)), []
        for part in parts:
            batch = pack(self.features, part)
            losses.append(self.task.loss(self.network(batch), batch, whole).total)
            losses[-1].backward()
        gradients = {n: p.grad.clone() for n, p in self.network.named_parameters() if p.grad is not None}
        return sum(each.item() for each in losses), gradients


@pytest.fixture(scope="module")
def folder(encoders):
    return encoders("N") / "model"


@pytest.fixture
def at_work(kind, folder):
    return AtWork(kind, folder)


def assert_same(found, expected):
    """Compare nested answers or outputs: numbers up to rounding, all else exactly."""
    if isinstance(expected, Mapping):
        assert found.keys() == expected.keys()
        found, expected = list(found.values()), list(expected.values())
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert_same(one, other)
    elif isinstance(expected, float) or (isinstance(expected, np.ndarray) and expected.dtype.kind == "f"):
        np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    else:
        assert np.array_equal(found, expected)


@kinds
def test_the_row_on_a_model_card_is_one_that_it_reads(kind):
    task = Task.find(kind)(**TOYS[kind].settings)
    assert task.inputs(task.example())
    assert set(task.example()) == set(task.columns())


@kinds
def test_it_explains_itself_and_its_settings(kind):
    found = Task.find(kind)
    assert inspect.getdoc(found)
    assert inspect.getdoc(inspect.getmodule(found))
    assert not inspect.isabstract(found)
    assert all(meaning(found, name) for name in found.model_fields if name != "kind")


@kinds
def test_settings_survive_saving(at_work, kind):
    task = at_work.task
    assert Task.model_validate(json.loads(json.dumps(task.model_dump(mode="json")))) == task
    assert (task.kind, task.max_length) == (kind, 48)
    assert task.columns()
    assert all(column in at_work.toy.rows[0] for column in task.columns())


@kinds
def test_rows_that_ask_nothing_are_told_apart_from_mistakes(at_work):
    for row in at_work.toy.unusable:
        with pytest.raises(Unusable, match=r"\w"):
            at_work.example(row)
    with pytest.raises(UserError, match="no column called"):
        at_work.example({"something else": "A gull."})


@kinds
def test_sequences_fit_and_the_places_that_are_read_rise_within_them(at_work):
    for each in at_work.features:
        assert len(each.sequences) == len(each.places) == len(each.segments or each.sequences)
        for sequence, places in zip(each.sequences, each.places, strict=True):
            assert len(sequence) <= at_work.task.max_length
            assert (sequence[0], sequence[-1]) == (at_work.tokenizer.cls_id, at_work.tokenizer.sep_id)
            assert (np.diff(places) > 0).all()
            assert all(0 <= place < len(sequence) for place in places)


@kinds
def test_what_is_left_out_of_a_long_row_is_counted(at_work):
    task = at_work.task.model_copy(update={"max_length": 16})
    assert not any(each.num_truncated for each in at_work.features)
    row = at_work.toy.too_long
    examples = [at_work.example(row)] if row else at_work.examples
    assert all(
        (each.num_truncated > 0) == bool(row) for each in task.features(at_work.tokenizer, examples, at_work.learnt)
    )


@kinds
def test_reads_come_in_the_order_of_the_examples(at_work):
    rows = [2, 0, 3, 1]
    batch = pack(at_work.features, rows)
    wanted = [
        s[p] for r in rows for s, p in zip(at_work.features[r].sequences, at_work.features[r].places, strict=True)
    ]
    assert batch.packed.ids[batch.places][batch.order].tolist() == np.concatenate(wanted).tolist()


@kinds
def test_company_in_a_batch_changes_no_output(at_work):
    task, network, features = at_work.task, at_work.network, at_work.features
    alone = raw_outputs(task, network, features, batch_tokens=1)
    assert_same(raw_outputs(task, network, features), alone)
    assert_same(raw_outputs(task, network, features[::-1])[::-1], alone)
    assert_same(raw_outputs(task, network, features[1:3], batch_tokens=1), alone[1:3])


@kinds
def test_losses_and_gradients_of_parts_add_up_to_those_of_the_batch(at_work):
    numbers = list(range(len(at_work.features)))
    loss, gradients = at_work.learn_from([numbers])
    loss_in_parts, gradients_in_parts = at_work.learn_from([[number] for number in reversed(numbers)])
    assert loss_in_parts == pytest.approx(loss, rel=1e-5)
    assert np.isfinite(loss)
    assert gradients.keys() == gradients_in_parts.keys()
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradients_in_parts[name], gradient, rtol=1e-4, atol=1e-6, msg=name)


@kinds
def test_the_toy_rows_can_be_learnt(at_work):
    optimizer = torch.optim.Adam(at_work.network.parameters(), lr=2e-3)
    losses = []
    for _ in range(12):
        losses.append(at_work.learn_from([list(range(len(at_work.features)))])[0])
        optimizer.step()
    assert losses[-1] < 0.9 * losses[0]


@kinds
def test_answers_are_json_and_measures_numbers(at_work):
    task, raws = at_work.task, raw_outputs(at_work.task, at_work.network, at_work.features)
    learnt = task.choose(raws, at_work.features, at_work.examples, at_work.learnt)
    json.dumps([learnt.chosen, [example.gold for example in at_work.examples]], allow_nan=False)
    answers = task.answers(raws, at_work.features, learnt)
    assert json.loads(json.dumps(answers, allow_nan=False)) == answers
    measures = task.measures(at_work.examples, answers)
    assert all(np.isfinite(each.score) for each in measures)
    assert len({each.name for each in measures}) == len(measures)


@kinds
def test_right_answers_reach_the_top(at_work):
    right = [at_work.toy.right(example) for example in at_work.examples]
    best = at_work.task.measures(at_work.examples, right)[0].score
    assert best == pytest.approx(at_work.toy.top)
    assert best >= at_work.task.measures(at_work.examples, at_work.answers())[0].score


@kinds
@pytest.mark.parametrize("layers", ["last", "all"])
def test_a_saved_folder_answers_the_same(kind, folder, tmp_path, layers):
    reading = Reading() if layers == "last" else Reading(layers="all", join="weighted_sum", lstm_size=6)
    at_work = AtWork(kind, folder, reading)
    save_network(at_work.network, at_work.task, at_work.learnt, reading, folder, tmp_path / "saved")
    model = mamebert.load(tmp_path / "saved")
    assert_same(model(at_work.toy.rows), at_work.answers())
    for_nothing = model([at_work.toy.unusable[0], at_work.toy.rows[0]])
    assert list(for_nothing[0]) == ["unanswered"]
    assert_same(for_nothing[1], at_work.answers()[0])


@kinds
def test_a_saved_folder_has_the_parameters_that_plain_transformers_wants(at_work, tmp_path):
    import transformers

    save_network(at_work.network, at_work.task, at_work.learnt, Reading(), at_work.folder, tmp_path / "saved")
    config = transformers.BertConfig.from_pretrained(tmp_path / "saved")
    (architecture,) = config.architectures
    assert architecture == (at_work.task.architecture or "BertModel")
    with safe_open(tmp_path / "saved" / "model.safetensors", "pt") as file:
        stored = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
    theirs = getattr(transformers, architecture)(config)
    prefix = "bert." if architecture == "BertModel" else ""
    assert stored == {prefix + name: tuple(value.shape) for name, value in theirs.state_dict().items()}


@pytest.mark.parametrize("kind", Task.names())
@pytest.mark.parametrize("item", [None, float("nan"), 7, b"bean", {}, [], [None], ["a", {}], [["a"]]])
def test_items_that_ask_nothing_and_items_that_are_no_texts_are_told_apart_from_crashes(kind, item):
    task = Task.find(kind)(**TOYS[kind].settings)
    with pytest.raises((UserError, Unusable)):
        task.inputs(task.row_of(item))
