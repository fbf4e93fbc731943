import json
import shutil
from itertools import combinations
from statistics import mean, stdev

import pytest

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.evaluation.split import stratified_split
from mamebert.files.disk import partial
from mamebert.runs import Run
from mamebert.serving.load import load
from mamebert.stages import find
from mamebert.stages.finetune import candidates, finetune, finetuning, fitting
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.training.best_epoch import best_of


class Killed(BaseException):
    """The power went."""


def config(finetuning, output, **changes):
    return build(FinetuneConfig, {**finetuning, "output": str(output), **changes})


def without_clocks(value):
    if isinstance(value, dict):
        return {name: without_clocks(item) for name, item in value.items() if name != "seconds"}
    return [without_clocks(item) for item in value] if isinstance(value, list) else value


def killed_at(monkeypatch, name, number, settings):
    """Fine-tune until call `number` of something in the stage."""
    place = fitting if name == "train" else finetuning
    what, calls = getattr(place, name), []

    def guarded(*words, **named):
        calls.append(1)
        if len(calls) == number:
            raise Killed
        return what(*words, **named)

    with monkeypatch.context() as patch:
        patch.setattr(place, name, guarded)
        try:
            finetune(settings)
        except Killed:
            return
    pytest.fail(f"{name} was called {len(calls)} times only")


def starts(monkeypatch):
    """Return a list that grows by the folder of each network that training starts from."""
    started, start = [], candidates.start_network
    monkeypatch.setattr(candidates, "start_network", lambda *w: (started.append(w[1]), start(*w))[1])
    return started


@pytest.fixture
def rows(world):
    return [json.loads(line) for line in (world / "rows.jsonl").read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def small(finetuning):
    """One model, two seeds, two epochs."""
    return {
        **finetuning,
        "models": {"N": finetuning["models"]["N"]},
        "seeds": [1, 2],
        "training": {**finetuning["training"], "epochs": 2},
    }


def test_training_stops_when_patience_is_over(classifiers):
    stopped_early = []
    for model in Run.open(classifiers).results["models"]:
        for seed in model["seeds"]:
            by_epoch = seed["valid_by_epoch"]
            assert seed["best_epoch"] == best_of(by_epoch, seed["valid_loss_by_epoch"])
            unmoved = next((i for i, score in enumerate(by_epoch) if score != by_epoch[0]), 6)
            assert len(by_epoch) == min(6, max(best_of(by_epoch), unmoved) + 2)
            stopped_early.append(len(by_epoch) < 6)
    assert any(stopped_early)


def test_what_is_saved_is_what_was_best_and_tested(classifiers, rows):
    split = stratified_split([row["label"] for row in rows], (0.4, 0.2, 0.4), seed=0)
    for model in Run.open(classifiers).results["models"]:
        answers = load(classifiers / "models" / model["name"])([rows[i]["text"] for i in split.test])
        right = mean(a["label"] == rows[i]["label"] for a, i in zip(answers, split.test, strict=True))
        best = max(model["seeds"], key=lambda seed: max(seed["valid_by_epoch"]))
        assert best["seed"] == model["best_seed"]
        assert right == pytest.approx(best["scores"]["accuracy"])
        valid = load(classifiers / "models" / model["name"])([rows[i]["text"] for i in split.valid])
        right = mean(a["label"] == rows[i]["label"] for a, i in zip(valid, split.valid, strict=True))
        assert right == pytest.approx(max(best["valid_by_epoch"]))


def test_the_best_seed_is_the_one_that_validated_best_whatever_the_test_says(small, tmp_path, unproved, monkeypatch):
    tested = iter([0.9, 0.1])
    monkeypatch.setattr(finetuning, "scores_of", lambda _: {"accuracy": next(tested, 0.5)})
    validated = iter([0.2, 0.2, 0.7, 0.7])
    judged = fitting.Fitting._validate
    monkeypatch.setattr(fitting.Fitting, "_validate", lambda self: judged(self)._replace(score=next(validated)))
    (model,) = finetune(config(small, tmp_path / "tuned", baselines="none", task={"max_length": 16})).results["models"]
    assert model["best_seed"] == 2


def test_mean_and_spread_are_those_of_the_seeds(classifiers):
    for model in Run.open(classifiers).results["models"]:
        assert [seed["seed"] for seed in model["seeds"]] == [1, 2, 3]
        for measure, found in model["scores"].items():
            each = [seed["scores"][measure] for seed in model["seeds"]]
            assert found == pytest.approx({"mean": mean(each), "spread": stdev(each)})


def test_all_models_and_seeds_see_one_split(classifiers, small, tmp_path, unproved, rows):
    results = Run.open(classifiers).results
    for part, share in (("train", 0.4), ("valid", 0.2), ("test", 0.4)):
        assert sum(results["split"][part].values()) == pytest.approx(share * len(rows), abs=2)
        assert set(results["split"][part]) == {"garden", "harbour", "kitchen"} == set(results["labels"])
    other = finetune(config(small, tmp_path / "other", seeds=[9], seed=5)).results
    assert other["split"] == results["split"]
    assert {b["name"]: b["scores"] for b in other["baselines"]} == {
        b["name"]: b["scores"] for b in results["baselines"]
    }


def test_lengths_of_all_rows_are_counted_for_each_finished_model(classifiers):
    results = Run.open(classifiers).results
    finished = [model for model in results["models"] if model["epoch"] is None]
    assert finished
    for model in finished:
        parts = model["lengths"]["parts"]
        assert {name: sum(part["counts"]) for name, part in parts.items()} == results["rows"]
        assert parts["train"]["cut"] / sum(parts["train"]["counts"]) == model["truncated_share"]


def test_models_are_compared_pair_by_pair_on_the_same_rows(classifiers):
    results = Run.open(classifiers).results
    best = {
        m["name"]: next(s["scores"]["accuracy"] for s in m["seeds"] if s["seed"] == m["best_seed"])
        for m in results["models"]
    }
    best |= {b["name"]: b["scores"]["accuracy"] for b in results["baselines"]}
    assert [(f["a"], f["b"]) for f in results["comparisons"]] == list(combinations(best, 2))
    for found in results["comparisons"]:
        assert found["difference"] == pytest.approx(best[found["a"]] - best[found["b"]])
        assert found["interval"][0] <= found["difference"] <= found["interval"][1]


def test_a_killed_run_goes_on_without_doing_finished_seeds_again(
    finetuning, classifiers, tmp_path, unproved, monkeypatch
):
    settings = config(finetuning, tmp_path / "killed")
    killed_at(monkeypatch, "save", 3, settings)  # two seeds are finished, the third is trained
    killed_at(monkeypatch, "train", 4, settings)  # in the middle of the third
    trained = starts(monkeypatch)
    run = finetune(settings)
    assert [path.parent.name for path in trained] == ["encoder-N", "encoder-W", "encoder-W", "encoder-W"]
    whole = Run.open(classifiers)
    assert without_clocks(run.results) == without_clocks(whole.results)
    assert run.metrics() == whole.metrics()
    for name in "NW":
        place = f"models/{name}/model.safetensors"
        assert (run.folder / place).read_bytes() == (whole.folder / place).read_bytes()


@pytest.mark.parametrize(("name", "number"), [("verify", 1), ("model_card", 1)])
def test_a_run_killed_while_saving_goes_on(small, tmp_path, unproved, monkeypatch, name, number):
    settings = config(small, tmp_path / "killed")
    killed_at(monkeypatch, name, number, settings)
    monkeypatch.setattr(candidates, "start_network", lambda *_: pytest.fail("trained again"))
    run = finetune(settings)
    assert sorted(p.name for p in (run.folder / "models" / "N").iterdir()) == sorted(
        [
            "README.md",
            "SHA256SUMS",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
            "vocab.txt",
        ]
    )
    assert not list((run.folder / "seeds").glob("*/"))


def test_more_seeds_go_on_from_a_finished_run(finetuning, classifiers, tmp_path, unproved, monkeypatch):
    first = finetune(config(finetuning, tmp_path / "grown", seeds=[1, 2]))
    saved = first.results["models"][0]["best_seed"]
    trained = starts(monkeypatch)
    run = finetune(config(finetuning, tmp_path / "grown"))
    assert [path.parent.name for path in trained] == ["encoder-N", "encoder-W"]
    whole = Run.open(classifiers)
    assert saved in (1, 2)
    assert without_clocks(run.results) == without_clocks(whole.results)
    assert sorted(map(str, run.metrics())) == sorted(map(str, whole.metrics()))
    for name in "NW":
        place = f"models/{name}/model.safetensors"
        assert (run.folder / place).read_bytes() == (whole.folder / place).read_bytes()
    with pytest.raises(UserError, match=r"holds this run with seeds=\[1, 2, 3\]"):
        finetune(config(finetuning, tmp_path / "grown", seeds=[1, 2]))


def test_a_new_seed_that_validates_better_replaces_the_model(small, tmp_path, unproved, monkeypatch):
    validated = iter([0.5, 0.5, 0.2, 0.2, 0.7, 0.7])
    judged = fitting.Fitting._validate
    monkeypatch.setattr(fitting.Fitting, "_validate", lambda self: judged(self)._replace(score=next(validated)))
    place = "models/N/model.safetensors"
    first = finetune(config(small, tmp_path / "tuned", baselines="none"))
    before = (first.folder / place).read_bytes()
    run = finetune(config(small, tmp_path / "tuned", baselines="none", seeds=[1, 2, 3]))
    assert (first.results["models"][0]["best_seed"], run.results["models"][0]["best_seed"]) == (1, 3)
    assert (run.folder / place).read_bytes() != before


def test_ctrl_c_stops_after_the_step_and_keeps_finished_seeds(small, tmp_path, unproved, monkeypatch):
    import signal

    settings = config(small, tmp_path / "stopped")
    saved, validate = finetuning.save, fitting.Fitting._validate

    def save_then_ask(*words):
        saved(*words)
        monkeypatch.setattr(
            fitting.Fitting, "_validate", lambda self: signal.raise_signal(signal.SIGINT) or validate(self)
        )

    monkeypatch.setattr(finetuning, "save", save_then_ask)
    with pytest.raises(KeyboardInterrupt):
        finetune(settings)
    assert [p.name for p in (partial(tmp_path / "stopped") / "seeds").glob("*.json")] == ["N-seed-1.json"]


def test_every_seed_of_every_kept_model_is_trained_whatever_its_name(small, tmp_path, unproved, monkeypatch):
    """A dot in a name, or an epoch such as 0.07, once made all seeds share one file."""
    trained = starts(monkeypatch)
    models = {"mini.v1.5": small["models"]["N"], "mini.v1.6": small["models"]["N"]}
    run = finetune(config(small, tmp_path / "dots", models=models, epoch_seeds=[1, 2]))
    assert len(trained) == 8
    assert len(list((run.folder / "seeds").glob("*.json"))) == 8
    assert [(m["name"], m["epoch"] is None, [s["seed"] for s in m["seeds"]]) for m in run.results["models"]] == [
        (name, final, [1, 2]) for name in models for final in (False, True)
    ]
    assert len(run.metrics()) == 16


def test_seen_test_text_is_true_exactly_where_pretraining_read_it(world, tiny, small, tmp_path, unproved):
    training = {"steps": 2, "batch_tokens": 256, "precision": "float32"}
    made = {}
    for name, sources in (
        ("blind", [str(world / "text.txt")]),
        ("seer", [str(world / "text.txt"), str(world / "rows.jsonl")]),
    ):
        corpus, shards = (f"{tmp_path}/{name}-{part}" for part in ("corpus", "shards"))
        cbow = {"vector_size": 8, "epochs": 1, "processes": 1}
        for command, settings in (
            ("clean", {"sources": sources, "processes": 1, "output": corpus}),
            ("tokenize", {"corpus": corpus, "tokenizer": str(world / "vocab"), "processes": 1, "output": shards}),
            ("vectors", {"shards": shards, "cbow": cbow, "output": f"{tmp_path}/{name}-vectors"}),
            ("pretrain", {**tiny, "training": training, "shards": shards, "output": f"{tmp_path}/{name}"}),
        ):
            kind, work = find(command)
            made[name] = str(work(build(kind, settings)).folder)
    run = finetune(
        config(small, tmp_path / "tuned", models=made, seeds=[1], training=training, vectors=f"{tmp_path}/seer-vectors")
    )
    assert {m["name"]: m["seen_test_text"] for m in run.results["models"]} == {"blind": False, "seer": True}
    told = {b["name"]: b["seen_test_text"] for b in run.results["baselines"]}
    assert {name for name, seen in told.items() if seen} == {"mean of word vectors + linear SVM"}
    assert len(told) > 1


def test_a_bert_from_elsewhere_can_be_fine_tuned(world, small, tmp_path, unproved):
    from transformers import BertConfig, BertModel

    folder = tmp_path / "elsewhere"
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    size = len((world / "vocab" / "tokenizer" / "vocab.txt").read_text(encoding="utf-8").splitlines())
    BertModel(BertConfig(vocab_size=size, max_position_embeddings=40, **shape)).save_pretrained(folder)
    for file in (world / "vocab" / "tokenizer").iterdir():
        shutil.copy(file, folder)
    run = finetune(config(small, tmp_path / "tuned", models={"theirs": str(folder)}, seeds=[1]))
    assert run.results["models"][0]["seen_test_text"] is False
    assert load(run.folder)("The wet bean meets the leaf.")[0]["label"] in run.results["labels"]


def test_one_model_needs_no_name_and_an_unfinished_training_table_leaves_the_rest_open(finetuning):
    settings = {**finetuning, "output": "x", "model": finetuning["models"]["N"], "training": {"peak_lr": 1e-3}}
    del settings["models"]
    found = build(FinetuneConfig, settings)
    assert list(found.models) == ["model"]
    assert (found.training.epochs, found.training.batch_tokens, found.training.peak_lr) == (0, None, 1e-3)


def test_so_many_steps_are_so_many_steps(small, tmp_path, unproved, monkeypatch):
    seen, train = [], fitting.train
    monkeypatch.setattr(fitting, "train", lambda *w, **n: (seen.append(step) or step for step in train(*w, **n)))
    training = {**small["training"], "epochs": 0, "steps": 5}
    finetune(config(small, tmp_path / "tuned", training=training, seeds=[1]))
    assert [step.number for step in seen] == [1, 2, 3, 4, 5]
    assert seen[-1].lr > 0


def test_epochs_that_turn_out_shorter_do_not_end_training_before_its_steps(small, tmp_path, unproved, monkeypatch):
    """How many batches an epoch has depends on its order, so so many epochs may be too few."""
    seen, train = [], fitting.train
    monkeypatch.setattr(fitting, "train", lambda *w, **n: (seen.append(step) or step for step in train(*w, **n)))
    whole = fitting.Fitting._batches
    shorter = lambda self, order: list(whole(self, order))[: None if isinstance(order, range) else 3]  # noqa: E731
    monkeypatch.setattr(fitting.Fitting, "_batches", shorter)
    training = {**small["training"], "epochs": 0, "steps": 40}
    finetune(config(small, tmp_path / "tuned", training=training, seeds=[1], patience=99))
    assert [step.number for step in seen] == list(range(1, 41))


def test_the_rate_falls_to_zero_when_training_ends_and_not_before(small, tmp_path, unproved, monkeypatch):
    seen, train = [], fitting.train
    monkeypatch.setattr(fitting, "train", lambda *w, **n: (seen.append(step) or step for step in train(*w, **n)))
    finetune(config(small, tmp_path / "tuned", seeds=[1], task={"max_length": 64}))
    idle = sum(step.lr == 0 for step in seen)
    assert idle <= 0.1 * len(seen)
    assert seen[-1].lr < 0.2 * small["training"]["peak_lr"]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"task": {"max_length": 65}}, r"65 is longer than N reads \(64\). Lower it to 64"),
        ({"split": {"train": 0.5, "valid": 0.001}}, "The valid part has no rows"),
        ({"split": {"train": 0.6, "valid": 0.4}}, "leave nothing to test"),
        ({"split": {"train": 0.001, "valid": 0.1}}, "No training row belongs to the class"),
        ({"task": {"text_columns": ["texts"]}}, "Did you mean 'text'?"),
        ({"task": {"label_column": "labels"}}, "Did you mean 'label'?"),
        ({"models": {}}, "No model is given"),
        ({"reading": {"layers": [3]}}, r"names layer 3, and the encoder has 2\. Choose from 0 .* to 2, or from -1"),
        ({"learning": {"trainable": "top_layers", "top_layers": 3}}, "more than the 2 layers"),
        ({"learning": {"groups": {"layer.-3": 0.1}}}, r"called 'layer.-3.'. Did you mean 'layer"),
        ({"search": {"method": "grid", "space": {"reading.layers": [[-1], [7]]}}}, "names layer 7"),
        ({"search": {"method": "grid", "space": {"training.peak_lrs": [1e-3]}}}, "Did you mean 'training.peak_lr'"),
        ({"search": {"method": "grid", "space": {"dropout": [0.1, 2]}}}, "'dropout' cannot be 2"),
    ],
)
def test_what_cannot_be_learnt_is_told_before_anything_is_trained(small, tmp_path, monkeypatch, changes, sentence):
    monkeypatch.setattr(candidates, "start_network", lambda *_: pytest.fail("trained"))
    with pytest.raises(UserError, match=sentence):
        finetune(config(small, tmp_path / "tuned", **changes))


def test_the_shortest_model_of_several_decides_how_long_texts_may_be(world, tiny, small, tmp_path, unproved):
    kind, pretrain = find("pretrain")
    settings = {
        **tiny,
        "encoder": {**tiny["encoder"], "max_position_embeddings": 32},
        "training": {"steps": 1, "batch_tokens": 256},
        "shards": str(world / "tokens"),
        "output": str(tmp_path / "short"),
    }
    short = pretrain(build(kind, settings)).folder
    models = {**small["models"], "short": str(short)}
    with pytest.raises(UserError, match=r"longer than short reads \(32\)"):
        finetune(config(small, tmp_path / "tuned", models=models, task={"max_length": 48}))


def test_models_are_called_what_their_users_call_them_and_nothing_is_written_outside(small, unproved, tmp_path):
    names = ["google/bert", "../../x", "/abs/x"]
    one = {**small, "seeds": [1], "models": dict.fromkeys(names, small["models"]["N"])}
    out = tmp_path / "deep" / "er" / "out"
    run = finetune(config({**one, "training": {**small["training"], "epochs": 1}, "baselines": "none"}, out))
    assert [model["name"] for model in run.results["models"]] == names
    assert sorted(p.name for p in (out / "models").iterdir()) == ["%2E.%2F..%2Fx", "%2Fabs%2Fx", "google%2Fbert"]
    assert [p.name for p in out.parent.iterdir()] == ["out"]
    assert load(out / "models" / "google%2Fbert", "task")(["salt"])
    assert sum(p.is_file() for p in (out / "answers").iterdir()) == 3


def test_one_random_network_is_trained_once_for_all_models_of_its_shape(small, unproved, tmp_path, monkeypatch):
    begun = starts(monkeypatch)
    alike = dict.fromkeys(("A", "B"), small["models"]["N"])
    training = {**small["training"], "epochs": 1}
    more = {"models": alike, "random_weights": True, "baselines": "none", "training": training}
    run = finetune(config({**small, **more}, tmp_path / "out"))
    assert len(begun) == 2 * 2 + 2  # both encoders and one random network, two seeds each
    scores = {model["name"]: model["scores"] for model in run.results["models"]}
    assert scores["A-random"] == scores["B-random"]
    weights = [(tmp_path / "out" / "models" / f"{n}-random" / "model.safetensors").read_bytes() for n in "AB"]
    assert weights[0] == weights[1]
