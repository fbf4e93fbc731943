"""Write recipes/lang/*.toml from what is known of each language.

python docs/scripts/language_recipes.py
"""

from pathlib import Path

from mamebert.language_recipes.languages import KNOWN
from mamebert.language_recipes.small import small_recipe

FOLDER = Path(__file__).parents[2] / "recipes" / "lang"


def written() -> dict[Path, str]:
    """Return the files and what is to stand in them."""
    return {FOLDER / f"{language.code}.toml": small_recipe(language) for language in KNOWN}


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text, encoding="utf-8")
