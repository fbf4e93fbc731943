"""recipes/lang/*.toml: written from one place, and each would run."""

import tomllib
from pathlib import Path

import pytest

from mamebert.language_recipes.languages import KNOWN, language_of
from mamebert.language_recipes.small import small_recipe
from mamebert.recipes import look_ahead, plan

FOLDER = Path(__file__).parents[2] / "recipes" / "lang"
WANTED = {"ja", "ga", "et", "sv", "nl", "fa", "pl", "cy", "ko", "en"}
by_language = pytest.mark.parametrize("language", KNOWN, ids=lambda each: each.code)


def test_the_languages_that_were_asked_for_are_there():
    assert {path.stem for path in FOLDER.glob("*.toml")} == {each.code for each in KNOWN} == WANTED


@by_language
def test_a_recipe_is_what_is_known_of_its_language(language):
    kept = (FOLDER / f"{language.code}.toml").read_text("utf-8")
    assert kept == small_recipe(language), "run python docs/scripts/language_recipes.py"
    assert all(source.split(":")[0].split()[0] in kept for source in language.sources)
    assert max(map(len, kept.splitlines())) <= 120


@by_language
@pytest.mark.parametrize("variant", ["", "paper"])
def test_nothing_of_it_would_be_refused(language, variant, tmp_path, monkeypatch):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a\n\nb\n")
    monkeypatch.setenv("CORPUS", "texts")
    monkeypatch.chdir(tmp_path)
    words = [f"variant={variant}"] if variant else []
    prospects = list(look_ahead(plan([str(FOLDER / f"{language.code}.toml"), *words])))
    assert [str(why) for each in prospects for why in each.refusals] == []
    assert [each.stage.name for each in prospects][:3] == ["clean", "vocab", "tokenize"]


def test_the_variant_has_the_numbers_of_the_paper():
    paper = tomllib.loads((FOLDER / "ga.toml").read_text("utf-8"))["variants"]["paper"]
    assert paper["vocab"]["vocabulary"]["size"] == 30_101
    assert paper["short"]["training"]["steps"] == 900_000
    assert paper["encoder"]["training"] | {"peak_lr": 0} == {
        "steps": 100_000, "batch_tokens": 128 * 512, "peak_lr": 0, "warmup_rate": 0.0
    }  # fmt: skip


def test_a_country_does_not_make_a_language_unknown():
    assert language_of("pl_PL")[0].name == "Polish"
    assert language_of("eu") == (language_of("eu")[0], False)
