"""A table of word vectors among the candidates of a fine-tuning."""

import json
import shutil

import pytest

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.evaluation.split import stratified_split
from mamebert.results.finetune import FinetuneResults
from mamebert.runs import Run
from mamebert.serving.load import load
from mamebert.stages.evaluate import evaluate
from mamebert.stages.evaluate.settings import EvaluateConfig
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig


@pytest.fixture(scope="module")
def settings(world):
    """A table alone, which takes a second."""
    return {
        "models": {"S": world / "vectors"},
        "source": str(world / "rows.jsonl"),
        "split": {"train": 0.4, "valid": 0.2},
        "task": {"max_length": 32},
        "seeds": [1, 2],
        "baselines": "word",
    }


@pytest.fixture(scope="module")
def tuned(settings, tmp_path_factory):
    output = tmp_path_factory.mktemp("tables") / "tuned"
    return finetune(build(FinetuneConfig, {**settings, "output": output, "random_weights": True})).folder


@pytest.fixture(scope="module")
def results(tuned):
    return FinetuneResults.read(Run.open(tuned).results)


def of(results, name):
    return next(model for model in results.models if model.name == name)


def test_a_table_stands_in_the_same_tables_as_encoders(results):
    assert [model.name for model in results.models] == ["S", "S-random"]
    assert {each.a for each in results.comparisons} >= {"S", "S-random", "TF-IDF + linear SVM"}
    assert of(results, "S").scores["accuracy"].mean > 0.9
    assert [seed.seed for seed in of(results, "S").seeds] == [1, 2]


def test_a_table_is_trained_and_compared_beside_an_encoder(settings, encoders, tmp_path, monkeypatch):
    proved = []
    monkeypatch.setattr("mamebert.stages.finetune.finetuning.verify", lambda folders, *_: proved.extend(folders) or {})
    changes = {"models": {"N": encoders("N"), **settings["models"]}, "training": {"steps": 2}, "seeds": [1]}
    found = finetune(build(FinetuneConfig, {**settings, **changes, "output": tmp_path / "both"})).results
    assert [model["name"] for model in found["models"]] == ["N", "S"]
    assert {"N", "S"} in [{each["a"], each["b"]} for each in found["comparisons"]]
    assert [folder.name for folder in proved] == ["N"]  # of tables plain transformers has no class
    models = {name: tmp_path / "both" / "models" / name for name in ("N", "S")}
    rows = {"models": models, "test": settings["source"], "output": tmp_path / "asked"}
    asked = evaluate(build(EvaluateConfig, rows))
    assert [model["name"] for model in asked.results["models"]] == ["N", "S"]


def test_what_validation_rows_chose_is_told(results, tuned):
    (chosen, _) = (seed.chosen for seed in of(results, "S").seeds)
    assert {"longest", "share", "C", "temperature", "mix", "sparse_C"} == chosen.keys()
    config = json.loads((tuned / "models" / "S" / "config.json").read_text(encoding="utf-8"))
    assert chosen.items() <= config["mamebert"]["learnt"]["chosen"].items()


def test_whole_texts_are_read_whatever_the_encoders_read(results):
    told = of(results, "S")
    assert told.truncated_share == 0
    assert told.lengths.max_length is None


def test_what_is_saved_is_what_was_tested(results, tuned, world):
    rows = [json.loads(line) for line in (world / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    split = stratified_split([row["label"] for row in rows], (0.4, 0.2, 0.4), seed=0)
    told, answer = of(results, "S"), load(tuned / "models" / "S")
    best = next(seed for seed in told.seeds if seed.seed == told.best_seed)
    for part, wanted in ((split.test, best.scores["accuracy"]), (split.valid, max(best.valid_by_epoch))):
        found = answer([rows[i] for i in part])
        assert sum(a["label"] == rows[i]["label"] for a, i in zip(found, part, strict=True)) / len(part) == wanted
        assert all(1 / 3 <= each["probability"] <= 1 for each in found)


def test_the_card_says_how_it_is_opened(tuned):
    card = (tuned / "models" / "S" / "README.md").read_text(encoding="utf-8")
    assert "mamebert.load" in card
    assert "from transformers import" not in card
    assert "Plain `transformers` has no class for it" in card
    assert "library_name: mamebert" in card


def test_the_same_command_gives_the_same_folder(settings, tuned, tmp_path):
    again = finetune(
        build(FinetuneConfig, {**settings, "models": {"S": settings["models"]["S"]}, "output": tmp_path / "again"})
    )
    for name in ("model.safetensors", "config.json"):
        assert (again.folder / "models" / "S" / name).read_bytes() == (tuned / "models" / "S" / name).read_bytes()


def test_labels_that_no_training_row_has_count_as_wrong(settings, world, tmp_path):
    (tmp_path / "test.jsonl").write_text('{"text": "The old bean", "label": "cellar"}\n' * 2, encoding="utf-8")
    rows = {"source": None, "train": str(world / "rows.jsonl"), "test": str(tmp_path / "test.jsonl")}
    models = {"models": {"S": settings["models"]["S"]}, "seeds": [1], "baselines": "none"}
    found = finetune(build(FinetuneConfig, {**settings, **rows, **models, "output": tmp_path / "out"})).results
    assert found["unseen"]["test"] == {"a label that no training row has": 2}
    assert found["models"][0]["scores"]["accuracy"]["mean"] == 0


@pytest.mark.parametrize(
    ("task", "told"),
    [("regression", "regression"), ('{kind="classification",second_columns=["label"]}', "classification of pairs")],
)
def test_other_tasks_are_refused_before_anything_is_read(settings, world, mamebert, tmp_path, task, told):
    said = mamebert(
        "finetune",
        {"model": str(world / "vectors"), "source": settings["source"], "output": str(tmp_path / "no")},
        f"task={task}",
    )
    assert f"the task is {told}. " in said.err  # and what else the rows lack for it
    assert said.code == 2
    assert not (tmp_path / "no").exists()


def test_a_table_can_be_taken_elsewhere_alone(settings, world, mamebert, tmp_path):
    shutil.copytree(world / "vectors", tmp_path / "alone")
    (tmp_path / "alone" / "run.json").unlink()
    asked = {"model": str(tmp_path / "alone"), "source": settings["source"], "output": str(tmp_path / "no")}
    assert mamebert("finetune", "--dry-run", asked).code == 0


def test_a_table_whose_tokenizer_is_gone_is_refused_in_a_sentence(settings, world, mamebert, tmp_path):
    shutil.copytree(world / "vectors", tmp_path / "alone")
    shutil.rmtree(tmp_path / "alone" / "tokenizer")  # as older runs have it
    record = json.loads((tmp_path / "alone" / "run.json").read_text(encoding="utf-8"))
    record["settings"]["shards"] = str(tmp_path / "gone")
    record.pop("sha256", None)
    (tmp_path / "alone" / "run.json").write_text(json.dumps(record), encoding="utf-8")
    asked = {"model": str(tmp_path / "alone"), "source": settings["source"], "output": str(tmp_path / "no")}
    assert str(tmp_path / "alone") in mamebert("finetune", asked).mistake
    shutil.copytree(world / "tokens" / "tokenizer", tmp_path / "alone" / "tokenizer")
    (tmp_path / "alone" / "run.json").unlink()
    assert mamebert("finetune", "--dry-run", asked).code == 0


def test_a_table_that_is_not_made_yet_is_known_from_its_stage(settings, world, mamebert, tmp_path):
    recipe = f"""output = "{tmp_path}/runs"
[vectors]
shards = "{world}/tokens"
[labels]
command = "finetune"
models.S = "@vectors"
source = "{settings["source"]}"
task = "classification"
"""
    (tmp_path / "recipe.toml").write_text(recipe, encoding="utf-8")
    assert mamebert("run", "--dry-run", tmp_path / "recipe.toml").code == 0
    (tmp_path / "recipe.toml").write_text(recipe.replace("classification", "tagging"), encoding="utf-8")
    said = mamebert("run", "--dry-run", tmp_path / "recipe.toml")
    assert said.code == 2
    assert "the task is tagging" in said.err


def test_fitted_again_it_has_learnt_from_the_validation_rows_and_is_scored_on_them_before(
    settings, results, tuned, tmp_path
):
    changes = {"refit": True, "seeds": [1], "output": tmp_path / "refit"}
    folder = finetune(build(FinetuneConfig, {**settings, **changes})).folder
    again, before = (of(each, "S").seeds[0] for each in (FinetuneResults.read(Run.open(folder).results), results))
    assert again.chosen == {**before.chosen, "refit": True}
    assert again.valid_by_epoch == before.valid_by_epoch
    bags = [load(each / "models" / "S").network for each in (folder, tuned)]
    assert bags[0].bias.tolist() != bags[1].bias.tolist()


def texts_without_labels(settings, place, number=None):
    with open(settings["source"], encoding="utf-8") as file:
        texts = [json.loads(line)["text"] for line in file]
    lines = [json.dumps({"text": text + " And so on."}, ensure_ascii=False) for text in texts[:number]]
    place.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


@pytest.mark.parametrize("refit", [False, True])
def test_texts_without_labels_are_learnt_from_by_the_labels_it_gives_them(refit, settings, results, tuned, tmp_path):
    given = texts_without_labels(settings, tmp_path / "texts.jsonl", 30)
    changes = {"unlabelled": given, "seeds": [1], "output": tmp_path / "self", "refit": refit}
    folder = finetune(build(FinetuneConfig, {**settings, **changes})).folder
    again, before = (of(each, "S").seeds[0] for each in (FinetuneResults.read(Run.open(folder).results), results))
    assert again.chosen == {**before.chosen, "unlabelled": 30, **({"refit": True} if refit else {})}
    network = load(folder / "models" / "S").network
    assert network.bias.tolist() != load(tuned / "models" / "S").network.bias.tolist()
    assert any(given.name in str(source) for source in Run.open(folder).sources)


def test_what_only_texts_without_labels_tell_is_known_then(world, tmp_path):
    """Of each label one word is known, and stands beside another only where no label is; that one is asked about."""
    words = [t for t in (world / "vectors" / "vocab.txt").read_text().split("\n") if t.isalpha() and len(t) > 2][:4]
    (one, other), (linked, bound) = words[:2], words[2:]

    def write(name, rows):
        lines = [json.dumps({"text": text, **({"label": label} if label else {})}) for text, label in rows]
        (tmp_path / name).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return tmp_path / name

    settings = {
        "models": {"S": world / "vectors"},
        "random_weights": True,
        "train": write("train.jsonl", [(one, "a"), (other, "b")] * 10),
        "valid": write("valid.jsonl", [(one, "a"), (other, "b")] * 5),
        "test": write("test.jsonl", [(linked, "a"), (bound, "b")] * 5),
        "seeds": [1],
        "baselines": "none",
    }
    unlabelled = write("texts.jsonl", [(f"{one} {linked}", ""), (f"{other} {bound}", "")] * 20)
    found = finetune(build(FinetuneConfig, {**settings, "unlabelled": unlabelled, "output": tmp_path / "self"}))
    assert of(FinetuneResults.read(found.results), "S").scores["accuracy"].mean == 1.0


def test_test_texts_among_those_without_labels_are_told(settings, tmp_path, capsys):
    changes = {"unlabelled": settings["source"], "seeds": [1], "output": tmp_path / "seen"}
    found = finetune(build(FinetuneConfig, {**settings, **changes})).results
    assert of(FinetuneResults.read(found), "S").seen_test_text
    assert "test texts are among the unlabelled ones" in capsys.readouterr().err


def test_encoders_and_files_without_texts_are_refused(settings, encoders, tmp_path):
    (tmp_path / "none.jsonl").write_text('{"words": "a"}\n', encoding="utf-8")
    for changes, sentence in (
        ({"models": {"N": encoders("N")}, "unlabelled": settings["source"]}, "'N' is an encoder"),
        ({"unlabelled": tmp_path / "none.jsonl"}, "no column called 'text'"),
    ):
        with pytest.raises(UserError, match=sentence):
            finetune(build(FinetuneConfig, {**settings, **changes, "output": tmp_path / "out"}))
