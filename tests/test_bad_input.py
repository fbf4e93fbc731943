"""What a person gets wrong: exit code 2, one line with the fact and the way out, nothing lost that was written."""

import json
import shutil
import subprocess
import sys

import pytest

from mamebert.files.disk import partial

PRETRAIN = {
    "encoder.hidden_size": 32,
    "encoder.num_hidden_layers": 1,
    "objective.max_length": 32,
    "training.steps": 2,
    "training.batch_tokens": 256,
    "training.precision": "float32",
}


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


@pytest.fixture
def stage(mamebert, out):
    """Return a function that runs a stage with wrong settings and gives the sentence, the run not being finished."""

    def run(command, **settings):
        told = mamebert(command, {"output": str(out), **settings})
        assert not out.exists()
        return told.mistake

    return run


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return str(path)


# The corpus


def test_a_missing_corpus(stage, tmp_path):
    told = stage("clean", sources=f"{tmp_path}/nothing.txt")
    assert f"no file or folder {tmp_path}/nothing.txt" in told
    assert "Check the path" in told


def test_a_pattern_that_matches_nothing(stage, tmp_path):
    assert "Check the pattern" in stage("clean", sources=f"{tmp_path}/*.txt")


@pytest.mark.parametrize("text", ["", "\n\n \n"])
def test_an_empty_corpus(stage, tmp_path, text):
    told = stage("clean", sources=write(tmp_path / "empty.txt", text))
    assert "no document" in told.lower() or "empty" in told.lower() or "no text" in told.lower(), told


def test_undecodable_bytes_are_named_by_file_and_offset(stage, mamebert, tmp_path, out):
    (tmp_path / "bad.txt").write_bytes("Tá an fharraige gorm.\n".encode() + b"\xff\xfe broken\n")
    told = stage("clean", sources=str(tmp_path / "bad.txt"))
    assert "bad.txt is not utf-8" in told
    assert "bytes ff fe 20 62 at offset 23" in told
    assert 'errors = "replace"' in told
    words = ["clean", f"output={out}-2", f'sources=[{{kind="files", path="{tmp_path}/bad.txt", errors="replace"}}]']
    assert mamebert(*words).code == 0  # the way out is one


# Settings


@pytest.mark.parametrize(
    ("command", "settings", "near"),
    [
        ("pretrain", {"trainin.steps": 3}, "'training'"),
        ("pretrain", {"training.step": 3}, "'training.steps'"),
        ("pretrain", {"objective.max_lengt": 3}, "'objective.max_length'"),
        ("pretrain", {"objective.kind": "masked_lm_nps"}, "'masked_lm_nsp'"),
        ("pretrain", {"embeddings.frozn": True}, "'embeddings.frozen'"),
        ("vocab", {"vocabulary.kind": "wordpeice"}, "'wordpiece'"),
        ("finetune", {"source.kind": "livedor"}, "'livedoor'"),
        ("finetune", {"task": "clasification"}, "'classification'"),
        ("clean", {"sources": '[{kind = "files", pth = "x"}]'}, "'sources.0.path'"),
    ],
)
def test_an_unknown_setting_or_kind_and_the_nearest(stage, command, settings, near):
    assert f"Did you mean {near}?" in stage(command, **settings)


def test_an_unknown_command_and_the_nearest(mamebert):
    code, _, err = mamebert("pretrian", "output=x")
    assert code == 2
    assert "pretrain" in err
    assert "Traceback" not in err


def test_a_settings_file_that_is_missing_or_broken(mamebert, tmp_path):
    assert "There is no settings file" in mamebert("clean", tmp_path / "no.toml").mistake
    assert "cannot be read as settings" in mamebert("clean", write(tmp_path / "b.toml", "a = [")).mistake
    assert "has no stages" in mamebert("run", write(tmp_path / "e.toml", 'output = "x"')).mistake


def test_heads_that_do_not_share_the_width(stage, world):
    settings = {**PRETRAIN, "encoder.hidden_size": 100, "encoder.num_attention_heads": 3}
    told = stage("pretrain", shards=str(world / "tokens"), **settings)
    assert "hidden_size 100 cannot be split between 3 heads" in told
    assert "such as 102" in told


@pytest.mark.parametrize("width", ["256.0", '"64"'])
def test_a_width_in_another_spelling_is_no_accident(mamebert, world, width, out):
    words = [f"output={out}", f"shards={world / 'tokens'}", "training.steps=1", f"encoder.hidden_size={width}"]
    code, told, err = mamebert("pretrain", *words, "training.batch_tokens=64", "--dry-run")
    assert (code, json.loads(told)["settings"]["encoder"]["num_attention_heads"]) == (
        0,
        int(float(eval(width))) // 64,
    ), err


def test_sequences_longer_than_the_encoder_reads(stage, world):
    settings = {**PRETRAIN, "objective.max_length": 200}
    assert "Lower the first or raise the second" in stage("pretrain", shards=str(world / "tokens"), **settings)


@pytest.mark.parametrize("settings", [{"training.steps": 0}, {"training.steps": 1, "training.epochs": 1}])
def test_a_length_of_training_said_never_or_twice(stage, world, settings):
    assert "Give exactly one of them" in stage("pretrain", shards=str(world / "tokens"), **{**PRETRAIN, **settings})


@pytest.mark.parametrize("setting", ["special_trainable", "unfreeze_after_epochs"])
def test_thawing_what_is_not_frozen(stage, world, setting):
    for more in ({}, {"embeddings.vectors": str(world / "vectors"), "embeddings.frozen": False}):
        told = stage("pretrain", shards=str(world / "tokens"), **PRETRAIN, **{f"embeddings.{setting}": 1}, **more)
        assert "Give embeddings.vectors" in told


# Earlier stages


def test_a_vocabulary_larger_than_the_corpus_supports(stage, world):
    told = stage("vocab", corpus=str(world / "clean"), **{"vocabulary.size": 50_000, "processes": 1})
    assert "not 50,000. Set vocabulary.size=" in told


def test_an_earlier_stage_that_is_missing_unfinished_or_another(stage, world, tmp_path):
    assert "run the stage that makes it" in stage("pretrain", shards=f"{tmp_path}/no", **PRETRAIN)
    (tmp_path / "begun.partial").mkdir()
    assert "not finished: run it again" in stage("pretrain", shards=f"{tmp_path}/begun", **PRETRAIN)
    assert "holds no token shards" in stage("pretrain", shards=str(world / "clean"), **PRETRAIN)


def test_vectors_of_another_width(stage, world):
    settings = {**PRETRAIN, "encoder.hidden_size": 64, "embeddings.vectors": str(world / "vectors")}
    told = stage("pretrain", shards=str(world / "tokens"), **settings)
    assert "32 wide and the encoder's hidden_size is 64" in told
    assert "cbow.vector_size=64" in told


def test_vectors_of_another_vocabulary(stage, mamebert, world, tmp_path):
    for size in (60, 79):
        steps = (
            ("vocab", {"corpus": str(world / "clean"), "vocabulary.size": size, "vocabulary.min_frequency": 1}),
            ("tokenize", {"corpus": str(world / "clean"), "tokenizer": f"{tmp_path}/vocab-{size}"}),
        )
        for command, settings in steps:
            words = {"output": f"{tmp_path}/{command}-{size}", "processes": 1, **settings}
            assert mamebert(command, words).code == 0
        settings = {**PRETRAIN, "embeddings.vectors": str(world / "vectors")}
        told = stage("pretrain", shards=f"{tmp_path}/tokenize-{size}", **settings)
        assert f"80 tokens and the encoder's has {size}. Make both from the same token shards." in told


def test_vectors_of_another_vocabulary_of_the_same_size(stage, world, tmp_path):
    other = shutil.copytree(world / "vectors", tmp_path / "vectors", ignore=shutil.ignore_patterns("SHA256SUMS"))
    lines = (other / "vocab.txt").read_text(encoding="utf-8").splitlines()
    lines[10], lines[11] = lines[11], lines[10]
    write(other / "vocab.txt", "\n".join(lines) + "\n")
    told = stage("pretrain", shards=str(world / "tokens"), **PRETRAIN, **{"embeddings.vectors": str(other)})
    assert "another vocabulary" in told


def test_the_way_out_is_one(mamebert, stage, world, out):
    """A mistake that was found after the run had begun does not stand in the way of the mended command."""
    settings = {"corpus": str(world / "clean"), "vocabulary.min_frequency": 1, "processes": 1}
    told = stage("vocab", **settings, **{"vocabulary.size": 50_000})
    size = told.partition("vocabulary.size=")[2].split()[0]
    code, _, err = mamebert("vocab", {"output": str(out), **settings, "vocabulary.size": int(size)})
    assert code == 0, err


# Labelled rows


@pytest.fixture
def tune(stage, encoders, tmp_path):
    def run(rows, **settings):
        source = write(tmp_path / "rows.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
        return stage("finetune", model=str(encoders("N")), source=source, **{"task.max_length": 32, **settings})

    return run


def labelled(**counts):
    return [{"text": f"{label} bean {i}", "label": label} for label, n in counts.items() for i in range(n)]


def test_a_column_that_is_not_there(tune):
    rows = labelled(a=20, b=20)
    assert "no column called 'lable'. Did you mean 'label'?" in tune(rows, **{"task.label_column": "lable"})
    assert "no column called 'title'. Choose from: label, text." in tune(rows, **{"task.text_columns": '["title"]'})


def test_one_class_only(tune):
    assert "needs two classes, and all rows are 'a'. Give rows of at least one more class." in tune(labelled(a=30))


def test_a_class_that_is_missing_from_the_training_part(tune):
    told = tune(labelled(a=40, b=40, rare=1), split={"train": 0.1, "valid": 0.1})
    assert "No training row belongs to the class 'rare'" in told
    assert "Give more rows of it" in told


def test_no_rows_at_all(tune):
    assert "no labelled rows" in tune([{"text": "", "label": "a"}])


def test_texts_longer_than_the_encoder_reads(tune):
    assert "Lower it to 64" in tune(labelled(a=20, b=20), **{"task.max_length": 128})


# Folders


@pytest.mark.parametrize("unfinished", [False, True])
def test_a_run_folder_made_with_other_settings(mamebert, world, tmp_path, unfinished, monkeypatch, unproved):
    words = {"output": str(tmp_path / "run"), "shards": str(world / "tokens"), **PRETRAIN}
    if unfinished:
        with monkeypatch.context() as patch:
            patch.setattr(
                "mamebert.stages.pretrain.pretraining.Pretraining.save", lambda self: 1 / 0
            )  # as good as a kill
            with pytest.raises(ZeroDivisionError):
                mamebert("pretrain", words)
    else:
        assert mamebert("pretrain", words).code == 0
    (folder,) = tmp_path.iterdir()
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    told = mamebert("pretrain", words, "training.peak_lr=0.5").mistake
    assert "made with other settings (training.peak_lr was 0.002, now 0.5)" in told
    assert "Choose another output, or delete that folder." in told
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_a_folder_that_is_somebody_elses(mamebert, world, tmp_path):
    (tmp_path / "thesis").mkdir()
    write(tmp_path / "thesis" / "chapter.txt", "years of work")
    told = mamebert("vocab", f"output={tmp_path / 'thesis'}", f"corpus={world / 'clean'}").mistake
    assert "is no run folder. Choose another output" in told
    assert [p.name for p in tmp_path.rglob("*")] == ["thesis", "chapter.txt"]


def test_an_output_within_a_run(mamebert, world, tmp_path):
    shutil.copytree(world / "clean", tmp_path / "first")
    told = mamebert("vocab", f"output={tmp_path / 'first' / 'vocab'}", f"corpus={world / 'clean'}").mistake
    assert f"would lie in {tmp_path / 'first'}, a run of clean" in told
    assert f"such as {tmp_path / 'vocab'}." in told
    write(tmp_path / "run.json", "{")  # of something else
    assert mamebert("vocab", f"output={tmp_path / 'vocab'}", f"corpus={world / 'clean'}", "--dry-run").code == 0


def test_a_variable_that_no_shell_has_replaced(mamebert, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    told = mamebert("vocab", "output=out", "corpus=$HOME/runs/clean").mistake
    assert "corpus: $HOME/runs/clean begins with the name of a variable. Write ${HOME} to have its value." in told
    assert "Write ${HOME}" in mamebert("clean", "output=$HOME/out", "sources=text.txt").mistake
    (tmp_path / "$HOME").mkdir()
    assert "begins with" not in mamebert("vocab", "output=out", "corpus=$HOME/runs/clean").mistake


# Disks


def test_no_space_for_shards_is_told_before_starting(stage, world, monkeypatch, out):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 10))
    told = stage("tokenize", corpus=str(world / "clean"), tokenizer=str(world / "vocab"), processes=1)
    assert "Token shards need about" in told
    assert "Free some space or choose another output." in told
    assert not list(partial(out).rglob("*.arrow"))


def test_no_space_for_snapshots_is_told_before_starting(stage, world, monkeypatch, out):
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10, 10, 10))
    assert "Snapshots and models need about" in stage("pretrain", shards=str(world / "tokens"), **PRETRAIN)


# As a person meets it


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["clean", "sources=nowhere/*.txt"], "mamebert: No file matches nowhere/*.txt. Check the pattern"),
        (["pretrain", "encoder.hiden_size=3"], "Did you mean 'encoder.hidden_size'?"),
    ],
)
def test_in_a_process_of_its_own(tmp_path, words, sentence):
    command = [sys.executable, "-m", "mamebert", *words, f"output={tmp_path / 'out'}"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("mamebert: ")
    assert sentence in done.stderr
    assert not list(tmp_path.iterdir())
