"""Which parameters learn in fine-tuning, and what is computed only once."""

import json

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.config import build
from mamebert.serving.load import load
from mamebert.stages.finetune import candidates, encoded_rows, finetune, finetuning, fitting, hidden_state_cache
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.data.batching import batches
from mamebert.tasks.data.features import pack
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.task_network import start_network
from mamebert.training.groups import plan_learning

TABLE = "bert.embeddings.word_embeddings.weight"


@pytest.fixture
def small(finetuning):
    """One model, one seed, without dropout."""
    return {
        **finetuning,
        "models": {"N": finetuning["models"]["N"]},
        "seeds": [1],
        "baselines": "none",
        "dropout": 0.0,
        "task": {**finetuning["task"], "chunks": 1},
        "training": {**finetuning["training"], "epochs": 2, "batch_tokens": 300},
    }


class Trained:
    """A stage's work with one network, trained."""

    def __init__(self, settings, output, **changes):
        self.config = build(FinetuneConfig, {**settings, "output": str(output), **changes})
        work = finetuning.Finetuning(self.config, finetuning.Run.start(self.config))
        (self.model,) = [c for c in candidates.candidates(self.config) if c.epoch is None]
        self.before = candidates.start(self.model, 1, self.config, work.learnt)
        self.network, self.fitted, self.states = work._fit(self.model, 1, self.config, "test")
        self.parts, self.task = work.rows.to(self.model), work.task

    def changed(self):
        before = dict(self.before.named_parameters())
        return {name for name, p in self.network.named_parameters() if not torch.equal(p, before[name])}

    def planned(self):
        return plan_learning(self.before, self.config.learning, self.config.training.peak_lr)


@pytest.mark.parametrize(
    "learning",
    [
        {},
        {"trainable": "head"},
        {"trainable": "head", "cache_bytes": 0},
        {"trainable": "top_layers", "top_layers": 1},
        {"trainable": "groups", "groups": {"layer.0": 1e-3, "head": 0.1}},
        {"embeddings": "frozen", "groups": {"layer.1.attention": 0}},
        {"layer_decay": 0.5, "unfreeze_every": 1},
    ],
    ids=str,
)
def test_what_does_not_learn_stays_bit_for_bit_and_all_else_moves(small, tmp_path, learning):
    optimizers, make = [], fitting.make_optimizer
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fitting, "make_optimizer", lambda *w, **n: optimizers.append(make(*w, **n)) or optimizers[-1])
        # The last epoch counts as the best, so that its weights are kept.
        scores = iter(range(9))
        patch.setattr(fitting.Fitting, "_validate", lambda self: fitting.Validated(self.learnt, next(scores), 0.0))
        training = {**small["training"], "epochs": 3}
        trained = Trained(small, tmp_path / "run", learning=learning, training=training, patience=9)
    learns = set(trained.planned().factors)
    begun = {name for name in learns if trained.planned().begins[name] < 3}
    assert trained.changed() == begun
    names = {id(p): name for name, p in trained.network.named_parameters()}
    (optimizer,) = optimizers
    assert {names[id(p)] for group in optimizer.param_groups for p in group["params"]} == learns
    assert {names[id(p)] for p in optimizer.state} == begun


def test_a_head_on_kept_hidden_states_learns_what_it_learns_on_the_fly(small, tmp_path):
    """With dropout, which the resting encoder has none of."""
    dropout = {"dropout": 0.3}
    kept = Trained(small, tmp_path / "kept", learning={"trainable": "head"}, **dropout)
    fly = Trained(small, tmp_path / "fly", learning={"trainable": "head", "cache_bytes": 0}, **dropout)
    assert set(kept.states) == {"train", "valid", "test"}
    assert not fly.states
    assert kept.fitted.valid_by_epoch == fly.fitted.valid_by_epoch
    for (name, a), b in zip(kept.network.named_parameters(), fly.network.parameters(), strict=True):
        assert_close(a, b, atol=1e-5, rtol=1e-4, msg=name)


def test_hidden_states_are_those_of_the_encoder_whatever_the_batch(small, tmp_path):
    trained = Trained(
        small, tmp_path / "run", learning={"trainable": "head"}, reading={"layers": "all", "join": "weighted_sum"}
    )
    features, states = trained.parts["train"].features, trained.states["train"]
    for rows in batches(features, np.random.default_rng(0).permutation(len(features)), 100):
        batch = pack(features, rows)
        with torch.no_grad():
            assert_close(states.gather(batch), trained.network.gather(batch), atol=1e-5, rtol=1e-5)


def test_the_encoder_of_a_learning_head_runs_once_for_each_example_and_all_seeds(
    small, tmp_path, unproved, monkeypatch
):
    seen, gather = [], hidden_state_cache.TaskNetwork.gather
    monkeypatch.setattr(
        hidden_state_cache.TaskNetwork,
        "gather",
        lambda self, batch: (seen.extend(batch.features), gather(self, batch))[1],
    )
    settings = {**small, "learning": {"trainable": "head"}, "seeds": [1, 2], "output": str(tmp_path / "run")}
    run = finetune(build(FinetuneConfig, settings))
    assert len(seen) == len({id(each) for each in seen}) == sum(run.results["rows"].values())
    (model,) = run.results["models"]
    assert model["parameters"]["trainable"] == 32 * 32 + 32 + 3 * 32 + 3  # pooler and classifier


def test_parts_that_do_not_fit_are_told_and_computed_on_the_fly(small, tmp_path, capsys):
    room = 48 * 32 * 4  # the 48 rows of training
    trained = Trained(small, tmp_path / "run", learning={"trainable": "head", "cache_bytes": room})
    assert set(trained.states) == {"train"}
    assert "learning.cache_bytes and are computed each time: valid (0 MB), test" in capsys.readouterr().err


def test_each_random_encoder_has_hidden_states_of_its_own(small, tmp_path, unproved, monkeypatch):
    made, keep = [], encoded_rows.keep_hidden_states
    monkeypatch.setattr(encoded_rows, "keep_hidden_states", lambda *w: made.append(1) or keep(*w))
    settings = {**small, "learning": {"trainable": "head"}, "seeds": [1, 2], "random_weights": True}
    finetune(build(FinetuneConfig, {**settings, "output": str(tmp_path / "run")}))
    assert len(made) == 1 + 2


@pytest.mark.parametrize(
    "learning", [{"trainable": "head"}, {"trainable": "top_layers", "top_layers": 1}, {"unfreeze_every": 1}]
)
def test_parts_of_a_batch_add_up_to_the_batch(small, tmp_path, learning):
    whole, cut = (
        Trained(
            small, tmp_path / str(size), learning=learning, training={**small["training"], "micro_batch_tokens": size}
        )
        for size in (0, 60)
    )
    for (name, a), b in zip(whole.network.named_parameters(), cut.network.parameters(), strict=True):
        # A bias of keys has no gradient but rounding, which AdamW blows up.
        if not name.endswith("key.bias"):
            assert_close(a, b, atol=2e-4, rtol=1e-3, msg=lambda said, name=name: f"{name}: {said}")


def test_patience_begins_when_all_learns_that_should(small, tmp_path, monkeypatch):
    def falling(self):
        self.judged = getattr(self, "judged", 0) + 1
        return fitting.Validated(self.learnt, -self.judged, 0.0)

    monkeypatch.setattr(fitting.Fitting, "_validate", falling)
    training = {**small["training"], "epochs": 9, "warmup_rate": 0.06}
    fixed = Trained(small, tmp_path / "all", training=training, patience=1).fitted
    gradual = Trained(small, tmp_path / "gradual", training=training, patience=1, learning={"unfreeze_every": 2}).fitted
    assert len(fixed.valid_by_epoch) == 2
    assert len(gradual.valid_by_epoch) == 7  # the embeddings begin with the 7th


def test_patience_does_not_count_the_warm_up_nor_epochs_in_which_nothing_changes(small, tmp_path, monkeypatch):
    scores = iter([0.5, 0.4, 0.4, 0.4, 0.4, 0.4, 0.0, 0.0, 0.0, 0.1, 0.1, 0.1, 0.1, 0.1])
    monkeypatch.setattr(fitting.Fitting, "_validate", lambda self: fitting.Validated(self.learnt, next(scores), 0.0))
    training = {**small["training"], "epochs": 9, "warmup_rate": 0.4}
    warming = Trained(small, tmp_path / "warming", training=training, patience=2).fitted
    assert warming.valid_by_epoch == [0.5, 0.4, 0.4, 0.4, 0.4, 0.4]  # 0.4 of 9 epochs end in the 4th
    still = Trained(small, tmp_path / "still", training={**training, "warmup_rate": 0.0}, patience=2).fitted
    assert still.valid_by_epoch == [0.0, 0.0, 0.0, 0.1, 0.1, 0.1]


def test_some_epochs_and_always_the_last_are_validated(small, tmp_path, monkeypatch):
    scores = iter([0.1, 0.5, 0.4])
    monkeypatch.setattr(fitting.Fitting, "_validate", lambda self: fitting.Validated(self.learnt, next(scores), 0.0))
    training = {**small["training"], "epochs": 5}
    fitted = Trained(small, tmp_path / "run", training=training, validate_every=2, patience=9).fitted
    assert fitted.validated_epochs == [2, 4, 5]
    assert fitted.valid_by_epoch == [0.1, 0.5, 0.4]
    assert fitted.best_epoch == 4


def test_of_epochs_that_validate_alike_the_one_of_the_lowest_loss_is_kept(small, tmp_path, monkeypatch):
    found = iter([(0.5, 0.9), (0.5, 0.3), (0.5, 0.6)])
    monkeypatch.setattr(fitting.Fitting, "_validate", lambda self: fitting.Validated(self.learnt, *next(found)))
    fitted = Trained(small, tmp_path / "run", training={**small["training"], "epochs": 3}, patience=9).fitted
    assert fitted.best_epoch == 2


def test_training_that_ends_before_all_layers_learn_is_told(small, tmp_path, capsys):
    Trained(small, tmp_path / "run", learning={"unfreeze_every": 1})
    assert "Training ends before all layers learn: the lowest would begin with epoch 4" in capsys.readouterr().err


def test_the_fallback_of_several_layers_opens_in_plain_transformers_with_equal_hidden_states(small, tmp_path):
    reading = {"layers": "all", "join": "weighted_sum", "lstm_size": 5}
    run = finetune(build(FinetuneConfig, {**small, "output": str(tmp_path / "run"), "reading": reading}))
    assert run.results["verified"]["largest_difference"] < 1e-5


@pytest.mark.parametrize(
    "reading",
    [
        {"layers": [-2, -1]},
        {"layers": "all", "join": "weighted_sum"},
        {"layers": [-1], "lstm_size": 5, "lstm_over": "tokens"},
    ],
    ids=str,
)
def test_what_is_read_of_several_layers_is_saved_and_opened_with_equal_answers(
    small, tmp_path, reading, world, unproved
):
    run = finetune(build(FinetuneConfig, {**small, "output": str(tmp_path / "run"), "reading": reading}))
    folder = run.folder / "models" / "N"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["architectures"] == ["BertModel"]
    assert (folder / "head.safetensors").is_file()
    rows = [json.loads(line) for line in (world / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    told = [json.loads(line) for line in (run.folder / "answers" / "N.jsonl").read_text(encoding="utf-8").splitlines()]
    found = load(folder)([rows[each["row"]]["text"] for each in told])
    assert [each["label"] for each in found] == [each["label"] for each in told]
    assert [each["probability"] for each in found] == pytest.approx([each["probability"] for each in told], abs=1e-5)


def test_a_table_that_was_fixed_in_pretraining_learns_unless_it_is_frozen(finetuning, small, tmp_path):
    w = {"N": finetuning["models"]["W"]}
    assert TABLE in Trained({**small, "models": w}, tmp_path / "learn").changed()
    frozen = Trained({**small, "models": w}, tmp_path / "frozen", learning={"embeddings": "frozen"})
    assert TABLE not in frozen.changed()


def test_sgd_learns(small, tmp_path):
    training = {**small["training"], "optimizer": "sgd", "peak_lr": 0.1}
    assert "head.classifier.weight" in Trained(small, tmp_path / "run", training=training).changed()


def test_kept_hidden_states_give_the_answers_of_the_network(small, tmp_path):
    trained = Trained(small, tmp_path / "run", learning={"trainable": "head"})
    part = trained.parts["test"]
    kept = raw_outputs(trained.task, trained.network, part.features, gather=trained.states["test"].gather)
    fresh = start_network(trained.task, trained.model.path, trained.fitted.learnt, trained.config.reading)
    fresh.load_state_dict(trained.network.state_dict())
    for a, b in zip(kept, raw_outputs(trained.task, fresh, part.features), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)
