"""recipes/lang/*.toml: what is known of a language, at a size for ten million words and a night of two cores."""

from mamebert.language_recipes.advice import WORDS, sized, vocabulary_size
from mamebert.language_recipes.languages import Language
from mamebert.language_recipes.recipe_text import about, recipe_text

WIDTH, LAYERS = 128, 4
TOKENS = 10 * 13_000_000
"""Ten times those of ten million words."""


def small_recipe(language: Language) -> str:
    """Return the text of recipes/lang/CODE.toml."""
    code = language.code
    head = [
        f"{language.name}: a small encoder for about ten million words, some hours of two cores.",
        f"For your text and machine `mamebert init --language {code} --corpus PATH` writes one of other sizes.",
        "",
        *about(language),
        "",
        "  export CORPUS=/folder/with/the/text",
        f"  mamebert run recipes/lang/{code}.toml                   (stop it whenever you like, it goes on)",
        f"  mamebert run recipes/lang/{code}.toml variant=paper     (the paper's size and length: weeks, or many GPUs)",
        "",
        "Written by docs/scripts/language_recipes.py from src/mamebert/language_recipes/languages.py: change it there.",
    ]
    advice = sized(TOKENS, vocabulary_size(WORDS, language), WIDTH, LAYERS)
    settings = (language.vocabulary, ["${CORPUS}"], f"runs/{code}", head, language.preset, language.objective)
    return recipe_text(language, code, advice, *settings, with_paper=True)
