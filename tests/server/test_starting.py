"""How the command starts, or tells why it does not."""

import json
import socket
import threading
import time

import pytest

from mamebert.server.engine import worker_process


@pytest.fixture
def threads(workers_are_threads):
    return worker_process.start_process


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "no model to serve"),
        (("x", "--prot", "80"), "--port"),
        (("x", "port=99999"), "65535"),
        (("x", "kinds.y=task"), "the models are x"),
        (("x", "limits.texts=2000"), "queue_texts"),
        (("x", "--host", "no.such.host.invalid"), "cannot be listened at"),
        (("x", "--api_key", "sesame"), "api_key_file"),
    ],
)
def test_mistakes_are_told_in_a_sentence(words, told, mamebert):
    assert told in mamebert("serve", *words).mistake


def test_a_port_that_is_taken_is_told_before_a_model_is_opened(mamebert):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f":{port} cannot be listened at" in mamebert("serve", "nowhere", "--port", port).mistake


def test_a_folder_that_is_none_is_told_as_by_predict(mamebert, threads, tmp_path):
    told = mamebert("serve", tmp_path / "nowhere", "--port", 0)
    assert told.mistake == mamebert("predict", tmp_path / "nowhere", "x").mistake


def test_answers_that_are_others_than_before_are_not_served(mamebert, threads, toy_folders, tmp_path, monkeypatch):
    from mamebert.server import running

    words = ("serve", f"models.m={toy_folders['tagging']}", "--port", 0, "--self_test", tmp_path / "kept.json")
    monkeypatch.setattr(running._Running, "main_loop", lambda self: _at_once())
    assert mamebert(*words).code == 0
    kept = json.loads((tmp_path / "kept.json").read_text())
    assert len(kept["m"]) == 64
    assert mamebert(*words).code == 0
    (tmp_path / "kept.json").write_text(json.dumps({"m": "0" * 64}))
    assert "answers its example differently" in mamebert(*words).mistake


async def _at_once():
    return None


def test_a_key_comes_from_a_file_or_the_environment(tmp_path, monkeypatch):
    from mamebert.config import build
    from mamebert.errors import UserError
    from mamebert.server.running import _key
    from mamebert.server.settings import ServeConfig

    (tmp_path / "key").write_text("sesame \nnot this\n")
    config = build(ServeConfig, {"model": "x", "api_key_file": tmp_path / "key"})
    assert _key(config) == "sesame"
    (tmp_path / "key").write_text("\n")
    with pytest.raises(UserError, match="no key in its first line"):
        _key(config)
    monkeypatch.setenv("MAMEBERT_API_KEY", "other")
    assert _key(config) == "other"


def test_without_the_extra_it_is_told_how_to_get_it(mamebert, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "mamebert.server.running", raising=False)
    assert "pip install 'mamebert[serve]'" in mamebert("serve", "x").mistake


def test_the_settings_are_printed(mamebert):
    assert "body_bytes" in mamebert("serve", "--settings", "limits").out


def test_importing_mamebert_brings_no_server_along():
    import subprocess
    import sys

    code = "import sys, mamebert, mamebert.cli; print([n for n in ('fastapi', 'uvicorn') if n in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_a_client_that_goes_away_is_not_computed_for(toy_folders, workers_are_threads):
    from tests.server.conftest import serving

    with serving({"m": toy_folders["classification"]}, batching={"tokens": 8}) as reached:
        waiting = reached.server.models["m"].waiting
        body = json.dumps({"inputs": [["The old boat.", "A gull."]] * 250}).encode()
        with socket.create_connection(("127.0.0.1", reached.port)) as gone:
            head = f"POST /v1/classify HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
            gone.sendall(head.encode() + body)
            while not waiting.pieces:
                time.sleep(0.001)
        started = time.monotonic()
        while waiting.pieces:
            assert time.monotonic() - started < 10
            time.sleep(0.005)
        answered = reached.server.metrics.texts.labels("m")._value.get()
        assert answered < 250
        assert threading.active_count() < 50
