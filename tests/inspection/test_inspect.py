import json

from mamebert.inspection import inspect
from mamebert.inspection.settings import InspectConfig


def test_inspect_tells_all_of_the_rows_that_a_fine_tuning_would_use(mamebert, finetuning, world, tmp_path):
    lines = (world / "rows.jsonl").read_text().splitlines()
    long = json.dumps({"text": "The old boat meets the rope. " * 20, "label": "harbour"})
    rows = [*lines, lines[0], json.dumps({"text": " ", "label": "garden"}), long]
    (tmp_path / "train.jsonl").write_text("\n".join(rows) + "\n")
    (tmp_path / "test.jsonl").write_text("\n".join(lines[:10]) + "\n")
    given = {n: v for n, v in finetuning.items() if n != "source"}
    given |= {"models": {n: str(p) for n, p in finetuning["models"].items()}, "split": {"valid": 0.2}}
    toml = [f"{n}={json.dumps(v)}" for n, v in given.items() if isinstance(v, int | float | str)]
    toml += [f"models.N={given['models']['N']}", "task.max_length=32", "split.valid=0.2", "training.epochs=2"]
    code, out, err = mamebert("inspect", *toml, f"train={tmp_path / 'train.jsonl'}", f"test={tmp_path / 'test.jsonl'}")
    assert code == 0, err
    seen = " ".join(out.split())
    assert "Rows of train that cannot be used They have Rows no text 1" in seen
    assert "Part Rows Share train" in seen
    assert "Right answers train valid test garden" in seen or "Right answers train valid test" in seen
    assert "test, also in train" in seen
    assert "Lengths in tokens" in seen
    assert "(task.max_length 32) Part Rows Share Pieces not read" in seen
    assert "The first rows of train, as the model will see them row 0" in seen
    assert "row 0 sequence 1 of 3: [CLS] The" in seen
    assert "[SEP]" in seen
    assert "target: [" in seen
    assert "hardly knows the order of words" in seen


def test_inspect_needs_no_model_and_no_test(mamebert, world):
    code, out, err = mamebert("inspect", f"train={world / 'rows.jsonl'}")
    assert code == 0, err
    assert "No model is given" in out
    assert "Lengths in characters" in out
    assert "asked: ('The" in out
    assert "right answer: " in out
    code, out, err = mamebert("inspect", f"source={world / 'rows.jsonl'}", "model=runs/not/yet")
    assert code == 0, err
    assert "There is nothing in runs/not/yet yet" in out
    assert "no labelled rows" in mamebert("inspect").mistake
    assert (
        "no column called 'txt'"
        in mamebert("inspect", f"source={world / 'rows.jsonl'}", 'task.text_columns=["txt"]').mistake
    )


def test_inspect_says_what_training_would_refuse(mamebert, tmp_path):
    (tmp_path / "rows.csv").write_text("text,label\na,x\nb,x\nb,y\n")
    _, out, _ = mamebert("inspect", f"train={tmp_path / 'rows.csv'}")
    assert "1 33.3 % 1" in " ".join(out.replace("\u00a0", " ").split())  # a duplicate, with another answer
    (tmp_path / "rows.csv").write_text("text,label\na,x\nb,x\n")
    _, out, _ = mamebert("inspect", f"train={tmp_path / 'rows.csv'}")
    assert "Training would refuse these rows" in out


def test_settings_of_a_fine_tuning_serve_too_and_a_mistake_in_them_is_one(mamebert, world, tmp_path):
    (tmp_path / "rows.toml").write_text('baselines = "word"\noutput = "out"\nseeds = [1]\ntraining = { epochs = 2 }\n')
    given = ("inspect", tmp_path / "rows.toml", f"source={world / 'rows.jsonl'}")
    said = mamebert(*given)
    assert said.code == 0, said.err
    assert "Settings of other commands, which play no part here: baselines, output, seeds, training." in said.err
    assert not list(tmp_path.glob("out*"))
    for wrong, sentence in (
        ("training.epoch=2", "There is no setting called 'training.epoch'. Did you mean 'training.epochs'?"),
        ("batch_tokens=0", "`mamebert evaluate --settings batch_tokens` tells"),
        ("batch_token=1", "There is no setting called 'batch_token'"),
        ("trian=rows.csv", "Did you mean 'train'?"),
    ):
        assert sentence in mamebert(*given, wrong).mistake


def test_its_old_name_still_works_and_tells_the_new_one(mamebert, world):
    rows = f"source={world / 'rows.jsonl'}"
    old, new = mamebert("evaluate", "--check-data", rows), mamebert("inspect", rows)
    assert (old.code, old.out) == (new.code, new.out) == (0, new.out)
    assert old.err == "`mamebert evaluate --check-data` is called `mamebert inspect` now.\n" + new.err
    assert "--check-data" not in mamebert("evaluate", "--help").out


def test_its_settings_are_its_own(mamebert):
    _, out, _ = mamebert("inspect", "--settings", "all")
    assert "source.kind" in out
    assert not {"output", "seed", "part", "training.epochs"} & {line.split()[0] for line in out.splitlines() if line}


def test_it_is_a_function_too(world, capsys):
    inspect(InspectConfig(source=str(world / "rows.jsonl"), max_rows=20))
    assert "train 16 80.0 %" in " ".join(capsys.readouterr().out.replace("\u00a0", " ").split())
