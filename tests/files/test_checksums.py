import shutil
import subprocess

import pytest

from mamebert.checkpoints.model_folder import ModelFolder
from mamebert.errors import UserError
from mamebert.files.checksums import SUMS, seal, verify


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "inside").mkdir()
    (tmp_path / "a.txt").write_text("bean")
    (tmp_path / "inside" / "b.txt").write_text("leaf")
    seal(tmp_path)
    return tmp_path


def test_what_was_written_is_as_it_was(folder):
    verify(folder)
    assert [line[66:] for line in (folder / SUMS).read_text().splitlines()] == ["a.txt", "inside/b.txt"]


@pytest.mark.skipif(not shutil.which("sha256sum"), reason="the program is not here")
def test_the_usual_program_reads_it(folder):
    assert subprocess.run(["sha256sum", "-c", SUMS], cwd=folder, check=False).returncode == 0


@pytest.mark.parametrize("name", ["a.txt", "inside/b.txt"])
def test_a_changed_byte_is_told_with_the_way_out(folder, name):
    (folder / name).write_text("root")
    with pytest.raises(UserError, match=r"is not what was written\. .*on purpose, delete .*SHA256SUMS"):
        verify(folder)
    (folder / name).unlink()
    with pytest.raises(UserError, match="is missing"):
        verify(folder)
    (folder / SUMS).unlink()
    verify(folder)  # allowed


def test_files_that_are_not_named_are_not_looked_at(folder):
    (folder / "a.txt").write_text("root")
    verify(folder, ["inside/b.txt"])


def test_a_file_that_came_later_and_would_be_used_is_told_with_the_way_out(folder):
    (folder / "notes.md").write_text("mine")
    verify(folder, ["a.txt", "c.txt"], used=["*/*.onnx"])
    for name in ("c.txt", "inside/graph.onnx"):
        (folder / name).write_text("root")
        told = rf"{name} was not there .* would be used\. Delete it; if .* on purpose, delete .*SHA256SUMS"
        with pytest.raises(UserError, match=told):
            verify(folder, ["a.txt", "c.txt"], used=["*/*.onnx"])
        (folder / name).unlink()


@pytest.mark.parametrize(
    "name",
    ["onnx/model_quantized.onnx", "model.safetensors.index.json", "head.safetensors", "modules.json",
     "added_tokens.json", "1_Pooling/config.json"],
)  # fmt: skip
def test_nothing_that_answers_can_be_put_into_a_sealed_model(encoders, tmp_path, name):
    model = shutil.copytree(encoders("N") / "model", tmp_path / "model")
    (model / name).parent.mkdir(exist_ok=True)
    (model / name).write_text("{}" if name != "modules.json" else "[]")
    with pytest.raises(UserError, match=r"was not there when|lists nothing"):
        ModelFolder.open(model)


def test_a_card_may_be_written_afterwards_and_a_folder_inside_may_be_sealed_by_itself(folder):
    (folder / "README.md").write_text("A card")
    seal(folder / "inside")
    seal(folder)
    (folder / "README.md").write_text("Another card")
    (folder / "inside" / "b.txt").write_text("root")
    verify(folder)
    with pytest.raises(UserError, match="is not what was written"):
        verify(folder / "inside")


@pytest.mark.parametrize("text", ["", "x\n", "0" * 64 + "  ../a.txt\n", "0" * 64 + "  /etc/passwd\n", "\x00\n"])
def test_sums_that_are_none_are_told(folder, text):
    (folder / SUMS).write_text(text)
    with pytest.raises(UserError, match=r"SHA256SUMS is damaged .* or delete that file"):
        verify(folder)


def test_every_file_of_a_model_but_its_card_is_sealed(encoders, classifiers):
    for model in (encoders("N") / "model", classifiers / "models" / "N"):
        named = {line[66:] for line in (model / SUMS).read_text().splitlines()}
        assert named == {path.name for path in model.iterdir()} - {SUMS, "README.md"}
        ModelFolder.open(model)
