"""Several seeds at a time, each in a process of its own."""

from pathlib import Path

import pytest
import torch

from mamebert.config import build
from mamebert.runs import Run
from mamebert.stages.finetune import at_once, finetune, finetuning
from mamebert.stages.finetune.settings import FinetuneConfig


@pytest.fixture
def small(finetuning):
    """One model and its shape from random weights, two seeds, one epoch."""
    return {
        **finetuning,
        "models": {"N": finetuning["models"]["N"]},
        "random_weights": True,
        "baselines": "none",
        "seeds": [1, 2],
        "training": {**finetuning["training"], "epochs": 1},
    }


def config(settings, output, **changes):
    return build(FinetuneConfig, {**settings, "output": str(output), **changes})


def told(run):
    return [
        {**model, "seeds": [{**seed, "seconds": 0} for seed in model["seeds"]]}
        for model in Run.open(run.final).results["models"]
    ]


@pytest.fixture
def one_after_the_other(monkeypatch):
    """Let what would be done in processes be done here; return what they were asked for."""
    asked = []

    def ordered_map(work, items, processes, abandon):
        asked.append((len(items), processes, abandon))
        return map(work, items)

    monkeypatch.setattr(at_once, "ordered_map", ordered_map)
    monkeypatch.setattr(at_once, "lines_alone", lambda: None)
    monkeypatch.setattr(torch, "set_num_threads", lambda number: None)
    return asked


def test_seeds_of_all_models_are_trained_at_once_and_give_what_they_give_alone(
    small, tmp_path, unproved, one_after_the_other
):
    alone = finetune(config(small, tmp_path / "alone", processes=1))
    assert one_after_the_other == []
    together = finetune(config(small, tmp_path / "together", processes=3))
    assert one_after_the_other == [(4, 3, True)]
    assert told(together) == told(alone)


def test_short_trainings_are_not_worth_a_process(small, tmp_path, unproved, one_after_the_other, monkeypatch):
    monkeypatch.setattr(at_once, "num_cores", lambda: 2)
    finetune(config(small, tmp_path / "short"))
    assert one_after_the_other == []
    monkeypatch.setattr(at_once, "LEAST_TOKENS", 100)
    finetune(config(small, tmp_path / "long"))
    assert one_after_the_other == [(4, 2, True)]


def test_a_frozen_encoder_is_asked_once_for_all_seeds(small, tmp_path, unproved, one_after_the_other):
    finetune(config(small, tmp_path / "head", processes=2, learning={"trainable": "head"}))
    assert one_after_the_other == []


def test_seeds_that_are_there_are_not_trained_again(small, tmp_path, unproved, one_after_the_other, monkeypatch):
    train, trained = finetuning.Finetuning.train, []

    def stopped_after_one(self, model, seed, config):
        if trained:
            raise KeyboardInterrupt
        trained.append(seed)
        return train(self, model, seed, config)

    with monkeypatch.context() as patch:
        patch.setattr(finetuning.Finetuning, "train", stopped_after_one)
        with pytest.raises(KeyboardInterrupt):
            finetune(config(small, tmp_path / "run", processes=2))
    finetune(config(small, tmp_path / "run", processes=2))
    assert [number for number, *_ in one_after_the_other] == [4, 3]


@pytest.mark.slow
def test_processes_train_seeds(small, tmp_path, unproved):
    settings = {**small, "random_weights": False}
    run = finetune(config(settings, Path(tmp_path / "run"), processes=2))
    (model,) = run.results["models"]
    assert [seed["seed"] for seed in model["seeds"]] == [1, 2]
    assert {(line["model"], line["seed"]) for line in run.metrics()} == {("N", 1), ("N", 2)}
