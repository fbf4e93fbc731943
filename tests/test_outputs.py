"""Folders that are to be made: what they can be called, and where they can lie."""

import os
import subprocess

import pytest

from mamebert.errors import UserError
from mamebert.recipes import plan


@pytest.fixture
def clean(mamebert, tmp_path, monkeypatch):
    """Return a function that cleans a text into an output, from within a folder of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.txt").write_text("the red boat .\n\nnew bread .\n")
    (tmp_path / "FILE").write_text("x")
    return lambda output, *more: mamebert("clean", "sources=a.txt", f"output={output}", *more)


NO_OUTPUTS = [".", "/", "", " ", "..", "x/..", "FILE", "FILE/x", "FILE/x/y", "n" * 300, "n" * 250, "x.partial", "x\0y"]


@pytest.mark.parametrize(
    "output", [*NO_OUTPUTS, "/".join(["n" * 200] * 30), "link-to-itself", "~nobody-of-this-name/x", "s3://x/y"]
)
@pytest.mark.parametrize("more", [[], ["--dry-run"]])
def test_outputs_that_cannot_be_are_told_before_anything_is_done(clean, tmp_path, output, more):
    (tmp_path / "link-to-itself").symlink_to("link-to-itself")
    told = clean(output, *more).mistake
    assert "output" in told
    assert sorted(p.name for p in tmp_path.iterdir()) == ["FILE", "a.txt", "link-to-itself"]
    assert (tmp_path / "FILE").read_text() == "x"


def test_the_tilde_is_the_home_folder_of_outputs_and_of_inputs(clean, tmp_path, monkeypatch, mamebert):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    assert clean("~/made").code == 0
    assert (tmp_path / "home" / "made" / "run.json").is_file()
    assert not (tmp_path / "~").exists()
    said = mamebert("vocab", "corpus=~/made", "output=~/vocab", "vocabulary.size=40", "vocabulary.min_frequency=1")
    assert "no folder" not in said.err


def test_the_environment_is_read_in_one_stage_as_in_recipes(clean, tmp_path, monkeypatch, mamebert):
    monkeypatch.setenv("PLACE", str(tmp_path / "here"))
    (tmp_path / "settings.toml").write_text('output = "${PLACE}/made"\n[[sources]]\nkind = "files"\npath = "a.txt"\n')
    assert mamebert("clean", "settings.toml").code == 0
    assert (tmp_path / "here" / "made").is_dir()
    assert clean("${PLACE}/too").code == 0
    assert (tmp_path / "here" / "too").is_dir()
    assert "environment variable NOWHERE" in clean("${NOWHERE}/x").mistake


def test_a_link_stands_for_the_folder_it_leads_to(clean, tmp_path):
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk/made")
    assert clean("link").code == 0
    assert (tmp_path / "disk" / "made" / "run.json").is_file()
    assert (tmp_path / "link").is_symlink()
    assert clean("link").code == 0  # finished already


def test_a_folder_that_cannot_be_replaced_is_told_before_the_work(clean, tmp_path):
    place = tmp_path / "mounted"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(place)], capture_output=True, check=False).returncode:
        pytest.skip("only root can mount")
    try:
        assert f"output={place / 'run'}" in clean(place).mistake
        assert not (tmp_path / "mounted.partial").exists()
        assert clean(place / "run").code == 0
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_recipe_lies_in_the_home_folder_too(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "recipe.toml").write_text('output = "~/runs"\n[clean]\nsources = ["a.txt"]\n')
    (stage,) = plan([str(tmp_path / "recipe.toml")])
    assert stage.config().output == tmp_path / "runs" / "clean"
    with pytest.raises(UserError, match="is not a folder"):
        plan([str(tmp_path / "recipe.toml"), "output=[1]"])


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_are_written_down_all_the_same(clean, tmp_path):
    odd = os.fsencode(tmp_path) + b"/\xff.txt"
    with open(odd, "wb") as file:
        file.write(b"the red boat .\n")
    assert clean("out", f"sources={os.fsdecode(odd)}").code == 0
    assert "\\udcff" in (tmp_path / "out" / "run.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("record", ["[1]", '{"id": 1, "command": [], "settings": 3}', "[" * 100_000, "{", "\udcff"])
def test_a_record_that_is_none_is_never_a_traceback(clean, tmp_path, record):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "run.json").write_text(record, encoding="utf-8", errors="surrogateescape")
    assert clean("out").mistake


def test_an_output_is_not_made_in_the_folder_that_is_read(mamebert, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("the red boat .\n\nnew bread .\n")
    for more in ([], ["--dry-run"]):
        told = mamebert("clean", "sources=texts/../texts", "output=texts/out", *more).mistake
        assert "would lie in texts/../texts, all of which is read" in told
    assert os.listdir(tmp_path / "texts") == ["a.txt"]
    assert mamebert("clean", "sources=texts/*.txt", "output=texts/out").code == 0  # the way out is one


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_folder_that_may_not_be_written_to_is_told_before_the_work(clean, tmp_path):
    (tmp_path / "locked").mkdir(mode=0o555)
    for more in ([], ["--dry-run"]):
        assert "cannot be written to" in clean("locked/deep/out", *more).mistake


def test_a_read_only_disk_is_told_before_the_work(clean, tmp_path):
    place = tmp_path / "read-only"
    place.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", place], capture_output=True, check=False
    ).returncode:
        pytest.skip("only root can mount")
    try:
        assert f"{place} cannot be written to" in clean(place / "deep" / "out", "--dry-run").mistake
    finally:
        subprocess.run(["umount", "-l", place], check=True)
