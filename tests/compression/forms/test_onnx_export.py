"""Graphs against the networks they come from."""

from copy import deepcopy

import numpy as np
import pytest
import torch

pytest.importorskip("onnxruntime")

from mamebert.compression.contract import Subject
from mamebert.compression.forms.graph_sizes import OPERATORS, require_known
from mamebert.compression.forms.onnx_export import export_graph
from mamebert.compression.forms.onnx_programs import require_onnx
from mamebert.compression.forms.onnx_runtime import GraphEncoder, GraphNetwork, WordsNetwork, _head, inputs_of
from mamebert.compression.forms.onnx_session import Session
from mamebert.compression.goals import MaskedWords, TaskGoal
from mamebert.compression.methods.dynamic_int8 import quantise_graph
from mamebert.config import build
from mamebert.encoder.mobilebert.settings import Bottleneck
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.encoder.trace import Padded
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.tasks import Task
from mamebert.tasks.data.features import Features, TaskState
from mamebert.tasks.network.answering import raw_outputs

SHAPE = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=48)
VOCABULARY = 60


MODERN = build(
    EncoderConfig,
    {
        "preset": "modernbert",
        "hidden_size": 8,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "max_position_embeddings": 16,
        "local_attention": 4,
    },
)


def subject_for(kind: str, reading: Reading | None = None, shape: EncoderConfig = SHAPE, **settings) -> Subject:
    torch.manual_seed(1)
    goal = TaskGoal(Task.find(kind)(**settings), TaskState(("a", "b", "c")), reading or Reading())
    network = goal.network(shape.model_copy(update={"initializer_range": 0.2}), VOCABULARY).eval()
    return Subject(network, goal, None)


def features_for(lengths=(9, 30, 3, 17, 30), every=False, sequences=1) -> list[Features]:
    rng = np.random.default_rng(0)
    made = []
    for length in lengths:
        ids = [rng.integers(5, VOCABULARY, length) for _ in range(sequences)]
        places = [np.arange(length) if every else np.zeros(1, np.int64)] * sequences
        made.append(Features(ids, places, [np.arange(length) % 2] * sequences))
    return made


def running(subject: Subject, tmp_path) -> GraphNetwork:
    path, *beside = export_graph(subject, tmp_path / "model.onnx")
    bert = GraphEncoder(
        Session(path), subject.bert.config, VOCABULARY, bool(beside) or subject.goal.task.reads == "every"
    )
    return GraphNetwork(bert, subject.goal, _head(subject.goal, bert, path) if beside else None)


def assert_same_answers(subject: Subject, features, tmp_path) -> None:
    task = subject.goal.task
    found = raw_outputs(task, running(subject, tmp_path), features)
    wanted = raw_outputs(task, subject.network, features)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("kind", "every", "sequences"),
    [("classification", False, 1), ("tagging", True, 1), ("span_qa", True, 2), ("multiple_choice", False, 3)],
)
def test_a_graph_with_a_plain_head_answers_as_the_network(kind, every, sequences, tmp_path):
    assert_same_answers(subject_for(kind), features_for(every=every, sequences=sequences), tmp_path)


def test_a_head_that_no_plain_class_holds_lies_beside_the_graph(tmp_path):
    subject = subject_for("long_documents")
    assert_same_answers(subject, features_for(sequences=3), tmp_path)
    assert (tmp_path / "model_head.safetensors").is_file()


def test_several_layers_can_be_read_of_a_graph(tmp_path):
    reading = Reading(layers=[0, -1], join="weighted_sum", lstm_size=8)
    assert_same_answers(subject_for("tagging", reading), features_for(every=True), tmp_path)


def test_a_head_over_means_is_run_on_what_the_graph_gives(tmp_path):
    assert_same_answers(
        subject_for("classification", Reading(tokens="mean"), shape=MODERN), features_for((9, 3, 15)), tmp_path
    )


def test_a_head_over_what_lies_between_two_texts_is_run_on_what_the_graph_gives(tmp_path):
    subject = subject_for("classification", Reading(tokens="pair"), second_columns=["second"])
    assert_same_answers(subject, features_for((9, 3, 15)), tmp_path)


def test_layers_of_different_size_become_a_graph(tmp_path):
    shape = EncoderConfig(
        hidden_size=32, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=48,
        layer_heads=[4, 1, 0], layer_widths=[16, 0, 128], head_size=8,
    )  # fmt: skip
    assert_same_answers(subject_for("classification", shape=shape), features_for(), tmp_path)


def test_shared_layers_and_narrow_embeddings_become_a_graph(tmp_path):
    shape = SHAPE.model_copy(update={"shared": "all", "embedding_size": 16, "hidden_act": "gelu_new"})
    assert_same_answers(subject_for("classification", shape=shape), features_for(), tmp_path)


def test_padding_changes_no_output_of_a_graph(tmp_path):
    (path,) = export_graph(subject_for("classification"), tmp_path / "model.onnx")
    session, ids = Session(path), torch.randint(5, VOCABULARY, (1, 7))
    ones = torch.ones_like(ids)
    alone = session(ids, ones, ones * 0)[0]
    wide = torch.cat([ids, torch.full((1, 9), 7)], 1)
    mask = torch.cat([ones, torch.zeros(1, 9, dtype=torch.int64)], 1)
    torch.testing.assert_close(session(wide, mask, wide * 0)[0], alone, atol=1e-5, rtol=1e-4)


def test_inputs_and_outputs_have_the_names_of_plain_transformers(tmp_path):
    (path,) = export_graph(subject_for("span_qa"), tmp_path / "model.onnx")
    session = Session(path)
    assert session.names == ["input_ids", "attention_mask", "token_type_ids"]
    assert [each.name for each in session.session.get_outputs()] == ["start_logits", "end_logits"]


def test_a_pretrained_encoder_guesses_the_same_words(encoder, text_bench, tmp_path):
    path, words = export_graph(encoder, tmp_path / "model.onnx")
    network = WordsNetwork(GraphEncoder(Session(path), encoder.bert.config, encoder.bert.vocab_size), Session(words))
    batch = text_bench.batches(1, 512)[0]
    found = network.cls.predictions(network.bert(batch.packed, batch.chosen))
    wanted = encoder.goal.outputs(encoder.network.eval(), batch)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    graph_copy = deepcopy(encoder)
    graph_copy.network = network
    assert text_bench.score(graph_copy) == pytest.approx(text_bench.score(encoder), abs=1e-4)


def test_exporting_leaves_the_network_as_it_was(tmp_path):
    subject = subject_for("classification")
    subject.network.train()
    before = {name: value.clone() for name, value in subject.network.state_dict().items()}
    export_graph(subject, tmp_path / "model.onnx")
    assert subject.network.training
    assert all(torch.equal(value, before[name]) for name, value in subject.network.state_dict().items())


def test_a_missing_program_is_told_with_the_way_to_get_it():
    with pytest.raises(UserError, match=r"pip install 'mamebert\[onnx\]'"):
        require_onnx("a_module_that_is_not_there")


def test_inputs_that_a_graph_lacks_are_not_given():
    padded = Padded.of(Packed.of([np.array([2, 7, 3])]))
    assert len(inputs_of(padded, ["input_ids", "attention_mask"])) == 2


SMALL = EncoderConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=16)


def pretrained(shape):
    objective = Objective.find("masked_lm")(max_length=16)
    return Subject(PretrainingNetwork(shape, VOCABULARY), MaskedWords(objective), None)


OF_INTEGERS = {"Clip", "QuantizeLinear"}
"""What q8bert alone writes, the first with fewer bits than a byte has."""
OF_BEFORE = {"Dropout"}
"""What graphs held before they were exported without a Dropout that passes all on; they open still."""


def variants():
    for kind in Task.names():
        yield subject_for(kind, shape=SMALL)
    yield subject_for("tagging", Reading(layers=[0, -1], join="weighted_sum", lstm_size=8), shape=SMALL)
    yield subject_for("span_qa", Reading(layers=[0, -1], join="concat"), shape=SMALL)
    for change in (
        {"hidden_act": "relu"},
        {"hidden_act": "gelu_new"},
        {"type_vocab_size": 1},
        {"shared": "all", "embedding_size": 4, "num_hidden_layers": 2},
        {"layer_heads": [0], "layer_widths": [0], "head_size": 4},
        {"bottleneck": Bottleneck(intra_bottleneck_size=4, num_feedforward_networks=2), "embedding_size": 4},
    ):
        yield subject_for("classification", shape=EncoderConfig(**{**SMALL.model_dump(), **change}))


def test_every_task_and_shape_is_written_with_the_operators_that_are_known_and_no_other_is_known(tmp_path):
    seen = set()
    for number, subject in enumerate([*variants(), pretrained(SMALL), pretrained(MODERN)]):
        for path in export_graph(subject, tmp_path / "model.onnx"):
            seen |= operators(path) if path.suffix == ".onnx" else set()
        if number == 0:
            quantise_graph(tmp_path / "model.onnx", tmp_path / "bytes.onnx")
            seen |= operators(tmp_path / "bytes.onnx")
    assert seen == OPERATORS - OF_INTEGERS - OF_BEFORE


def operators(path):
    return {node.operator for node in require_known(path).nodes}
