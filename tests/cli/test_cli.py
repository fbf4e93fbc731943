import json
import os
import subprocess
import sys
from importlib import metadata

import pytest

from mamebert import stages
from mamebert.cli import GROUPS, ORDER, app

RECIPE = """
output = "{out}"
[clean]
sources = "{text}"
processes = 1
[vocab]
corpus = "@clean"
vocabulary = {{ size = 80, min_frequency = 1 }}
processes = 1
[tokenize]
corpus = "@clean"
tokenizer = "@vocab"
heldout_rate = 0.1
processes = 1
[vectors]
shards = "@tokenize"
cbow = {{ vector_size = 32, epochs = 1, processes = 1 }}
[encoder_n]
command = "pretrain"
shards = "@tokenize"
encoder = {{ hidden_size = 32, num_hidden_layers = 1, max_position_embeddings = 32 }}
objective = {{ kind = "masked_lm_nsp", max_length = 32 }}
training = {{ steps = 4, batch_tokens = 256, precision = "float32" }}
probe_texts = ["The [MASK] holds the boat ."]
[encoder_w]
like = "encoder_n"
embeddings.vectors = "@vectors"
[rows]
command = "finetune"
models = {{ N = "@encoder_n", W = "@encoder_w" }}
source = "{rows}"
task.max_length = 32
training = {{ epochs = 2, batch_tokens = 512, precision = "float32" }}
seeds = [1]
baselines = "word"
vectors = "@vectors"
[report]
runs = ["@clean", "@vocab", "@tokenize", "@vectors", "@encoder_n", "@encoder_w", "@rows"]
"""


@pytest.fixture
def recipe(world, tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(out=tmp_path / "out", text=world / "text.txt", rows=world / "rows.jsonl"))
    return path


@pytest.fixture
def words(world, encoders, classifiers):
    """What each stage needs on the command line."""
    return {
        "clean": [f"sources={world / 'text.txt'}"],
        "select": [f"corpus={world / 'clean'}", f"source={world / 'rows.jsonl'}"],
        "vocab": [f"corpus={world / 'clean'}"],
        "tokenize": [f"corpus={world / 'clean'}", f"tokenizer={world / 'vocab'}"],
        "vectors": [f"shards={world / 'tokens'}"],
        "contrast": [f"shards={world / 'tokens'}", "tokens=2000"],
        "pretrain": [
            f"shards={world / 'tokens'}",
            "training.steps=5",
            "training.batch_tokens=256",
            "encoder.hidden_size=16",
            "encoder.num_hidden_layers=1",
        ],
        "finetune": [f"model={encoders('N')}", f"source={world / 'rows.jsonl'}", "task.max_length=32"],
        "report": [f'runs=["{world / "clean"}"]'],
        "evaluate": [f"model={classifiers / 'models' / 'N'}", f"source={world / 'rows.jsonl'}"],
        "probe": [f"model={encoders('N')}", f"probe.pairs={world / 'pairs.jsonl'}", "probe.kind=minimal_pairs"],
        "compress": [f"model={classifiers / 'models' / 'N'}", "method.kind=drop_layers", "method.drop=1"],
    }


def test_version_is_told(mamebert):
    assert mamebert("--version").out == f"mamebert {metadata.version('mamebert')}\n"


def test_help_leaves_torch_alone():
    code = (
        "import sys; sys.argv = ['mamebert', '--help']\n"
        "from mamebert.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'torch', 'transformers', 'gensim', 'sklearn', 'datasets', 'pyarrow', 'fugashi'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for command in (*stages.names(), "run", "fill-mask", "predict"):
        assert f" {command} " in done.stdout
    order = [
        "clean",
        "select",
        "vocab",
        "tokenize",
        "vectors",
        "contrast",
        "pretrain",
        "inspect",
        "finetune",
        "compress",
        "evaluate",
        "probe",
        "report",
        "predict",
        "run",
    ]
    places = [done.stdout.index(f" {command} ") for command in order]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["evalute", "a=1"], "There is no command called 'evalute'. Did you mean 'evaluate'?"),
        (["clean", "--dryrun"], "There is no option called '--dryrun'. Did you mean '--dry-run'?"),
        (["--hlep"], "There is no option called '--hlep'. Did you mean '--help'?"),
        (["predict"], "MODEL is missing. `mamebert predict --help` tells what it takes."),
        (["fill-mask", "m", "a", "--top", "0"], "`mamebert fill-mask --help` tells what it takes."),
        (["doctor", "now"], "Got unexpected extra argument(s) (now). `mamebert doctor --help` tells"),
    ],
)
def test_a_mistake_in_the_words_is_a_sentence_too(mamebert, words, sentence):
    assert sentence in mamebert(*words).mistake


def test_every_command_has_its_place_in_the_help(mamebert):
    out = mamebert("--help").out
    assert [each.name for each in app.registered_commands] == ORDER
    assert all(f"─ {group} ─" in out for group in GROUPS)


@pytest.mark.parametrize("command", stages.names())
def test_every_stage_lists_its_settings(mamebert, command):
    code, out, _ = mamebert(command, "--settings")
    assert code == 0
    assert "output (required)\n    The run folder to make." in out
    assert "seed = 0  >= 0" in out


def test_the_settings_shown_are_those_that_hold(mamebert):
    _, out, _ = mamebert("finetune", "--settings", "all")
    assert "training.peak_lr = null  > 0" in out
    assert "one of: char, word, none" in out
    assert mamebert("finetune", "--settings", "training").out in out
    assert "task.tags_column" in mamebert("finetune", "--settings", "task.tagging").out
    brief = mamebert("finetune", "--settings").out
    assert len(brief.splitlines()) < 100
    assert "training.*  2" in brief
    assert "--settings training" in brief
    _, out, _ = mamebert("pretrain", "--settings", "all")
    assert "training.peak_lr = 0.001  > 0" in out
    assert "objective.kind = 'masked_lm_nsp'  one of: all_token_lm, " in out


@pytest.mark.parametrize("asked", ["probe", "probe.gender"])
def test_a_choice_within_what_is_asked_for_is_one_line_that_says_how_to_ask_on(mamebert, asked):
    out = mamebert("probe", "--settings", asked).out
    assert out.count("settings: --settings probe.crows_pairs\n") == 1
    assert "probe.crows_pairs.path" not in out
    assert "probe.crows_pairs.path (required)" in mamebert("probe", "--settings", "probe.crows_pairs").out
    assert "probe.crows_pairs.path (required)" in mamebert("probe", "--settings", "all").out


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ("training.peak_lr", ["training.peak_lr"]),
        ("training.peak", ["training.peak_lr"]),
        ("task.kind", ["task.kind"]),
        ("task.tagging.max_length", ["task.max_length"]),
        ("task.max_len", ["task.max_length", "task.max_length"]),  # of the kinds that differ in it
        ("split.", ["split.train", "split.valid", "split.seed"]),
        ("max_", ["max_rows", "max_test_rows"]),
    ],
)
def test_settings_are_asked_for_by_how_their_names_begin(mamebert, asked, names):
    code, out, err = mamebert("finetune", "--settings", asked)
    assert code == 0, err
    settings = [line.split()[0] for line in out.splitlines() if " = " in line and not line.startswith("with ")]
    assert settings == names
    assert "training.peak_lr = null" in out or "peak" not in asked


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ("trianing", "There is no setting called 'trianing'. Did you mean 'training'?"),
        ("training.peek", "There is no setting called 'training.peek'. Did you mean 'training.peak_lr'?"),
        ("training.peak_lr.x", "training.peak_lr is a single setting, with none in it."),
        ("task.taging", "There is no setting or kind called 'task.taging'. Did you mean 'task.tagging'?"),
        ("task.tagging.maxlength", "Did you mean 'task.max_length'?"),
    ],
)
def test_settings_that_are_not_there_are_a_sentence(mamebert, asked, sentence):
    assert sentence in mamebert("finetune", "--settings", asked).mistake


@pytest.mark.parametrize("command", stages.names())
def test_a_dry_run_of_every_stage_tells_its_settings_and_writes_nothing(mamebert, command, words, tmp_path):
    code, out, err = mamebert(command, f"output={tmp_path / 'out'}", "seed=4", *words[command], "--dry-run")
    assert code == 0, err
    told = json.loads(out)
    assert told["settings"]["seed"] == 4
    assert told["settings"]["output"] == str(tmp_path / "out")
    assert ("estimate" in told) == (command == "pretrain")
    assert not list(tmp_path.iterdir())


def test_a_recipe_is_done_once_from_text_to_report(mamebert, recipe, tmp_path, unproved):
    code, out, err = mamebert("run", recipe)
    assert code == 0, err
    page = tmp_path / "out" / "report" / "report.html"
    assert out.strip() == str(page)
    assert "W" in page.read_text(encoding="utf-8")
    assert [line[:5] for line in err.splitlines() if line.startswith("[")] == [
        f"[{n}/8]" for n in range(1, 9) for _ in "ab"
    ]
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")}

    code, out, err = mamebert("run", recipe)
    assert (code, out.strip()) == (0, str(page))
    assert err.count("was there already") == 8
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out").rglob("*")} == before


def test_a_dry_run_of_a_recipe_tells_each_stage_in_a_line(mamebert, recipe, tmp_path):
    code, out, _ = mamebert("run", recipe, "--dry-run")
    assert code == 0
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines] == [
        [f"[{n}/8]", name]
        for n, name in enumerate(
            ["clean", "vocab", "tokenize", "vectors", "encoder_n", "encoder_w", "rows", "report"], start=1
        )
    ]
    assert all("will run" in line for line in lines)
    assert "M parameters" in lines[4]
    assert not (tmp_path / "out").exists()


def test_a_dry_run_tells_the_size_of_an_encoder_that_is_stacked_on_one_that_will_be_made(mamebert, recipe, tmp_path):
    text = recipe.read_text()
    before = text[: text.index("[rows]")]
    grown = """
[grown]
command = "pretrain"
shards = "@tokenize"
start = "@encoder_n"
start_layers = [0, 1, 0, 1, 1]
objective = { kind = "masked_lm", max_length = 32 }
training = { steps = 2, batch_tokens = 512 }
"""
    (tmp_path / "grown.toml").write_text(before + grown)
    code, out, err = mamebert("run", tmp_path / "grown.toml", "--dry-run")
    assert code == 0, err
    assert "-L5," in next(line for line in out.splitlines() if " grown " in line)


def test_a_dry_run_of_a_recipe_tells_what_is_finished(mamebert, recipe, tmp_path):
    mamebert("run", recipe, "--dry-run")
    text = recipe.read_text()
    (tmp_path / "short.toml").write_text(text[: text.index("[vectors]")])
    assert mamebert("run", tmp_path / "short.toml").code == 0
    code, out, err = mamebert("run", recipe, "--dry-run")
    assert code == 0, err
    assert ["is finished" in line for line in out.splitlines()] == [True] * 3 + [False] * 5
    code, out, err = mamebert("run", recipe, "vocab.vocabulary.size=70", "--dry-run")
    assert code == 2
    assert err.count("mamebert: [") == 2, err  # the vocabulary, and the shards that were made with the other one
    assert "vocabulary.size was 80, now 70" in err


def test_everything_that_would_be_refused_is_told_before_the_first_stage(mamebert, recipe, tmp_path):
    wrong = [
        f"clean.sources={tmp_path / 'none.txt'}",
        "vectors.cbow.vector_size=64",
        "encoder_n.training.device=cuda:77",
        "rows.task.label_column=lable",
        "rows.models.N=@vocab",
        "rows.task.max_length=64",
    ]
    for dry in (["--dry-run"], []):
        code, out, err = mamebert("run", recipe, *wrong, *dry)
        assert code == 2
        for sentence in (
            "[clean] There is no file or folder",
            "[encoder_w] The word vectors are 64 wide and the encoder's hidden_size is 32",
            "[encoder_n] There is no device 'cuda:77'",
            "[rows] There is no column called 'lable'. Did you mean 'label'?",
            "vocab will be made by vocab, and that of pretrain, finetune, compress, vectors or contrast is needed",
            "[rows] task.max_length 64 is longer than W reads (32)",
        ):
            assert f"mamebert: {sentence}" in err or sentence in err, (sentence, err)
        assert "Traceback" not in err
        assert out.count("would be refused") == (4 if dry else 0)
        assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"training.device": "cuda:77"}, "There is no device 'cuda:77'"),
        ({"task.label_column": "lable"}, "Did you mean 'label'?"),
        ({"task.max_length": 4000}, "is longer than model reads (64)"),
    ],
)
def test_a_stage_looks_before_it_works_and_leaves_nothing(mamebert, words, tmp_path, changes, sentence):
    for dry in (["--dry-run"], []):
        told = mamebert("finetune", *words["finetune"], changes, f"output={tmp_path / 'out'}", *dry)
        assert sentence in told.mistake
        assert "test macro" not in told.err
        assert not list(tmp_path.iterdir())


def test_the_settings_of_all_stages_of_a_recipe_are_there_as_json(mamebert, recipe, tmp_path):
    code, out, _ = mamebert("run", recipe, "encoder_n.training.steps=77", "--dry-run", "--json")
    told = json.loads(out)
    assert code == 0
    assert list(told) == ["clean", "vocab", "tokenize", "vectors", "encoder_n", "encoder_w", "rows", "report"]
    assert told["encoder_w"]["training"]["steps"] == 77
    assert not (tmp_path / "out").exists()


def test_a_run_record_is_a_settings_file(mamebert, world, tmp_path):
    code, out, err = mamebert("clean", world / "clean" / "run.json", f"output={tmp_path / 'again'}")
    assert (code, out.strip()) == (0, str(tmp_path / "again")), err
    ids = [json.loads((f / "run.json").read_text())["id"] for f in (world / "clean", tmp_path / "again")]
    assert ids[0] == ids[1]


def test_values_too_long_for_a_file_name_are_values(mamebert, words, tmp_path):
    long = json.dumps(["The old [MASK] holds the boat . " * 30])
    code, _, err = mamebert("pretrain", f"output={tmp_path / 'o'}", *words["pretrain"], f"probe_texts={long}")
    assert code == 2  # too long for the encoder, which is another matter
    assert "the encoder reads" in err


def test_the_module_and_the_script_are_one_command(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "mamebert", "vocab", f"output={tmp_path / 'o'}", f"corpus={tmp_path / 'none'}"],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"mamebert: There is no folder {tmp_path / 'none'}. Check the path, or run the stage that makes it.\n"
    )


def test_a_report_takes_runs_as_words(mamebert, tmp_path):
    run = tmp_path / "clean"
    (tmp_path / "text.txt").write_text("A bean grows.\n\nThe bean is green.\n")
    mamebert("clean", f"sources={tmp_path / 'text.txt'}", "language=en", f"output={run}")
    code, _, err = mamebert("report", str(run), "--output", str(tmp_path / "page"), "--title=Beans")
    assert code == 0, err
    assert "<title>Beans" in (tmp_path / "page" / "report.html").read_text()
    assert "There is no folder" in mamebert("report", str(tmp_path / "none"), f"output={tmp_path / 'other'}").mistake
    assert "Did you mean '--output'?" in mamebert("report", str(run), "--outptu", "x").mistake
