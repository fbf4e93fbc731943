"""Folders for the Hub, with an API that only notes what it is asked: nothing here reaches a network."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
import yaml

import mamebert as package
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.publishing import pushing
from mamebert.publishing.pushing import push
from mamebert.serving.load import load
from mamebert.tasks import Task
from mamebert.tasks.data.features import TaskState
from mamebert.tasks.network.task_network import save_network, start_network

TEXTS = ["The old boat meets the rope.", "Salt the bread."]


class Api:
    """What a repository was asked for; `refuses` is raised instead of the upload."""

    def __init__(self, refuses=None):
        self.refuses, self.asked = refuses, []

    def create_repo(self, repo, **how):
        self.asked.append(("create", repo, how))
        return f"hub/{repo}"

    def upload_folder(self, **how):
        if self.refuses:
            raise self.refuses
        self.asked.append(("upload", how))


@pytest.fixture(autouse=True)
def no_token(monkeypatch):
    monkeypatch.setattr(pushing, "get_token", lambda: None)
    monkeypatch.setattr(pushing, "HfApi", lambda: pytest.fail("somebody was called"))


@pytest.fixture
def model(classifiers):
    return classifiers / "models" / "N"


def header(folder):
    _, front, body = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(front), body


def names(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_folder_has_what_answers_and_nothing_that_tells_of_this_machine(model, tmp_path):
    shutil.copytree(model, tmp_path / "N")
    (tmp_path / "N" / "SHA256SUMS").unlink()
    for stray in ("run.json", "optimizer.pt", "pytorch_model.bin", ".env", "notes.txt"):
        (tmp_path / "N" / stray).write_text("secret")
    (tmp_path / "N" / "onnx").mkdir()
    (tmp_path / "N" / "onnx" / "model.onnx").write_bytes(b"a graph")
    made = push(tmp_path / "N", tmp_path / "hub").made
    assert {"README.md", "SHA256SUMS", "config.json", "model.safetensors", "onnx/model.onnx"} <= names(made.folder)
    assert set(made.left_out) == {"run.json", "optimizer.pt", "pytorch_model.bin", ".env", "notes.txt"}
    assert not set(made.left_out) & names(made.folder)
    assert load(made.folder)(TEXTS) == load(model)(TEXTS)


def test_plain_transformers_opens_it(encoders, tmp_path):
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = push(encoders("N"), tmp_path / "hub").made.folder
    AutoModelForMaskedLM.from_pretrained(folder)
    assert len(AutoTokenizer.from_pretrained(folder)) > 10


def test_a_folder_of_sentence_transformers_keeps_its_modules(encoders, tmp_path):
    from mamebert.checkpoints.model_folder import model_folder

    start, task = model_folder(encoders("N")), Task.find("sentence_embeddings")(max_length=32)
    network = start_network(task, start, TaskState(()), Reading())
    save_network(network, task, TaskState(()), Reading(), start, tmp_path / "vectors")
    folder = push(tmp_path / "vectors", tmp_path / "hub").made.folder
    assert {"modules.json", "1_Pooling/config.json"} <= names(folder)
    assert load(folder)(TEXTS) == load(tmp_path / "vectors")(TEXTS)


def test_the_card_names_licence_and_repository_where_they_are_given(model, tmp_path):
    plain = push(model, tmp_path / "plain").made
    assert (plain.licence, header(plain.folder)[0].get("license")) == (None, None)
    named = push(model, tmp_path / "named", "me/pets", licence="apache-2.0").made
    front, body = header(named.folder)
    assert (named.licence, front["license"]) == ("apache-2.0", "apache-2.0")
    assert {**front, "license": None} == {**header(plain.folder)[0], "license": None}
    assert 'model="me/pets")' in body
    assert 'mamebert.load("N")' in body  # which opens folders alone
    with pytest.raises(UserError, match=r"apache-2\.0"):
        push(model, tmp_path / "x", licence="Free for all!")


def test_a_folder_without_a_card_gets_one(model, tmp_path):
    shutil.copytree(model, tmp_path / "N")
    (tmp_path / "N" / "README.md").unlink()
    front, _ = header(push(tmp_path / "N", tmp_path / "hub", licence="mit").made.folder)
    assert (front["license"], front["pipeline_tag"]) == ("mit", "text-classification")
    (tmp_path / "N" / "README.md").write_text("---\n{[\n---\n")
    with pytest.raises(UserError, match=r"header of .* cannot be read"):
        push(tmp_path / "N", tmp_path / "other", licence="mit")


def test_with_an_api_it_is_sent_and_nobody_sees_it_unless_told(model, tmp_path):
    api = Api()
    done = push(model, tmp_path / "hub", "me/pets", api=api)
    assert done.url == "hub/me/pets"
    assert api.asked[0] == ("create", "me/pets", {"repo_type": "model", "private": True, "exist_ok": True})
    assert api.asked[1][1]["folder_path"] == str(tmp_path / "hub")
    push(model, tmp_path / "hub", "me/pets", api=api, is_private=False)  # the same folder is written once
    assert api.asked[2][2]["private"] is False


def test_without_a_name_or_a_token_nobody_is_called(model, tmp_path, monkeypatch):
    assert push(model, tmp_path / "hub", "me/pets").url == ""
    monkeypatch.setattr(pushing, "get_token", lambda: "hf_x")
    assert push(model, tmp_path / "other").url == ""


def test_what_keeps_it_from_being_sent_is_told_and_the_folder_stays(model, tmp_path):
    api = Api(refuses=ConnectionError("nobody is there\nand more"))
    with pytest.raises(UserError, match=r"not sent to me/pets \(ConnectionError: nobody is there\)"):
        push(model, tmp_path / "hub", "me/pets", api=api)
    assert (tmp_path / "hub" / "config.json").is_file()
    with pytest.raises(UserError, match="OWNER/NAME"):
        push(model, tmp_path / "none", "not a name!", api=api)
    assert not (tmp_path / "none").exists()


def test_nothing_is_written_over(model, tmp_path):
    (tmp_path / "hub").mkdir()
    (tmp_path / "hub" / "mine.txt").write_text("kept")
    with pytest.raises(UserError, match="there already"):
        push(model, tmp_path / "hub")
    assert names(tmp_path / "hub") == {"mine.txt"}
    assert names(tmp_path) == {"hub/mine.txt"}


def test_a_model_that_does_not_open_is_not_given_away(model, tmp_path):
    shutil.copytree(model, tmp_path / "N")
    (tmp_path / "N" / "tokenizer.json").write_text("{}")
    with pytest.raises(UserError, match="is not what was written"):
        push(tmp_path / "N", tmp_path / "hub")
    (tmp_path / "N" / "SHA256SUMS").unlink()
    with pytest.raises(UserError):
        push(tmp_path / "N", tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


def test_the_command_tells_what_it_made_and_how_to_send_it(model, mamebert, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = mamebert("push", model, "--repo", "me/pets")
    assert said.code == 0
    assert "N-hub" in said.out
    assert "--license" in said.out
    assert "hf upload me/pets N-hub . --repo-type model" in said.out
    assert "licence: mit" in mamebert("push", model, "--license", "mit", "--out", tmp_path / "two").out
    assert "no folder" in mamebert("push", tmp_path / "nowhere").mistake


def test_a_space_is_the_model_with_a_program_in_front(model, tmp_path):
    api = Api()
    made = push(model, tmp_path / "space", "me/demo", kind="space", licence="mit", api=api).made
    front, _ = header(made.folder)
    assert front == {"title": "demo", "sdk": "docker", "app_port": 7860, "license": "mit"}
    assert {"app.py", "Dockerfile", "requirements.txt", "model/config.json"} <= names(made.folder)
    assert f"=={package.__version__}" in (made.folder / "requirements.txt").read_text()
    assert api.asked[0][2]["space_sdk"] == "docker"
    assert load(made.folder / "model")(TEXTS) == load(model)(TEXTS)


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="signals")
def test_the_program_of_a_space_answers(model, tmp_path):
    import urllib.request

    folder = push(model, tmp_path / "space", kind="space").made.folder
    process = subprocess.Popen(
        [sys.executable, "app.py"],
        cwd=folder,
        env={**os.environ, "HOST": "127.0.0.1", "PORT": "0"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        address = next(json.loads(line)["address"] for line in process.stderr if '"listening"' in line)
        body = json.dumps({"inputs": TEXTS}).encode()
        with urllib.request.urlopen(f"{address}/v1/classify", body) as answer:
            assert json.load(answer)["answers"] == load(model)(TEXTS)
        with urllib.request.urlopen(address) as page:
            assert b"<html" in page.read()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        process.kill()
