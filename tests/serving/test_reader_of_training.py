import json

import pytest

from mamebert.compression.opening import open_main
from mamebert.config import build
from mamebert.corpus.kept_reader.settings import Kept
from mamebert.errors import UserError
from mamebert.inspection import inspect
from mamebert.inspection.settings import InspectConfig
from mamebert.preflight.ahead import check_and_compare
from mamebert.runs import Run
from mamebert.serving.load import load
from mamebert.stages.evaluate import check, evaluate
from mamebert.stages.evaluate.settings import EvaluateConfig
from mamebert.stages.finetune.settings import FinetuneConfig

ROWS = [{"text": f"Nobody wrote sentence {n} before.", "label": "sea"} for n in range(4)]


@pytest.fixture(scope="module")
def folder(classifiers):
    return classifiers / "models" / "N"


@pytest.fixture
def new(tmp_path):
    """A file of rows as they were in training, under a name that does not say so."""
    (tmp_path / "new.dat").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return tmp_path / "new.dat"


def test_a_model_keeps_how_its_training_rows_were_read(folder):
    told = json.loads((folder / "config.json").read_text())["mamebert"]["reader"]
    assert told == {"settings": {"kind": "files", "format": "jsonl"}, "endings": [".jsonl"]}


def test_a_file_of_an_unknown_ending_is_read_as_in_training_and_told(folder, new, capsys):
    assert list(load(folder).rows(new)) == ROWS
    assert f"{new} is read as the training rows of the model were (format=jsonl)." in capsys.readouterr().err


def test_rows_without_what_the_model_reads_are_refused_before_any_is_answered(folder, tmp_path):
    model = load(folder)
    (tmp_path / "a.csv").write_text("sentence,label\nThe boat.,sea\n")
    with pytest.raises(
        UserError, match=r"has the columns 'sentence', 'label', and the model reads text\. Name"
    ) as told:
        next(model.rows(tmp_path / "a.csv"))
    assert "--reader columns.text=NAME" in str(told.value)
    (row,) = model.rows(tmp_path / "a.csv", columns={"text": "sentence"})
    assert row["text"] == "The boat."


def test_a_model_that_was_trained_on_a_table_in_txt_answers_no_line_of_names(folder, tmp_path):
    model = load(folder)
    model.kept = Kept({"kind": "files", "format": "csv"}, (".txt",))
    (tmp_path / "a.txt").write_text("text,label\nThe boat.,sea\n")
    assert list(model.rows(tmp_path / "a.txt")) == [{"text": "The boat.", "label": "sea"}]
    (tmp_path / "b.txt").write_text("The boat\nThe rope\n")
    with pytest.raises(UserError, match="has the columns 'The boat', and the model reads text"):
        next(model.rows(tmp_path / "b.txt"))
    assert list(model.rows(tmp_path / "b.txt", header=["text"])) == [{"text": "The boat"}, {"text": "The rope"}]


def test_what_is_made_of_a_model_keeps_it_too(folder, tmp_path):
    subject = open_main(folder).subject
    subject.goal.save(subject.network, folder, tmp_path / "smaller")
    assert (
        load(tmp_path / "smaller").kept == load(folder).kept == Kept({"kind": "files", "format": "jsonl"}, (".jsonl",))
    )


def test_a_damaged_reader_is_a_sentence(folder, tmp_path):
    subject = open_main(folder).subject
    subject.goal.save(subject.network, folder, tmp_path / "m")
    (tmp_path / "m" / "SHA256SUMS").unlink()
    config = json.loads((tmp_path / "m" / "config.json").read_text())
    config["mamebert"]["reader"]["settings"]["separator"] = "too long"
    (tmp_path / "m" / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=r"has an invalid config\.json: .*separator cannot be"):
        load(tmp_path / "m")


def test_an_evaluation_reads_so_too_and_its_settings_stay_what_was_said(folder, new, tmp_path, capsys):
    config = build(EvaluateConfig, {"models": {"N": str(folder)}, "test": str(new), "output": str(tmp_path / "scores")})
    check_and_compare(config, check)
    run = evaluate(config)
    assert run.results["rows"] == {"test": 4}
    assert Run.open(run.folder).settings["test"] == config.test.model_dump(mode="json")
    assert f"{new} is read as the training rows of the model were (format=jsonl)." in capsys.readouterr().err
    inspect(InspectConfig(models={"N": str(folder)}, test=str(new)))
    assert "The first rows of test" in capsys.readouterr().out


def test_before_a_model_is_made_it_is_known_how_its_rows_will_be_read(new, world, encoders, tmp_path):
    from mamebert.preflight.ahead import Ahead

    tuned = build(
        FinetuneConfig, {"models": {"N": str(encoders("N"))}, "source": str(world / "rows.jsonl"), "output": "tuned"}
    )
    ahead = Ahead()
    ahead.add(tuned)
    settings = {"models": {"N": "tuned/models/N"}, "output": str(tmp_path / "scores")}
    assert list(check(build(EvaluateConfig, {**settings, "test": str(new)}), ahead)) == []
    given = {"path": str(new), "format": "csv"}
    assert list(check(build(EvaluateConfig, {**settings, "test": given}), ahead)) != []
