import numpy as np
import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mamebert.compression.contract import Form
from mamebert.compression.cost.flops import task_flops
from mamebert.compression.cost.form_process import _about, _ready
from mamebert.compression.cost.measure_forms import measure
from mamebert.compression.goals import MaskedWords, TaskGoal
from mamebert.encoder.readings import Reading
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels import torch_only
from mamebert.objectives import Objective
from mamebert.tasks import Task
from mamebert.tasks.data.features import Example, TaskState, pack
from mamebert.tokenizer.encoding import Tokenizer

PLAIN = Form("plain", ".", "transformers")
TEXTS = [(" ".join(["the old boat ."] * number),) for number in (3, 1, 4, 2)]


def untrained(goal, world, folder):
    torch.manual_seed(0)
    tokenizer = world / "vocab" / "tokenizer"
    shape = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=2, max_position_embeddings=64)
    network = goal.network(shape, len((tokenizer / "vocab.txt").read_text(encoding="utf-8").splitlines())).eval()
    goal.save(network, tokenizer, folder)
    return network


@pytest.fixture
def goal():
    return TaskGoal(Task.find("classification")(max_length=48), TaskState(("sea", "town")), Reading())


@pytest.fixture
def classifier(goal, world, tmp_path):
    untrained(goal, world, tmp_path / "classifier")
    return tmp_path / "classifier"


def test_every_form_is_measured_in_turn_and_what_does_not_open_says_why(classifier, tmp_path):
    found, missing = measure([(classifier, PLAIN), (tmp_path / "nowhere", PLAIN)], TEXTS, seconds=0.2, rounds=2)
    assert 0 < found["latency_ms"]["p50"] <= found["latency_ms"]["p95"]
    assert found["texts_per_second"] > 0
    assert found["batch_size"] in (1, len(TEXTS))
    assert 0 < found["own_memory_bytes"] < found["peak_memory_bytes"]
    assert found["flops"] > 0
    assert found["tokenizing_ms"] > 0
    assert found["threads"] == 1
    assert missing.keys() == {"not_measured"}
    assert "There is no folder" in missing["not_measured"]


def test_texts_are_sorted_by_length_and_all_answered(classifier):
    ready, about = _about(classifier, PLAIN, TEXTS, 1)
    assert ready.num_texts == 4
    assert ready.answer([0, 1, 2]).shape == (3, 2)
    assert about["flops"] == ready.flops()


def test_an_encoder_guesses_one_word_of_each_text(world, tmp_path):
    goal = MaskedWords(Objective.find("masked_lm")(max_length=16))
    network = untrained(goal, world, tmp_path / "encoder")
    ready = _ready(tmp_path / "encoder", PLAIN, ["the old boat .", np.arange(5, 40), "the old"])
    assert ready.answer([0, 1, 2]).shape == (3, network.bert.vocab_size)
    assert ready.flops() > 0


def test_operations_are_those_that_torch_counts(goal, world, tmp_path):
    network = untrained(goal, world, tmp_path / "classifier")
    examples = [Example(text, None, row) for row, text in enumerate(TEXTS)]
    features = goal.task.features(Tokenizer.open(tmp_path / "classifier"), examples, goal.learnt)
    counted = 0
    for row in range(len(features)):
        batch = pack(features, [row])
        with torch.enable_grad(), torch_only(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            network(batch)
        counted += counter.get_total_flops()
    # torch's own path computes the queries of the last layer, and their attention, for tokens that nobody reads, too.
    lengths = np.array([each.num_tokens for each in features])
    unread = int((2 * 32 * 32 * (lengths - 1) + 4 * 32 * lengths * (lengths - 1)).sum())
    assert task_flops(network, goal, features) == (counted - unread) // 4
