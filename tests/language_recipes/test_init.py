"""`mamebert init`: a corpus is looked at, and the recipe that is written would run."""

import json
import tomllib
from types import SimpleNamespace

import pytest
import torch

from mamebert.evaluation.cost import peak_flops
from mamebert.language_recipes import drawing, looking, making
from mamebert.language_recipes.languages import language_of
from mamebert.stages.pretrain import checks


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    peak = lambda *place: peak_flops.Peak(100e9, "invented")  # noqa: E731
    monkeypatch.setattr(checks, "product_peak", peak)
    monkeypatch.setattr("mamebert.language_recipes.making.product_peak", peak)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def texts(world, tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    (folder / "a.txt").write_bytes((world / "text.txt").read_bytes())
    return folder


def recipe(path="recipe.toml"):
    with open(path, "rb") as file:
        return tomllib.load(file)


def test_what_is_written_would_run_and_says_how_long(mamebert, texts):
    said = mamebert("init", "--language", "en", "--corpus", texts, "--out", "recipe.toml")
    assert said.code == 0, said.err
    told = recipe()
    assert told["output"] == "runs/recipe"
    assert told["clean"]["sources"] == [str(texts)]
    assert told["vocab"]["vocabulary"]["lowercase"]
    assert told["vocab"]["vocabulary"]["size"] < 4_000  # the text fills no larger one
    for word in (
        "1 file",
        "words",
        "tokens",
        "Vocabulary: ",
        "Model: 128 wide",
        "Time: about",
        "100 GFLOP/s",
        "run recipe.toml",
    ):
        assert word in said.out
    assert mamebert("run", "recipe.toml", "--dry-run").code == 0


@pytest.mark.slow
def test_what_is_written_runs_to_its_end(mamebert, texts, unproved):
    assert mamebert("init", "--language", "en", "--corpus", texts, "--out", "recipe.toml").code == 0
    last = list(recipe())[-2]
    changes = [f"{name}.training.steps=3" for name, table in recipe().items() if "training" in table]
    done = mamebert("run", "recipe.toml", *changes)
    assert done.code == 0, done.err
    assert mamebert("fill-mask", f"runs/recipe/{last}", "the [MASK] .").code == 0


def test_a_file_that_is_there_is_replaced_only_when_asked(mamebert, texts, tmp_path):
    (tmp_path / "en.toml").write_text("mine")
    words = ("init", "--language", "en", "--corpus", texts)
    assert "--overwrite" in mamebert(*words).mistake
    assert (tmp_path / "en.toml").read_text() == "mine"
    assert mamebert(*words, "--overwrite").code == 0
    assert recipe("en.toml")["clean"]["language"] == "en"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--language", "en", "--corpus", "nowhere"], "There is no file or folder nowhere"),
        (["--language", "irish", "--corpus", "texts"], "Give the ISO 639 code, 'ga' say"),
        (["--language", "en", "--corpus", "empty.txt"], "holds no text"),
        (["--language", "en", "--corpus", "rows.csv"], "--reader text_column=NAME"),
        (["--language", "en", "--corpus", "page.pdf"], "a PDF"),
        (["--language", "en", "--corpus", "texts", "--out", "a.json"], "ends in .toml"),
        (["--language", "en", "--corpus", "texts", "--out", "no/where.toml"], "There is no folder no"),
        (["--language", "en", "--corpus", "texts", "--out", "texts"], "ends in .toml"),
        (["--language", "en", "--corpus", "texts", "--hours", "0"], "--hours"),
        (["--language", "en", "--corpus", "texts", "--reader", "encodin=x"], "encodin"),
        (["--language", "en", "--corpus", "texts", "--reader", "kind=python_docs"], "reads no files"),
        (["--corpus", "texts"], "LANGUAGE is missing"),
    ],
)
def test_mistakes_are_one_sentence_and_leave_no_file(mamebert, texts, tmp_path, words, sentence):
    (tmp_path / "empty.txt").write_text(" \n\n")
    (tmp_path / "rows.csv").write_text("body,label\nthe bean,1\n")
    (tmp_path / "page.pdf").write_bytes(b"%PDF")
    before = sorted(tmp_path.rglob("*"))
    assert sentence in mamebert("init", *words).mistake
    assert sorted(tmp_path.rglob("*")) == before


def test_a_language_nobody_knows_gets_general_settings_and_is_told_so(mamebert, texts):
    said = mamebert("init", "--language", "eu", "--corpus", texts, "--out", "recipe.toml")
    assert said.code == 0
    assert "Nothing is known here of encoders for the language 'eu'" in said.out
    assert recipe()["encoder"]["objective"]["kind"] == "masked_lm"


def test_columns_encodings_and_odd_names_come_into_the_recipe(mamebert, world, tmp_path):
    lines = (world / "text.txt").read_text().split("\n\n")
    rows = [json.dumps({"body": f"{line} Ó mo bhád é."}, ensure_ascii=False) for line in lines]
    (tmp_path / "@a ${b}.jsonl").write_text("\n".join(rows), encoding="cp1252")
    said = mamebert(
        "init", "--language", "eu", "--corpus", "@a $${b}.jsonl", "--reader", "text_column=body", "--out", "recipe.toml"
    )
    assert said.code == 0, said.err
    source = recipe()["clean"]["sources"][0]
    assert source["text_column"] == "body"
    assert source["encoding"] == "cp1252"
    assert mamebert("run", "recipe.toml", "--dry-run").code == 0


def test_filters_that_would_drop_most_of_a_text_are_not_taken(mamebert, texts):
    said = mamebert("init", "--language", "cy", "--corpus", texts, "--out", "recipe.toml")  # English in short documents
    assert said.code == 0
    assert "filters.preset=wikibert keeps" in said.out or "filters.preset=wikibert cannot" in said.out
    assert recipe()["clean"]["filters"]["preset"] == "basic"


def test_what_is_not_installed_is_told_and_done_without(mamebert, texts, monkeypatch):
    from mamebert.errors import UserError
    from mamebert.tokenizer.vocabularies.unigram import Unigram

    def missing(self):
        raise UserError("Unigram needs sentencepiece. Install it.")

    monkeypatch.setattr(Unigram, "check", missing)
    said = mamebert("init", "--language", "nl", "--corpus", texts, "--out", "recipe.toml")
    assert said.code == 0
    assert "wordpiece: Unigram needs sentencepiece" in said.out
    assert recipe()["vocab"]["vocabulary"]["kind"] == "wordpiece"


@pytest.mark.parametrize(("sentences", "kind"), [(300, "masked_lm"), (3_000, "masked_lm_sso")])
def test_large_encoders_are_asked_about_pairs_where_documents_have_sentences(sentences, kind):
    objective, told = making.objective_of(language_of("pl")[0], SimpleNamespace(documents=300, sentences=sentences))
    assert objective["kind"] == kind
    assert ("too few to ask about pairs of sentences" in told) == (kind == "masked_lm")


def test_small_encoders_are_asked_for_words_alone(mamebert, texts):
    said = mamebert("init", "--language", "pl", "--corpus", texts, "--out", "recipe.toml")
    assert said.code == 0, said.err
    first = next(table for table in recipe().values() if "encoder" in table)
    assert first["objective"]["kind"] == "masked_lm"
    assert first["embeddings"] == {"vectors": "@vectors", "frozen": False}
    assert first["encoder"]["preset"] == "modernbert"


def test_of_a_large_corpus_a_sample_is_read_and_the_rest_reckoned(mamebert, tmp_path, monkeypatch):
    monkeypatch.setattr(drawing, "CHARACTERS", 20_000)
    words = ["boat", "bread", "garden", "stone", "river", "gull", "net", "bean", "spade", "rope"]
    for number in range(20):
        texts = (
            "\n".join(f"{words[n % 10]} {words[n % 7]} by the {words[n % 3]}." for n in range(k, k + 12))
            for k in range(60)
        )
        (tmp_path / f"{number}.txt").write_text("\n\n".join(texts))
    said = mamebert("init", "--language", "en", "--corpus", "*.txt", "--out", "recipe.toml")
    assert said.code == 0, said.err
    assert "20 files" in said.out
    assert "the rest is reckoned" in said.out
    assert recipe()["vocab"]["vocabulary"]["size"] == 4_000  # which the whole may fill, though the sample does not


def test_a_run_that_is_there_already_is_told_with_the_way_out(mamebert, texts, tmp_path):
    assert mamebert("clean", f"sources={texts / 'a.txt'}", "output=runs/recipe/clean").code == 0
    told = mamebert("init", "--language", "en", "--corpus", texts, "--out", "recipe.toml").mistake
    assert "another name with --out" in told
    assert not (tmp_path / "recipe.toml").exists()


def test_the_language_is_asked_of_the_text(monkeypatch):
    monkeypatch.setattr(looking, "confidence", lambda text, code: (0.9, text.startswith("T")))
    assert looking._in_language(["T" * 50, "A" * 50, "short"], "ga") == 0.5
    assert torch.get_num_threads() >= 1
