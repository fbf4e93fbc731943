"""What fine-tuning does where the settings say nothing."""

import numpy as np
import pytest

from mamebert.config import build
from mamebert.encoder.settings import EncoderConfig
from mamebert.stages.finetune.defaults import Rows, decide, space
from mamebert.stages.finetune.search import with_settings
from mamebert.stages.finetune.search_space import Search
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.classification import Classification
from mamebert.tasks.data.features import FIRST, Features

SIZES = {"H128-L2": (128, 2), "H256-L4": (256, 4), "ELECTRA-small": (256, 12), "MiniLM": (384, 6), "BERT": (768, 12)}
FEW = Rows(300, 20.0)


def shape(name):
    width, layers = SIZES[name]
    return EncoderConfig(hidden_size=width, num_hidden_layers=layers)


def config(**settings):
    return build(FinetuneConfig, {"model": "encoder", "source": "rows.jsonl", "output": "x", **settings})


def decided(name="H128-L2", rows=FEW, **settings):
    return decide(config(**settings), shape(name), rows)


@pytest.mark.parametrize(
    ("rows", "batch_rows", "epochs", "patience"),
    [
        (Rows(100, 20.0), 16, 86, 12),
        (Rows(300, 20.0), 16, 32, 8),
        (Rows(1_255, 20.0), 16, 8, 5),
        (Rows(8_000, 20.0), 32, 8, 5),
        (Rows(736, 1_024.0), 8, 8, 5),
        (Rows(736, 20_000.0), 1, 8, 5),
    ],
)
def test_few_rows_get_small_batches_and_many_epochs(rows, batch_rows, epochs, patience):
    found = decided(rows=rows)
    assert (found["batch_rows"], found["training.epochs"], found["patience"]) == (batch_rows, epochs, patience)


@pytest.mark.parametrize(
    ("name", "rate"), [("H128-L2", 1e-3), ("H256-L4", 1e-3), ("ELECTRA-small", 3e-4), ("MiniLM", 5e-5), ("BERT", 3e-5)]
)
def test_the_smaller_the_encoder_the_higher_the_rate(name, rate):
    assert decided(name)["training.peak_lr"] == rate
    assert decided(name, learning={"trainable": "head"})["training.peak_lr"] == 1e-3


def test_a_small_encoder_compares_texts_at_a_lower_rate():
    one, two = (Features([np.arange(5)], [FIRST], [np.array(kinds)]) for kinds in ([0] * 5, [0, 0, 0, 1, 1]))
    assert not Rows.of(Classification(), [one]).compare
    pairs = Rows.of(Classification(), [two, two])
    assert pairs == Rows(2, 5.0, compare=True)
    assert decided(rows=pairs)["training.peak_lr"] == 3e-4
    assert decided("BERT", rows=pairs)["training.peak_lr"] == 3e-5


def test_a_small_encoder_that_never_met_pairs_shows_the_head_both_texts():
    pairs, about_pairs = Rows(2, 5.0, compare=True), {"task": {"kind": "classification", "second_columns": ["b"]}}
    modern = shape("H128-L2").model_copy(update={"type_vocab_size": 0})
    found = decide(config(**about_pairs), modern, pairs)
    assert (found["reading.tokens"], found["training.peak_lr"]) == ("pair", 1e-3)
    for given in ("asked", "mean"):
        found = decide(config(reading={"tokens": given}, **about_pairs), modern, pairs)
        assert ("reading.tokens" in found, found["training.peak_lr"]) == (False, 3e-4)
    assert "reading.tokens" not in decide(config(**about_pairs), shape("H128-L2"), pairs)  # it has segments
    assert "reading.tokens" not in decide(config(task={"kind": "span_qa"}), modern, pairs)
    assert "reading.tokens" not in decide(config(**about_pairs), modern, FEW)


def test_a_small_encoder_that_was_pretrained_without_dropout_is_fine_tuned_with_some():
    def found(name, rate, **settings):
        return decide(config(**settings), shape(name).model_copy(update={"hidden_dropout_prob": rate}), FEW)

    assert found("H128-L2", 0.0)["dropout"] == 0.1
    assert found("H128-L2", 0.0, dropout=0.0).get("dropout") is None
    assert "dropout" not in found("H128-L2", 0.2)
    assert "dropout" not in found("BERT", 0.0)


def test_words_learn_fast_where_long_texts_are_told_by_them():
    articles = Rows(736, 128.0, in_parts=True)
    found = decided(rows=articles)
    assert found["training.epochs"] == 16
    words = pytest.approx(5e-3)
    head = pytest.approx(3e-3)
    assert found["learning.groups"] == {
        "bert.embeddings.word_embeddings.": words,
        "bert.pooler.": head,
        "head.": head,
    }
    for given in ({"training": {"peak_lr": 1e-4}}, {"training": {"optimizer": "muon"}}, {"learning": {"groups": {}}}):
        assert "learning.groups" not in decided(rows=articles, **given)
    assert "learning.groups" not in decided("BERT", rows=articles)


def test_rows_are_read_in_parts_where_most_are_long():
    def text(number):
        return Features([np.arange(6)] * number, [FIRST] * number, text_ids=np.arange(4 * number))

    task = Classification(chunks=8)
    assert Rows.of(task, [text(3), text(2), text(1)]) == Rows(3, 6.0, in_parts=True)
    assert Rows.of(task, [text(3), text(1), text(1)]) == Rows(3, 6.0)


@pytest.mark.parametrize(
    ("given", "left_out"),
    [
        ({"training": {"peak_lr": 7e-5}}, ("training.peak_lr", "learning.groups")),
        ({"training": {"epochs": 2}}, ("training.epochs",)),
        ({"training": {"steps": 40}}, ("training.epochs",)),
        ({"training": {"warmup_rate": 0.0}}, ("training.warmup_rate",)),
        ({"batch_rows": 4}, ("batch_rows",)),
        ({"patience": 3}, ("patience", "validate_every")),
        ({"validate_every": 3}, ("validate_every",)),
        ({"learning": {"groups": {}}}, ("learning.groups",)),
    ],
    ids=str,
)
def test_what_is_given_wins(given, left_out):
    everything = {**decided(), "learning.groups": {}}
    found = decided(**given)
    assert not {*left_out} & found.keys()
    assert found.keys() >= everything.keys() - {*left_out} - {"learning.groups"}


@pytest.mark.parametrize(
    ("valid_tokens", "epochs", "every"),
    [(0, 30, 1), (6_000, 30, 1), (6_001, 30, 2), (15_000, 30, 3), (100_000, 30, 6), (15_000, 10, 2), (15_000, 4, 1)],
)
def test_validation_reads_no_more_than_training_as_long_as_five_are_left(valid_tokens, epochs, every):
    rows = Rows(300, 20.0, valid_tokens=valid_tokens)
    assert decided(rows=rows, training={"epochs": epochs})["validate_every"] == every
    head = decided(rows=rows, training={"epochs": epochs}, learning={"trainable": "head"})
    assert head["validate_every"] == 1  # what the encoder gives of these rows is computed once


def test_tokens_of_a_step_count_where_they_are_given():
    found = decided(training={"batch_tokens": 1_500})
    assert (found["batch_rows"], found["training.epochs"]) == (0, 100)  # 4 steps each, and no more epochs than that
    assert decided(batch_rows=0)["training.batch_tokens"] == 4_096


def test_nothing_is_open_once_it_is_decided():
    before = config()
    after = with_settings(before, decide(before, shape("BERT"), FEW))
    assert decide(after, shape("H128-L2"), Rows(9, 1.0)) == {}
    assert after.training.closed().peak_lr == 3e-5


def test_settings_of_runs_before_there_were_rules_leave_nothing_open():
    """As run.json has them: every value is there."""
    recorded = {
        "training": {"epochs": 15, "batch_tokens": 4096, "peak_lr": 2e-4, "warmup_rate": 0.06},
        "batch_rows": 0,
        "patience": 5,
        "learning": {"groups": {}},
    }
    assert decided(**recorded) == {}


def test_a_search_tries_rates_that_suit_the_encoder():
    tried = space(Search(method="grid"), shape("H128-L2"), FEW)["training.peak_lr"]
    assert min(tried) >= 2e-4
    assert max(tried) <= 2e-3
    large = space(Search(method="grid"), shape("BERT"), Rows(10_000, 20.0))
    assert large == {
        "training.peak_lr": [2e-5, 3e-5, 4e-5, 5e-5],
        "training.epochs": [3, 4],
        "batch_rows": [16, 32],
        "dropout": [0.1],
    }
    # Four epochs of few rows are too few steps.
    assert "training.epochs" not in space(Search(method="grid"), shape("BERT"), FEW)
