"""Where answers go: devices, pipes, links, full disks, closed pipes, and encodings that cannot hold them."""

import json
import os
import signal
import stat
import subprocess
import sys
import threading
import time

import pytest

from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.serving.outputs import opened

pytestmark = pytest.mark.skipif(os.name == "nt", reason="devices, links and signals as POSIX has them")
WORDS = [sys.executable, "-m", "mamebert", "predict"]


@pytest.fixture(scope="module")
def model(classifiers):
    return str(classifiers / "models" / "N")


@pytest.fixture
def texts(tmp_path):
    path = tmp_path / "texts.txt"
    path.write_text("The old boat meets the rope.\nThe small bean 日本 😀 holds the leaf.\n" * 8, encoding="utf-8")
    return str(path)


def ask(*words, **more):
    return subprocess.run([*WORDS, *words], capture_output=True, text=True, encoding="utf-8", check=False, **more)


def fill(out, lines=("a", "b")):
    with opened(out) as file:
        file.writelines(f"{line}\n" for line in lines)


def test_a_link_is_written_through_and_stays(tmp_path):
    link = tmp_path / "link"
    link.symlink_to("deep/target")
    with pytest.raises(UserError, match="no folder"):
        fill(link)
    (tmp_path / "deep").mkdir()
    for _ in range(2):
        fill(link)
        assert link.is_symlink()
        assert (tmp_path / "deep" / "target").read_text() == "a\nb\n"
    assert os.listdir(tmp_path / "deep") == ["target"]


def test_a_pipe_gets_the_lines_and_stays_a_pipe(tmp_path):
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text()), daemon=True)
    reader.start()
    fill(pipe)
    reader.join(10)
    assert got == ["a\nb\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_device_is_not_replaced(tmp_path):
    device = tmp_path / "null"
    try:
        os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
        fill(device)
    except PermissionError:
        pytest.skip("only root can make a device")
    except UserError:  # a disk that is mounted without devices
        pass
    assert stat.S_ISCHR(device.stat().st_mode)


def test_a_second_writer_is_refused_and_the_first_is_not_disturbed(tmp_path):
    out = tmp_path / "out"
    with opened(out) as file:
        file.write("first\n")
        held = subprocess.run(
            [sys.executable, "-c", "import sys; from pathlib import Path; from mamebert.serving.outputs import opened\n"
             "with opened(Path(sys.argv[1])) as file: file.write('second')", str(out)],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert "Another process is writing" in held.stderr
    assert out.read_text() == "first\n"


def test_what_was_answered_before_a_mistake_is_kept_and_told(tmp_path, capsys):
    out = tmp_path / "out"

    def odd():
        yield "a"
        raise UserError("The row is odd. Fix it.")

    with pytest.raises(UserError, match="odd"):
        fill(out, odd())
    assert partial(out).read_text() == "a\n"
    assert "1 answers are in" in capsys.readouterr().err
    fill(out)
    assert os.listdir(tmp_path) == ["out"]


def test_a_name_that_is_too_long_is_told(tmp_path):
    with pytest.raises(UserError, match="cannot be written"):
        fill(tmp_path / ("n" * 250))


def test_a_link_that_leads_to_itself_is_told_and_stays(tmp_path):
    loop = tmp_path / "loop"
    loop.symlink_to("loop")
    with pytest.raises(UserError, match="leads to itself"), opened(loop):
        pass
    assert loop.is_symlink()


def test_standard_output_by_another_name_is_standard_output(model, texts, tmp_path):
    with (tmp_path / "all").open("w+", encoding="utf-8") as file:
        file.write("before\n")
        file.flush()
        command = [*WORDS, model, "--file", texts, "--out", "/dev/stdout"]
        assert subprocess.run(command, stdout=file, stderr=subprocess.PIPE, check=False).returncode == 0
    lines = (tmp_path / "all").read_text(encoding="utf-8").splitlines()
    assert (lines[0], len(lines)) == ("before", 17)


def test_a_full_device_is_told_and_a_closed_pipe_is_quiet(model, texts):
    for stdout in ("/dev/full", "/dev/stdout"):
        words = ["--out", stdout] if stdout == "/dev/full" else []
        with open("/dev/full", "w") as full:
            done = subprocess.run(
                [*WORDS, model, "--file", texts, *words], stdout=full, stderr=subprocess.PIPE, text=True, check=False
            )
        assert (done.returncode, "Traceback" in done.stderr) == (2, False), done.stderr
        assert "mamebert: The disk is full, writing" in done.stderr
        assert "it goes on" not in done.stderr
    command = f"{sys.executable} -m mamebert predict {model} --file {texts} | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {command}"], capture_output=True, text=True, check=False)
    assert done.returncode == 141
    assert not [line for line in done.stderr.splitlines() if "predict" not in line and line], done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp932"])
def test_any_standard_output_holds_any_text_and_stays_json(model, texts, encoding):
    env = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run([*WORDS, model, "--file", texts], capture_output=True, env=env, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode(encoding).splitlines()
    assert json.loads(lines[1])["text"] == "The small bean 日本 😀 holds the leaf."


def test_without_standard_streams_there_is_no_traceback(model, texts):
    said = []
    for closed in (">&-", "2>&-", "<&-"):
        file = "-" if closed == "<&-" else texts
        command = f"exec {closed}; exec {sys.executable} -m mamebert predict {model} --file {file}"
        done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        said.append((done.returncode, len(done.stdout.splitlines())))
    assert said == [(2, 0), (0, 16), (2, 0)]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_stopped_prediction_says_what_is_there_and_its_code_says_that_it_is_not_done(model, tmp_path, number, code):
    out = tmp_path / "out.jsonl"
    child = subprocess.Popen(
        [*WORDS, model, "--file", "-", "--out", str(out)], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    child.stdin.write("The old boat meets the rope.\n" * 5000)
    child.stdin.flush()
    deadline = time.monotonic() + 60
    while not (partial(out).exists() and partial(out).stat().st_size) and time.monotonic() < deadline:
        time.sleep(0.05)
    child.send_signal(number)
    said = child.communicate(timeout=60)[1]
    assert child.returncode == code, said
    assert not out.exists()
    assert "Traceback" not in said
    assert "it goes on" not in said
    assert f"answers are in {partial(out)}" in said


@pytest.mark.slow
def test_ctrl_c_while_modules_are_imported_is_no_traceback():
    for seconds in (0.08, 0.15, 0.3, 0.6):
        child = subprocess.Popen([*WORDS[:-1], "doctor"], stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        time.sleep(seconds)
        child.send_signal(signal.SIGINT)
        said = child.communicate(timeout=60)[1]
        assert seconds == 0.08 or "Traceback" not in said, (seconds, said)  # Python itself may not have begun by then
