"""Search for settings: judged on validation rows, resumable, one path for grid and Optuna."""

import json
from itertools import product

import pytest

from mamebert.config import build, parse_pair, read_settings
from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.stages.finetune import candidates as _candidates
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune import finetuning as _finetuning
from mamebert.stages.finetune import search as _search
from mamebert.stages.finetune.search import best_of, search, with_settings
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.training.trouble import Diverged


class Killed(BaseException):
    """The power went."""


GRID = {"method": "grid", "space": {"training.peak_lr": [1e-5, 3e-3], "dropout": [0.0, 0.1]}}
TPE = {
    "method": "optuna",
    "trials": 14,
    "space": {"training.peak_lr": {"low": 1e-5, "high": 1e-1, "log": True}, "reading.layers": [[-1], [-2, -1]]},
}


@pytest.fixture
def small(finetuning):
    """One model, two seeds, short."""
    return {
        **finetuning,
        "models": {"N": finetuning["models"]["N"]},
        "seeds": [4, 5],
        "baselines": "none",
        "training": {**finetuning["training"], "epochs": 2, "batch_tokens": 300},
    }


def config(settings, output="x", **changes):
    return build(FinetuneConfig, {**settings, "output": str(output), **changes})


def judged(settings, number):
    """Stand for a training: best at a rate of 1e-2 and two layers."""
    import math

    rate, layers = settings.training.peak_lr, settings.reading.layers
    return {"valid": 1 - abs(math.log10(rate) + 2) / 10 + 0.05 * len(layers), "seed": 4}


def without_clocks(trials):
    return [{name: value for name, value in each.items() if name != "seconds"} for each in trials]


def test_a_grid_is_every_combination_and_the_best_on_validation_is_trained_with_all_seeds(
    small, tmp_path, unproved, monkeypatch
):
    used, start = [], _candidates.start_network
    monkeypatch.setattr(_candidates, "start_network", lambda *w: (used.append(w[4]), start(*w))[1])
    run = finetune(config(small, tmp_path / "run", search=GRID))
    (found,) = run.results["search"]
    assert [tuple(t["settings"].values()) for t in found["trials"]] == list(product([1e-5, 3e-3], [0.0, 0.1]))
    assert found["best"] == max(found["trials"], key=lambda t: t["valid"])["settings"]
    assert found["best"]["training.peak_lr"] == 3e-3
    assert {t["seed"] for t in found["trials"]} == {4}
    assert used == [0.0, 0.1, 0.0, 0.1, found["best"]["dropout"], found["best"]["dropout"]]
    by_trial = {t["trial"]: t["valid"] for t in found["trials"]}
    lines = [line for line in run.metrics() if "trial" in line]
    for number, valid in by_trial.items():
        assert max(line["valid"] for line in lines if line["trial"] == number) == valid
    # The same settings and seed are the same training.
    best = next(t for t in found["trials"] if t["settings"] == found["best"])
    assert max(run.results["models"][0]["seeds"][0]["valid_by_epoch"]) == best["valid"]


def test_no_trial_looks_at_a_test_row(small, tmp_path, monkeypatch):
    work = _finetuning.Finetuning(
        config(small, tmp_path / "run", search=GRID),
        _finetuning.Run.start(config(small, tmp_path / "run", search=GRID)),
    )
    test = {id(each) for each in work.labelled.parts.test}
    seen, measures = [], type(work.task).measures
    monkeypatch.setattr(
        type(work.task), "measures", lambda self, e, a: (seen.extend(map(id, e)), measures(self, e, a))[1]
    )
    monkeypatch.setattr(_finetuning, "answer", lambda *_: pytest.fail("answered test rows"))
    work._searched(next(_candidates.candidates(work.config)))
    assert seen
    assert not test & set(seen)


def test_a_killed_search_goes_on_without_doing_finished_trials_again(small, tmp_path, unproved, monkeypatch):
    whole = finetune(config(small, tmp_path / "whole", search=GRID))
    settings = config(small, tmp_path / "killed", search=GRID)
    fit, calls = _finetuning.Finetuning._fit, []

    def guarded(self, *words, **named):
        calls.append(words[3])
        found = fit(self, *words, **named)
        if len(calls) == 3:  # the third is trained, and not yet written down
            raise Killed
        return found

    monkeypatch.setattr(_finetuning.Finetuning, "_fit", guarded)
    with pytest.raises(Killed):
        finetune(settings)
    assert len(list((partial(tmp_path / "killed") / "search").glob("*.json"))) == 2
    run = finetune(settings)
    assert [title.split("trial ")[-1] for title in calls[3:5]] == ["3", "4"]
    assert len(calls) == 3 + 2 + 2
    (resumed,), (uncut,) = run.results["search"], whole.results["search"]
    assert without_clocks(resumed["trials"]) == without_clocks(uncut["trials"])
    assert run.metrics() == whole.metrics()


def test_optuna_finds_the_best_and_a_stop_changes_none_of_its_trials(small, tmp_path):
    pytest.importorskip("optuna")
    settings = config(small, search=TPE)
    whole = search(settings, "N", tmp_path / "whole", judged)
    assert len(whole) == 14
    assert len({json.dumps(t["settings"]) for t in whole}) > 7
    assert whole == search(settings, "N", tmp_path / "again", judged)
    best = best_of(whole)
    assert 1e-3 < best["training.peak_lr"] < 1e-1
    assert best["reading.layers"] == [-2, -1]

    def killed(settings, number):
        if number == 11:
            raise Killed
        return judged(settings, number)

    with pytest.raises(Killed):
        search(settings, "N", tmp_path / "killed", killed)
    done = []
    resumed = search(settings, "N", tmp_path / "killed", lambda s, n: (done.append(n), judged(s, n))[1])
    assert resumed == whole
    assert min(done) == 11
    other = search(config(small, search=TPE, seed=9), "N", tmp_path / "seed", judged)
    assert [t["settings"] for t in other] != [t["settings"] for t in whole]


def test_settings_that_were_tried_are_not_tried_again(small, tmp_path):
    pytest.importorskip("optuna")
    trained = []
    settings = config(small, search={"method": "optuna", "trials": 6, "space": {"dropout": [0.0, 0.1]}})
    trials = search(settings, "N", tmp_path / "s", lambda s, n: (trained.append(s.dropout), {"valid": s.dropout})[1])
    assert sorted(trained) == [0.0, 0.1]
    assert [t["trial"] for t in trials] == list(range(6))
    assert sum("same_as" in t for t in trials) == 4


@pytest.mark.parametrize("how", ["grid", "optuna"])
def test_a_training_that_goes_wrong_is_a_trial_that_failed(small, tmp_path, monkeypatch, how):
    def fit(self, model, seed, settings, title, **about):
        if settings.training.peak_lr > 1:
            raise Diverged("Training went wrong at step 3.")
        return None, _finetuning.Fitted(self.learnt, [0.5]), {}

    monkeypatch.setattr(_finetuning.Finetuning, "_fit", fit)
    space = {"training.peak_lr": [1e9, 1e-3, 1e8]}
    settings = config(small, tmp_path / "run", search={"method": how, "space": space, "trials": 12})
    work = _finetuning.Finetuning(settings, _finetuning.Run.start(settings))
    assert work._searched(next(_candidates.candidates(work.config))).training.peak_lr == 1e-3
    failed = [t for t in work.results.search[0].trials if t["settings"]["training.peak_lr"] > 1]
    assert failed
    assert all(t["valid"] is None and "went wrong at step 3" in t["trouble"] for t in failed)
    with pytest.raises(UserError, match="All 2 trials"):
        best_of(failed[:2])


def test_the_ranges_are_those_of_legal_bert(small):
    standard = list(_search.check_search(config(small, search={"method": "grid"})))
    assert {c.training.peak_lr for c in standard} == {2e-5, 3e-5, 4e-5, 5e-5}
    assert {c.training.epochs for c in standard} == {3, 4}
    assert {c.batch_rows for c in standard} == {16, 32}
    assert {c.dropout for c in standard} == {0.1}
    broad = list(_search.check_search(config(small, search={"method": "grid", "ranges": "broadened"})))
    assert {c.training.peak_lr for c in broad} == {1e-5, 2e-5, 3e-5, 4e-5, 5e-5}
    assert {c.dropout for c in broad} == {0.1, 0.2}
    assert min(c.training.epochs for c in broad) >= 1000


def test_a_space_is_written_in_toml_and_on_the_command_line(small):
    wanted = {"training.peak_lr": [1e-5, 2e-5], "batch_rows": [16]}
    spelt = (
        {"search": {"method": "grid", "space": wanted}},
        parse_pair('search={method = "grid", space = {"training.peak_lr" = [1e-5, 2e-5], "batch_rows" = [16]}}'),
        read_settings(
            ["search.method=grid", "search.space.training.peak_lr=[1e-5, 2e-5]", "search.space.batch_rows=[16]"]
        ),
    )
    for each in spelt:
        found = config(small, **each).search
        assert found.space == wanted
        assert build(FinetuneConfig, config(small, **each).model_dump(mode="json")).search == found


def test_chosen_settings_replace_just_themselves(small):
    before = config(small)
    after = with_settings(before, {"training.peak_lr": 0.5, "reading.layers": "all", "patience": 1})
    assert (after.training.peak_lr, after.reading.layers, after.patience) == (0.5, "all", 1)
    put_back = {"training.peak_lr": before.training.peak_lr, "reading.layers": [-1], "patience": before.patience}
    assert with_settings(after, put_back) == before


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            {"method": "grid", "space": {"seeds": [[1], [2]]}},
            "seeds cannot be searched. Choose settings from: training",
        ),
        ({"method": "grid", "space": {"dropout": []}}, "empty"),
        (
            {"method": "grid", "space": {"dropout": {"low": 0.0, "high": 0.5}}},
            "needs a list .* or set search.method",
        ),
        ({"method": "optuna", "space": {"dropout": {"low": 0.5, "high": 0.1}}}, "Give low < high"),
        ({"method": "optuna", "space": {"dropout": {"low": 0, "high": 0.1, "log": True}}}, "with log above 0"),
        ({"method": "both"}, "search.method"),
    ],
)
def test_a_space_that_cannot_be_searched_is_told(small, settings, sentence):
    with pytest.raises(UserError, match=sentence):
        config(small, search=settings)


def test_without_optuna_the_way_out_is_told(small, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(
        UserError,
        match=r"need the package optuna. Install it with: pip install 'mamebert\[tune\]', or set search.method=grid",
    ):
        finetune(config(small, tmp_path / "run", search=TPE))
