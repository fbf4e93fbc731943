"""Links of README, CONTRIBUTING and docs/ lead somewhere; the README is short; generated pages are current."""

import re
import subprocess
import sys
import tomllib
from ast import dump, parse
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def script(name):
    spec = spec_from_file_location(name, DOCS / "scripts" / f"{name}.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def anchors(page):
    """Return the anchors of a page's headings, as mkdocs and GitHub both make them."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[ -]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    text = re.sub(r"^```.*?^```|`[^`\n]*`(?!\])", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    for link in LINK.findall(text):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} is not there"
        assert not anchor or anchor in anchors(target), f"{link} has no such heading"


def test_the_readme_fits_on_a_few_screens():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 120


def test_every_page_can_be_reached_from_another():
    linked = {
        (page.parent / link.partition("#")[0]).resolve()
        for page in PAGES
        for link in LINK.findall(page.read_text("utf-8"))
    }
    lost = [str(page) for page in DOCS.rglob("*.md") if page.resolve() not in linked and page.name != "index.md"]
    assert lost == [], "link them: decisions in docs/decisions/index.md, others where a reader looks for them"


def test_the_pages_of_settings_are_current():
    made = script("settings_pages").pages()
    kept = {page.name: page.read_text("utf-8") for page in (DOCS / "settings").glob("*.md")}
    assert kept.keys() == made.keys()
    for name, text in made.items():
        assert kept[name] == text.rstrip("\n") + "\n", f"run python docs/scripts/settings_pages.py ({name})"


def test_what_type_checkers_are_told_is_current():
    typed_face = script("typed_face")
    told, kept = typed_face.Stub().text(), typed_face.STUB.read_text("utf-8")
    same = dump(parse(told)) == dump(parse(kept))  # whatever the formatter makes of its lines
    assert same, "run python docs/scripts/typed_face.py"


def test_the_picture_of_the_floors_is_current():
    floors = script("floors")
    assert (DOCS / "images" / "floors.svg").read_text("utf-8") == floors.draw(), "run python docs/scripts/floors.py"


def test_the_guide_for_contributors_names_every_layer():
    guide = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert [name for layer in script("floors").floors() for name in layer if f"`{name}`" not in guide] == []


def test_the_changelog_and_the_package_have_one_version():
    import mamebert

    cut = re.findall(r"^## (\d+\.\d+\.\d+)\b", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    assert cut[0] == declared == mamebert.__version__ == version("mamebert")
    assert f"version = {{{declared}}}" in (ROOT / "README.md").read_text("utf-8")


def test_the_pictures_hold_no_address_to_load_from():
    for picture in (DOCS / "images").glob("*.svg"):
        assert re.findall(r"""(?:href|src)=|url\(|@import""", picture.read_text("utf-8")) == []


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_loads_nothing_from_elsewhere(tmp_path):
    pytest.importorskip("material")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "mkdocs",
            "build",
            "--strict",
            "-q",
            "-f",
            str(ROOT / "mkdocs.yml"),
            "-d",
            str(tmp_path),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded = re.compile(
        r"""<(?:script|img)[^>]*\ssrc="?(?:https?:)?//|<link[^>]*rel="?stylesheet[^>]*href="?(?:https?:)?//"""
    )
    for page in tmp_path.rglob("*.html"):
        assert not loaded.search(page.read_text("utf-8")), page
