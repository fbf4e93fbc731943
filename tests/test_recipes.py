import re
from pathlib import Path

import pytest

from mamebert.errors import UserError
from mamebert.recipes import look_ahead, plan

RECIPES = sorted((Path(__file__).parents[1] / "recipes").rglob("*.toml"))

RECIPE = """
output = "{output}"
seed = 5
[clean]
sources = "text.txt"
[vocab]
corpus = "@clean"
[tokenize]
corpus = "@clean"
tokenizer = "@vocab"
[vectors]
shards = "@tokenize"
[encoder_n]
command = "pretrain"
shards = "@tokenize"
training.steps = 10
[encoder_w]
like = "encoder_n"
embeddings.vectors = "@vectors"
[variants.wide]
vectors.cbow.vector_size = 512
encoder_n.encoder.hidden_size = 512
"""


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE.format(output=tmp_path / "out"))
    return str(path)


def stages(*words):
    return {stage.name: stage for stage in plan(words)}


@pytest.mark.parametrize("path", RECIPES, ids=lambda p: p.stem)
def test_every_recipe_of_the_project_can_be_planned(path, monkeypatch):
    monkeypatch.setenv("MAMEBERT_DATA", "/data")
    monkeypatch.setenv("CORPUS", "/data/texts")
    names = ["variant=" + name for name in __import__("tomllib").loads(path.read_text()).get("variants", {})]
    for variant in ([], *([n] for n in names)):
        assert all(stage.config() for stage in plan([str(path), *variant]))


@pytest.mark.realdata
@pytest.mark.parametrize(
    "path", [path for path in RECIPES if "${CORPUS}" not in path.read_text()], ids=lambda p: p.stem
)
def test_nothing_of_a_recipe_of_the_project_would_be_refused(path, tmp_path, monkeypatch):
    """But for the runs of other recipes that it names, which are not there."""
    path = path.resolve()
    monkeypatch.chdir(tmp_path)  # where nobody's runs with other settings lie
    for prospect in look_ahead(plan([str(path)])):
        refusals = [str(each) for each in prospect.refusals]
        assert [each for each in refusals if not each.startswith("There is no folder runs/")] == [], prospect.stage.name


def test_a_stage_finds_the_folder_of_an_earlier_one(recipe, tmp_path):
    found = stages(recipe)
    assert found["tokenize"].settings["tokenizer"] == str(tmp_path / "out" / "vocab")
    assert found["tokenize"].config().seed == 5


def test_like_takes_over_settings_with_their_changes(recipe):
    found = stages(recipe, "encoder_n.training.steps=77")
    assert found["encoder_w"].command == "pretrain"
    assert found["encoder_w"].config().training.steps == 77
    assert found["encoder_w"].config().embeddings.freezes
    assert not found["encoder_n"].config().embeddings.freezes


def test_a_variant_shares_what_it_does_not_change(recipe, tmp_path):
    found = stages(recipe, "variant=wide")
    assert found["tokenize"].settings["output"] == str(tmp_path / "out" / "tokenize")
    for name in ("vectors", "encoder_n", "encoder_w"):
        assert found[name].settings["output"] == str(tmp_path / "out" / "wide" / name)
    assert found["encoder_w"].config().encoder.hidden_size == 512


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["variant=wid"], "Did you mean 'wide'?"),
        (["encoders_n.seed=1"], "Did you mean 'encoder_n'?"),
        (["encoder_n.trainin.steps=1"], r"\[encoder_n\] There is no setting called 'trainin'.*'training'"),
        (["tokenize.corpus=@cleaned"], "Did you mean 'clean'?"),
        (["clean.sources=${NOT_SET_ANYWHERE}/x"], "export NOT_SET_ANYWHERE="),
    ],
)
def test_mistakes_name_the_stage_and_the_way_out(recipe, words, sentence):
    with pytest.raises(UserError, match=sentence):
        plan([recipe, *words])


def test_a_stage_cannot_be_like_a_later_one(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('[a]\nlike = "b"\n[b]\ncommand = "clean"\nsources = "x"\n')
    with pytest.raises(UserError, match="no earlier table"):
        plan([str(path)])


def test_a_variant_reaches_those_that_are_like_one_that_is_like_what_it_changes(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text(
        'output = "out"\n[a]\ncommand = "clean"\nsources = "x"\n[b]\nlike = "a"\n[c]\nlike = "b"\nsources = "y"\n'
        '[d]\ncommand = "clean"\nsources = "z"\n[variants.short.a]\nmax_documents = 3\n'
    )
    found = stages(str(path), "variant=short")
    assert [stage.config().max_documents for stage in found.values()] == [3, 3, 3, None]
    assert [stage.settings["output"] for stage in found.values()] == [
        "out/short/a",
        "out/short/b",
        "out/short/c",
        "out/d",
    ]


@pytest.mark.parametrize(
    ("text", "words", "sentence"),
    [
        ("variants = 3\n[clean]\n", [], "variants = 3 names no variants"),
        ("[clean]\n[variants]\nwide = 3\n", ["variant=wide"], "variants.wide = 3 is no variant"),
        ("[clean]\n[variants.wide]\nclean = 3\n", [], "variants.wide.clean = 3 is no setting of a stage"),
        ("[clean]\n", ["variant=[1]"], "no variant in this recipe called"),
        ("[clean]\n", ["clean=3"], "clean = 3 is no setting of a stage"),
        ("clean = 3\n", [], "clean = 3 is not a stage"),
    ],
)
def test_a_value_where_a_table_is_meant_is_told(tmp_path, text, words, sentence):
    path = tmp_path / "r.toml"
    path.write_text(text)
    with pytest.raises(UserError, match=sentence):
        plan([str(path), *words])


def test_a_variant_may_be_called_by_a_number(tmp_path):
    path = tmp_path / "r.toml"
    path.write_text('[clean]\nsources = "x"\n[variants.2.clean]\nmax_documents = 3\n')
    assert stages(str(path), "variant=2")["clean"].config().max_documents == 3


PLACES = """
output = "{output}"
[clean]
sources = "{world}/text.txt"
[vocab]
corpus = "@clean"
vocabulary = {{ size = 80, min_frequency = 1 }}
[tokenize]
corpus = "@clean"
tokenizer = "@vocab"
[pretrain]
shards = "@tokenize"
encoder = {{ hidden_size = 32, num_hidden_layers = 2, num_attention_heads = 2, max_position_embeddings = 64 }}
objective.max_length = 32
training.steps = 3
[rows]
command = "finetune"
models = {{ A = "@pretrain", "B" = "@pretrain/model" }}
source = "{world}/rows.jsonl"
task.max_length = 32
[small]
command = "compress"
model = "@rows/models/A"
method = {{ kind = "drop_layers", drop = 1 }}
[report]
runs = ["@rows", "@small"]
"""


@pytest.mark.parametrize(
    ("change", "stage", "sentence"),
    [
        ("", "", ""),
        ("rows.models.A=@pretrain/kept/step-000000002", "", ""),
        ("rows.models.A=@pretrain/modle", "rows", "is nothing that pretrain will make"),
        ("rows.models.A=@pretrain/../nowhere", "rows", "There is no folder"),
        ("vocab.corpus=@clean/documents", "vocab", "Give its output"),
        ("pretrain.shards=@tokenize/tokenizer", "pretrain", "Give its output"),
        ("tokenize.tokenizer=@vocab/tokenizer", "", ""),
        ("small.model=@rows/models/C", "small", "Choose from: .*/rows/models/A, .*/rows/models/B"),
        ("small.model=@rows", "small", "will hold several models. Name one: .*/rows/models/A, "),
        ("report.runs=@rows/models/A", "report", "Give its output"),
        ("vocab.output=@clean", "vocab", "Give each stage a folder of its own"),
        ("vocab.output=@clean/inside", "vocab", "Give each stage a folder of its own"),
        ("small.method.drop=2", "small", "has 2 layers and 2 are to go"),
        ("small.method={kind='dynabert', widths=[1.0, 0.3], width=0.3}", "small", "does not part 2 attention heads"),
        ("small.method={kind='distil', layers=3}", "small", "keep 3 layers and the model has 2"),
        ("small.method={kind='qbert', layer_bits=[2,2,4]}", "small", "2"),
    ],
)
def test_what_later_stages_ask_of_earlier_ones_is_known_before_the_first(world, tmp_path, change, stage, sentence):
    path = tmp_path / "r.toml"
    path.write_text(PLACES.format(output=tmp_path / "out", world=world))
    told = {
        each.stage.name: str(each.refusals[0])
        for each in look_ahead(plan([str(path), *filter(None, [change])]))
        if each.refusals
    }
    if stage:
        assert re.search(sentence, told[stage]), told
    else:
        assert told == {}
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("path", [path for path in RECIPES if path.parent.name == "transfer"], ids=lambda p: p.stem)
def test_nothing_that_is_asked_in_any_language_is_learnt_from_in_another(path, monkeypatch):
    """By the numbers of the rows, which are the same in every language."""
    monkeypatch.setenv("MAMEBERT_DATA", "/data")
    configs = [stage.config() for stage in plan([str(path)]) if stage.command == "finetune"]
    learnt, asked, kept_together = set(), set(), set()
    for config in configs:
        for name, reader in config.readers().items():
            numbers = {number for number in range(64) if number % reader.step == reader.first}
            (learnt if name in ("train", "valid") else asked).update(numbers)
            kept_together.add((reader.together, reader.same))
        assert config.tests.keys() == {Path(each.output).name for each in configs} - {Path(config.output).name}
    assert learnt
    assert asked
    assert not learnt & asked
    assert len(kept_together) == 1
