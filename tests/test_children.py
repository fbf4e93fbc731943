"""Processes that end when the one that started them does."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from mamebert.children import READ_AND_END_WITH_PARENT, ask_program
from mamebert.files.disk import temporary_folder

pytestmark = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes as Linux has them")

ASKING = f"""
import os, sys, time
from mamebert.children import ask_program
program = {READ_AND_END_WITH_PARENT!r} + "import time; time.sleep(100)"
ask_program([sys.executable, "-c", program], b"", os.environ)
"""
IN_A_POOL = """
from mamebert.corpus.parallel import ordered_map
import time
if __name__ == "__main__":
    list(ordered_map(time.sleep, [100] * 4, 2))
"""
OFF_A_SERVER = IN_A_POOL.replace("4, 2)", '4, 2, start="server")')


def alive(mark):
    """Return the processes with a mark in their environment."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            if mark.encode() in (place / "environ").read_bytes() and b") Z" not in (place / "stat").read_bytes():
                found.append(int(place.name))
        except OSError:
            continue
    return found


def wait_until(what, seconds=60):
    until = time.monotonic() + seconds
    while not what() and time.monotonic() < until:
        time.sleep(0.05)
    return what()


def test_a_question_is_answered():
    program = READ_AND_END_WITH_PARENT + "print(question.decode(), sys.argv[1:])"
    done = ask_program([sys.executable, "-c", program, "one", "two"], b"asked", os.environ)
    assert (done.returncode, done.stdout.split(b"\n")[0]) == (0, b"asked ['one', 'two']")


@pytest.mark.parametrize(("program", "processes"), [(ASKING, 2), (IN_A_POOL, 3), (OFF_A_SERVER, 5)])
def test_a_killed_parent_leaves_no_process(tmp_path, program, processes):
    (tmp_path / "work.py").write_text(program)
    mark = f"MARK_OF_TEST={tmp_path}"
    env = {**os.environ, "MARK_OF_TEST": str(tmp_path)}
    parent = subprocess.Popen([sys.executable, str(tmp_path / "work.py")], env=env)
    assert wait_until(lambda: len(alive(mark)) >= processes)
    time.sleep(1)
    parent.kill()
    parent.wait()
    assert wait_until(lambda: not alive(mark), 20), alive(mark)


@pytest.mark.parametrize(("program", "processes"), [(IN_A_POOL, 3), (OFF_A_SERVER, 5)])
def test_ctrl_c_is_answered_by_the_parent_alone(tmp_path, program, processes):
    (tmp_path / "work.py").write_text(program)
    env = {**os.environ, "MARK_OF_TEST": str(tmp_path)}
    words = [sys.executable, str(tmp_path / "work.py")]
    parent = subprocess.Popen(words, env=env, start_new_session=True, stderr=subprocess.PIPE, text=True)
    assert wait_until(lambda: len(alive(f"MARK_OF_TEST={tmp_path}")) >= processes)
    for worker in alive(f"MARK_OF_TEST={tmp_path}"):
        place = Path(f"/proc/{worker}")
        if any(name in (place / "cmdline").read_bytes() for name in (b"spawn_main", b"forkserver")):
            blocked = next(line for line in (place / "status").read_text().splitlines() if line.startswith("SigBlk"))
            assert int(blocked.split()[1], 16) & 1 << (signal.SIGINT - 1)
    os.killpg(parent.pid, signal.SIGINT)  # as a terminal does
    time.sleep(0.5)
    parent.kill()
    said = parent.communicate(timeout=60)[1]
    assert said.count("Traceback") <= 1, said  # the parent's own, of a script that does not catch it
    assert wait_until(lambda: not alive(f"MARK_OF_TEST={tmp_path}"), 20)


def test_folders_that_killed_processes_left_go_away(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    imports = "from mamebert.files.disk import temporary_folder\nimport os\n"
    code = f"{imports}with temporary_folder() as f: print(f); os._exit(1)"
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, check=False)
    assert len(os.listdir(tmp_path)) == 1
    with temporary_folder() as folder:
        assert os.listdir(tmp_path) == [folder.name]
        with temporary_folder():
            assert folder.is_dir()
    assert os.listdir(tmp_path) == []
