"""Runs of earlier versions: their pages and cards show what they have."""

import pytest

from mamebert.reports.card.model_card import model_card
from mamebert.runs import Run
from mamebert.stages.report import ReportConfig, report

FIRST_FINETUNING = {
    "models": [
        {
            "name": "W",
            "path": "runs/W",
            "epoch": None,
            "seen_test_text": False,
            "truncated_share": 0.5,
            "seeds": [{"seed": 1, "accuracy": 0.7, "valid_accuracy": 0.71, "valid_by_epoch": [0.7, 0.71]}],
            "accuracy_mean": 0.7,
        }
    ],
    "baselines": [{"name": "TF-IDF", "accuracy": 0.6, "seconds": 1.0, "chosen": {}, "seen_test_text": False}],
    "comparisons": [],
    "task": "classification",
    "labels": ["bean", "leaf"],
    "columns": ["text"],
    "split": {"train": {"bean": 4, "leaf": 5}, "test": {"bean": 1, "leaf": 1}},
    "num_empty_rows": 2,
}
FIRST_PRETRAINING = {
    "name": "H2-L1-W",
    "parameters": {"total": 1000, "frozen": 600},
    "epochs": [{"epoch": 1, "seconds": 60.0, "tokens": 5000, "mood": "good"}],
    "fill_mask": None,
}


@pytest.fixture
def old(make, tmp_path):
    """Folders of runs as the first version left them."""
    write = make["write_run"]
    pretrained = write(tmp_path / "W", "pretrain", FIRST_PRETRAINING)
    return [pretrained, write(tmp_path / "rows", "finetune", FIRST_FINETUNING, inputs={"models.W": pretrained})]


def test_a_page_of_runs_of_the_first_version_shows_what_they_have(old, tmp_path):
    page = report(ReportConfig(output=tmp_path / "page", runs=old))
    text = (page.folder / "report.md").read_text(encoding="utf-8").replace("\u00a0", " ")
    assert "H2-L1-W (1 k parameters, 600 of them fixed by word2vec)" in text
    assert "| bean | 4 |" in text


def test_the_cards_of_models_of_the_first_version_are_written(old):
    for folder, kind in zip(old, ("pretrain", "finetune"), strict=True):
        assert model_card(Run.open(folder), folder / "model", kind).startswith("---")


@pytest.mark.parametrize(
    ("settings", "told"),
    [({"vocabulary": {"kind": "unigram", "size": 70}}, "unigram, 70 entries"), ({}, "| 70 entries")],
)
def test_a_card_tells_the_kind_of_the_vocabulary_that_was_learnt(make, tmp_path, settings, told):
    learnt = make["write_run"](tmp_path / "vocab", "vocab", {"size": 70}, settings)
    folder = make["write_run"](tmp_path / "W", "pretrain", FIRST_PRETRAINING, inputs={"tokenizer": learnt})
    assert told in model_card(Run.open(folder), folder / "model", "pretrain")


def test_an_epoch_that_was_stopped_early_is_told_in_part(make, tmp_path):
    epochs = [{"epoch": 1, "seconds": 60.0}, {"epoch": 2, "seconds": 61.0, "extrapolated": True}]
    folder = make["write_run"](tmp_path / "W", "pretrain", {**FIRST_PRETRAINING, "epochs": epochs})
    page = report(ReportConfig(output=tmp_path / "page", runs=[folder]))
    assert "2 (the last in part)" in (page.folder / "report.md").read_text(encoding="utf-8")
