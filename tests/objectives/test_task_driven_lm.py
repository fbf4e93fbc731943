"""Task-driven TLM: masked words of a corpus, and in every so many-th step those of a task's texts and their classes."""

import json

import pytest
import torch
from torch.nn.functional import cross_entropy

from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.objectives.data.batches import EpochOfBatches
from mamebert.objectives.data.interleaved import InterleavedEpoch
from mamebert.tokenizer.encoding import Tokenizer

SHAPE = EncoderConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, max_position_embeddings=32)


@pytest.fixture(scope="module")
def text(world):
    shards = TokenShards.open(world / "tokens")
    return shards, Tokenizer.open(shards.tokenizer_folder)


def objective_of(world, **settings):
    return Objective.find("task_driven_lm")(max_length=16, source=str(world / "rows.jsonl"), **settings)


def epoch_of(objective, text, number=0, batch_tokens=256):
    shards, tokenizer = text
    second = objective.second_text(tokenizer, shards)

    def pass_of(number, turn):
        return EpochOfBatches(
            objective, second.shards, tokenizer.special, batch_tokens, 9 + number, turn, examples=second.examples
        )

    corpus = EpochOfBatches(objective, shards, tokenizer.special, batch_tokens, 0, number)
    return InterleavedEpoch(corpus, number, second.every, pass_of)


def network_of(objective, text):
    torch.manual_seed(0)
    network = PretrainingNetwork(SHAPE, text[0].vocab_size)
    objective.equip(network)
    return network.eval()


@pytest.mark.parametrize("every", [2, 3, 10])
def test_every_so_many_th_batch_is_of_the_task(world, text, every):
    epoch = epoch_of(objective_of(world, task_every=every), text)
    made = list(epoch.starting_from(0))
    assert len(made) == len(epoch)
    assert [batch.labelled for batch in made] == [number % every == every - 1 for number in range(len(made))]
    later = list(epoch_of(objective_of(world, task_every=every), text).starting_from(len(made) // 2))
    assert all(torch.equal(a.packed.ids, b.packed.ids) for a, b in zip(made[len(made) // 2 :], later, strict=True))


def test_the_task_alone_is_read_whole_each_text_once_with_its_class(world, text):
    objective = objective_of(world, task_every=1)
    _, tokenizer = text
    rows = [json.loads(line) for line in (world / "rows.jsonl").read_text().splitlines()]
    wanted = sorted((tokenizer.encode_many([row["text"]])[0].ids[:14].tolist(), row["label"]) for row in rows)
    found = []
    for batch in epoch_of(objective, text).starting_from(0):
        assert len(batch.packed.ids) <= 256
        originals = batch.originals.split(list(batch.packed.lengths))
        classes = [objective.rows.classes[label] for label in batch.labels]
        found += [(ids[1:-1].tolist(), label) for ids, label in zip(originals, classes, strict=True)]
    assert sorted(found) == wanted


def test_an_epoch_reads_the_task_in_another_order_and_again_where_it_is_short(world, text):
    objective = objective_of(world, task_every=2)
    first, second = (
        [b.originals for b in epoch_of(objective, text, number).starting_from(0) if b.labelled] for number in (0, 1)
    )
    assert not torch.equal(first[0], second[0])
    num_rows = len((world / "rows.jsonl").read_text().splitlines())
    shown = sum(int((each == text[1].cls_id).sum()) for each in first)
    assert shown > 2 * num_rows


@pytest.mark.parametrize("weight", [20.0, 1.5])
def test_the_loss_of_the_task_is_that_of_the_paper(world, text, weight):
    objective = objective_of(world, task_every=2, masked_lm_weight=weight)
    network, epoch = network_of(objective, text), epoch_of(objective, text)
    for batch in (epoch.made(0, 0.15), epoch.made(1, 0.15)):
        with torch.no_grad():
            found = objective.loss(network, batch, batch.asked)
            states = network.bert(batch.packed)
            words = cross_entropy(network.cls.predictions(states[batch.chosen]), batch.targets)
            scores = network.beside["classifier"](states[batch.packed.firsts])
        wanted = words
        if batch.labelled:
            wanted = (weight * words + cross_entropy(scores, batch.labels)) / (weight + 1)
        assert float(found.total) == pytest.approx(float(wanted), rel=1e-5)


def test_of_the_task_alone_without_masks_the_loss_is_that_of_fine_tuning(world, text):
    objective = objective_of(world, task_every=1, masked_lm_weight=0)
    network, batch = network_of(objective, text), epoch_of(objective, text).made(0, 0.15)
    assert batch.labelled
    assert not len(batch.chosen)
    objective.loss(network, batch, batch.asked).total.backward()
    gradients = {name: p.grad.clone() for name, p in network.named_parameters() if p.grad is not None}
    network.zero_grad()
    scores = network.beside["classifier"](network.bert(batch.packed)[batch.packed.firsts])
    cross_entropy(scores, batch.labels).backward()
    for name, p in network.named_parameters():
        if p.grad is not None:
            torch.testing.assert_close(gradients[name], p.grad, rtol=1e-4, atol=1e-6)
    assert "cls.predictions.bias" not in gradients


def test_parts_of_a_batch_of_the_task_add_up(world, text):
    objective = objective_of(world, task_every=2)
    network, batch = network_of(objective, text), epoch_of(objective, text).made(1, 0.15)
    with torch.no_grad():
        at_once = float(objective.loss(network, batch, batch.asked).total)
        in_parts = sum(float(objective.loss(network, part, batch.asked).total) for part in batch.parts(3))
    assert in_parts == pytest.approx(at_once, rel=1e-5)


@pytest.mark.parametrize(
    ("rows", "settings", "sentence"),
    [
        ('{"text": "a", "label": "x"}\n', {}, "have 1 classes"),
        ('{"text": "a"}\n', {}, "There is no column called 'label'"),
        ('{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n', {"text_columns": ["body"]}, "called 'body'"),
    ],
)
def test_rows_that_are_of_no_use_are_a_sentence(tmp_path, rows, settings, sentence):
    (tmp_path / "rows.jsonl").write_text(rows)
    objective = Objective.find("task_driven_lm")(source=str(tmp_path / "rows.jsonl"), **settings)

    def looked_at_and_read():
        objective.look()
        return objective.rows

    with pytest.raises(UserError, match=sentence):
        looked_at_and_read()


def test_settings_that_contradict_are_sentences(world):
    with pytest.raises(UserError, match="no rows are given"):
        Objective.find("task_driven_lm")().require_asked_of(SHAPE)
    with pytest.raises(UserError, match="nothing is asked of the corpus"):
        objective_of(world, masked_lm_weight=0)
