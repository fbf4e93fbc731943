"""`mamebert compress`, from a fine-tuned or pretrained folder to a smaller one."""

import json

import pytest
import torch

import mamebert as package
from mamebert.config import build
from mamebert.files.disk import partial
from mamebert.runs import Run
from mamebert.stages.compress import check, compress, compressing
from mamebert.stages.compress.settings import CompressConfig

DROP = {"kind": "drop_layers", "drop": 1, "training": {"epochs": 2, "batch_tokens": 256, "precision": "float32"}}


@pytest.fixture
def settings(classifiers, tmp_path):
    return {
        "model": str(classifiers / "models" / "W"),
        "method": DROP,
        "seeds": [1, 2],
        "measure_seconds": 0,
        "output": str(tmp_path / "small"),
    }


def without_clocks(value):
    if isinstance(value, dict):
        return {k: without_clocks(v) for k, v in value.items() if k != "seconds"}
    return [without_clocks(v) for v in value] if isinstance(value, list) else value


@pytest.fixture
def words(settings):
    """Return the settings as a command line has them."""
    method = {f"method.{name}": value for name, value in DROP.items() if name != "training"}
    training = {f"method.training.{name}": value for name, value in DROP["training"].items()}
    return {**{k: v for k, v in settings.items() if k != "method"}, **method, **training}


def run_with(settings, **changes):
    return compress(build(CompressConfig, {**settings, **changes}))


def test_a_fine_tuned_model_is_made_smaller_and_compared_with_what_it_was(settings, classifiers, unproved):
    run = run_with(settings)
    results = run.results
    (model,) = results["models"]
    finetuned = Run.open(classifiers).results
    assert results["rows"] == finetuned["rows"]
    (before,) = (m for m in finetuned["models"] if m["name"] == "W")
    best = next(seed for seed in before["seeds"] if seed["seed"] == before["best_seed"])
    assert results["teacher"]["scores"] == best["scores"]
    assert model["parameters"] < results["teacher"]["parameters"]
    assert model["forms"][0]["bytes"] < results["teacher"]["forms"][0]["bytes"]
    assert [seed["notes"] for seed in model["seeds"]] == [[{"layers_kept": [0], "layers_dropped": [1]}]] * 2
    assert model["kept"] == pytest.approx(model["scores"]["accuracy"]["mean"] / best["scores"]["accuracy"])
    assert [(line["a"], line["b"]) for line in results["comparisons"]] == [("drop_layers", "classifiers")]
    rows = (run.folder / "answers" / "drop_layers.jsonl").read_text(encoding="utf-8").splitlines()
    assert len(rows) == results["rows"]["test"]


def test_what_comes_out_opens_in_plain_transformers_and_answers(settings):
    run = run_with(settings, seeds=[1])
    assert run.results["verified"]["folders"] == 1
    assert run.results["verified"]["largest_difference"] < 1e-5
    config = json.loads((run.folder / "model" / "config.json").read_text(encoding="utf-8"))
    assert (config["architectures"], config["num_hidden_layers"]) == (["BertForSequenceClassification"], 1)
    assert package.load(run.folder)("The old boat meets the rope.")[0]["label"] in run.results["labels"]


def test_a_pretrained_encoder_is_made_smaller(encoders, world, tmp_path, unproved):
    settings = {
        "model": str(encoders("N")),
        "shards": str(world / "tokens"),
        "method": {**DROP, "training": {"steps": 3, "batch_tokens": 256}},
        "heldout_tokens": 500,
        "measure_seconds": 0,
        "output": str(tmp_path / "small"),
    }
    run = run_with(settings)
    assert (run.results["task"], run.results["measure"]) == ("masked_lm", "heldout_mlm_loss")
    assert run.results["models"][0]["scores"]["heldout_mlm_loss"]["mean"] > 0
    assert package.load(run.folder, "fill-mask")("The old [MASK].")


def test_a_killed_run_ends_as_one_that_was_not(settings, tmp_path, unproved, monkeypatch):
    whole = run_with(settings)
    killed = {**settings, "output": str(tmp_path / "killed")}
    times = iter(range(100))
    learn = compressing.Compressing.compress

    def die_in_the_second(self, seed):
        if next(times) == 1:
            raise KeyboardInterrupt
        return learn(self, seed)

    monkeypatch.setattr(compressing.Compressing, "compress", die_in_the_second)
    with pytest.raises(KeyboardInterrupt):
        run_with(killed)
    assert [path.name for path in (partial(tmp_path / "killed") / "seeds").glob("*.json")] == ["1.json"]
    again = run_with(killed)
    assert without_clocks(again.results) == without_clocks(whole.results)
    weights = "model/model.safetensors"
    assert (again.folder / weights).read_bytes() == (whole.folder / weights).read_bytes()


def test_methods_follow_each_other(settings, unproved):
    run = run_with(
        settings, method=[{**DROP, "recover": False}, {**DROP, "drop": 0, "strategy": "contribution"}], seeds=[1]
    )
    assert run.results["models"][0]["name"] == "drop_layers+drop_layers"
    assert len(run.results["models"][0]["seeds"][0]["notes"]) == 2
    assert [step["kind"] for step in run.results["chain"]] == ["drop_layers"] * 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"method.drop": 2}, "Drop fewer"),
        ({"method.kind": "drop_layer"}, "drop_layers"),
        ({"method": "[]"}, "No method is given"),
        ({"name": "n" * 200}, "at most 120"),
        ({"method": '[{kind = "dynamic_int8"}, {kind = "drop_layers"}]'}, "at the end"),
        ({"method": '[{kind = "drop_layers", drop = 1}, {kind = "distil", layers = 2}]'}, "distil, method 2 of the"),
        ({"method": '[{"kind": "distil"}, {"kind": "qbert", "groups": 4, "layer_bits": [2, 4]}]'}, "the model has 1"),
        ({"method": '{kind = "prune_heads_and_neurons", heads = 0.9}'}, "nothing would be left"),
        ({"method": '{kind = "dynabert", width = 0.25, widths = [0.25]}'}, "attention heads evenly"),
        ({"method": '{kind = "distil", student = "nowhere"}'}, "There is no folder nowhere"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence_before_anything_is_begun(
    mamebert, settings, words, changes, told, tmp_path
):
    given = {k: v for k, v in (settings if "method" in changes else words).items() if k != "method"}
    assert told in mamebert("compress", given, *(f"{k}={v}" for k, v in changes.items())).mistake
    assert not list(tmp_path.iterdir())


def test_a_chain_is_looked_at_before_the_model_is_there(tmp_path):
    """The stages of a recipe: an encoder of two layers, a teacher, a smaller one, and a smaller one of that."""
    from mamebert.preflight.ahead import Ahead
    from mamebert.preflight.looking import shape_of
    from mamebert.stages.finetune.settings import FinetuneConfig
    from mamebert.stages.pretrain.settings import PretrainConfig

    encoder = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    ahead, rows = Ahead(), {name: str(tmp_path / "rows.jsonl") for name in ("train", "test")}
    shards, training = str(tmp_path / "tokens"), {"steps": 1}
    for kind, name, given in (
        (PretrainConfig, "encoder", {"shards": shards, "encoder": encoder, "training": training}),
        (FinetuneConfig, "teacher", {"model": str(tmp_path / "encoder"), **rows}),
        (CompressConfig, "small", {"model": str(tmp_path / "teacher"), "method": DROP, **rows}),
    ):
        ahead.add(build(kind, {"output": str(tmp_path / name), **given}))
    assert shape_of(tmp_path / "small", ahead).num_hidden_layers == 1
    smaller = {"model": str(tmp_path / "small"), "output": str(tmp_path / "smaller"), "method": DROP, **rows}
    said = [str(each) for each in check(build(CompressConfig, smaller), ahead)]
    assert "The model has 1 layers and 1 are to go. Drop fewer." in said


def test_a_folder_from_elsewhere_needs_rows(mamebert, words, classifiers, tmp_path):
    import shutil

    shutil.copytree(classifiers / "models" / "W", tmp_path / "elsewhere", ignore=shutil.ignore_patterns("SHA256SUMS"))
    said = mamebert("compress", words, f"model={tmp_path / 'elsewhere'}").mistake
    assert "Give train and test" in said


def test_a_pretrained_encoder_needs_text(mamebert, words, encoders):
    assert "Give shards" in mamebert("compress", words, f"model={encoders('N')}").mistake


def test_a_loss_that_is_no_number_is_told_and_finished_seeds_stay(mamebert, words, unproved, monkeypatch, tmp_path):
    from mamebert.compression.goals import TaskGoal

    loss, first = TaskGoal.loss, partial(tmp_path / "small") / "seeds" / "1.json"

    def sick(self, network, batch):
        found = loss(self, network, batch)
        return found if not first.exists() else type(found)(found.total * torch.nan, found.parts)

    monkeypatch.setattr(TaskGoal, "loss", sick)
    said = mamebert("compress", words, "method.training.epochs=1").mistake
    assert "loss" in said
    assert [path.name for path in (partial(tmp_path / "small") / "seeds").glob("*.json")] == ["1.json"]


def test_what_was_compressed_can_be_compressed_again_with_the_same_rows(settings, tmp_path, unproved):
    once = run_with(settings, seeds=[1], method={**DROP, "recover": False})
    chopped = {"kind": "drop_layers", "strategy": "contribution", "threshold": 1.0, "recover": False}
    again = run_with(settings, model=str(once.folder), seeds=[1], method=chopped, output=str(tmp_path / "again"))
    assert again.results["rows"] == once.results["rows"]
    assert again.results["teacher"]["name"] == "small"


def test_fewer_rows_to_learn_from_leave_the_test_rows_as_they_were(settings, classifiers):
    """Parting fewer rows anew would test on rows that the teacher learnt from."""
    from mamebert.stages.compress.judging import read_parts
    from mamebert.tasks import Task

    task = Task.find("classification")(max_length=32)
    whole, fewer = (read_parts(build(CompressConfig, {**settings, "max_rows": most}), task) for most in (0, 10))
    assert len(fewer.train) == 10
    assert {each.row for each in fewer.train} < {each.row for each in whole.train}
    assert fewer.valid == whole.valid
    assert fewer.test == whole.test


def test_an_encoder_with_fewer_tokens_is_judged_and_can_learn_on(encoders, world, tmp_path, unproved):
    settings = {
        "model": str(encoders("N")),
        "shards": str(world / "tokens"),
        "method": [{"kind": "prune_vocabulary"}, {**DROP, "training": {"steps": 2, "batch_tokens": 256}}],
        "heldout_tokens": 500,
        "measure_seconds": 0,
        "output": str(tmp_path / "small"),
    }
    run = run_with(settings)
    assert run.results["models"][0]["parameters"] < run.results["teacher"]["parameters"]
    assert run.results["models"][0]["scores"]["heldout_mlm_loss"]["mean"] > 0


def test_whoever_is_taught_after_the_vocabulary_was_pruned_has_a_teacher_with_the_same_tokens(settings, unproved):
    training = {"steps": 2, "batch_tokens": 256, "precision": "float32"}
    pruned = {"kind": "prune_vocabulary", "keep_characters": False, "min_known": 0}
    chain = [pruned, {"kind": "distil", "layers": 1, "training": training}, {**pruned, "min_count": 40}]
    run = run_with(settings, method=chain, seeds=[1])
    first, _, second = run.results["models"][0]["seeds"][0]["notes"]
    assert first["tokens_after"] == second["tokens_before"] > second["tokens_after"]
    assert package.load(run.folder)("The old boat meets the rope.")[0]["label"] in run.results["labels"]
