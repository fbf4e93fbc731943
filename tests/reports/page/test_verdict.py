from dataclasses import replace

import pytest

from mamebert.reports.page.story import Story
from mamebert.reports.page.verdict import against, facts, verdict
from mamebert.reports.readings.outcomes import Outcome, Score
from mamebert.runs import Run


def outcome(name, accuracy, spread=None, num_seeds=3):
    return Outcome(name, "accuracy", {"accuracy": Score(accuracy, spread)}, num_seeds)


@pytest.fixture
def story(runs):
    return Story([Run.open(folder) for folder in runs.values()])


def test_a_difference_within_the_spread_is_never_claimed():
    sentence = against(outcome("A", 0.82, 0.01), outcome("B", 0.81, 0.01))
    assert sentence == "A and B differ by 0.010, within the spread (0.014): neither is ahead."
    assert against(outcome("A", 0.84, 0.01), outcome("B", 0.81, 0.01)) == "A is ahead of B by 0.030."


def test_a_sentence_begins_with_a_capital_unless_a_model_is_called_otherwise():
    assert against(outcome("naive Bayes", 0.9, 0.01), outcome("A", 0.5, 0.01)).startswith("Naive Bayes is ahead of A")
    assert against(outcome("A", 0.9, 0.01), outcome("naive Bayes", 0.5, 0.01)).startswith("A is ahead of naive Bayes")
    named = replace(outcome("mame-en", 0.9, 0.01), is_model=True)
    assert against(named, outcome("A", 0.5, 0.01)).startswith("mame-en is ahead")


def test_one_seed_proves_nothing():
    assert "chance" in against(outcome("A", 0.9, None, 1), outcome("B", 0.5, 0.01))


def test_a_likely_chance_is_said():
    assert "can still be chance (p = 0.21)" in against(outcome("A", 0.84, 0.01), outcome("B", 0.81, 0.01), chance=0.21)


def test_a_baseline_ahead_is_told_as_ahead(story):
    text = " ".join(verdict(story))
    assert "TF-IDF + linear SVM is ahead of W by 0.098." in text
    assert "W takes 5.4\u00a0% less time per epoch than N (58m20s against 1h02m)." in text
    assert "W is above the paper's best of 0.7236" in text
    assert "8.19\u00a0M of them fixed by word2vec" in text


def test_equal_times_are_called_equal(tmp_path, make):
    folders = [
        make["write_run"](tmp_path / n, **make["pretraining"](f"H8-L1-{n}", s))
        for n, s in (("N", (100.0, 104.0)), ("W", (99.0, 103.0)))
    ]
    assert any(
        "cost the same time within the spread" in line for line in verdict(Story([Run.open(f) for f in folders]))
    )


def test_fixed_positions_are_not_told_as_word_vectors(tmp_path, make):
    folders = [
        make["write_run"](tmp_path / side, **make["pretraining"](f"H8-L1-{side}", frozen=16_384)) for side in ("N", "W")
    ]
    text = " ".join(verdict(Story([Run.open(f) for f in folders])))
    assert "N (12.3\u00a0M parameters, 16.4\u00a0k of them, the positions, fixed)" in text
    assert "W (12.3\u00a0M parameters, 16.4\u00a0k of them fixed by word2vec)" in text


def test_time_of_a_part_of_an_epoch_is_told_as_reckoned(tmp_path, make):
    folders = []
    for side, seconds in (("N", 100.0), ("W", 90.0)):
        run = make["pretraining"](f"H8-L1-{side}", (seconds,))
        run["results"]["epochs"][0]["extrapolated"] = True
        folders.append(make["write_run"](tmp_path / side, **run))
    text = " ".join(verdict(Story([Run.open(f) for f in folders])))
    assert "10.0\u00a0% less time than N" in text
    assert "reckoned from a part of an epoch" in text
    assert "no spread is known" in text


def test_models_that_have_seen_the_test_texts_do_not_win_the_verdict(tmp_path, make):
    run = make["finetuning"](n=(0.80, 0.80, 0.81), w=(0.99, 0.99, 0.99))
    for model in run["results"]["models"]:
        model["seen_test_text"] = model["name"] == "W"
    text = " ".join(verdict(Story([Run.open(make["write_run"](tmp_path / "task", **run))])))
    assert "0.990" not in text
    assert "TF-IDF + linear SVM is ahead of N" in text


def test_headline_numbers_name_spread_and_seeds(story):
    shown = {fact.label: (fact.value.replace("\u00a0", " "), fact.beside) for fact in facts(story)}
    assert shown["Accuracy of W"] == ("0.826 ± 0.008", "mean of 3 seeds")
    assert shown["Processor time of an epoch, W against N"] == ("−5.4 %", "by the clock 58m20s against 1h02m")
