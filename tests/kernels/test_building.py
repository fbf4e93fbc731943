"""A library is code: only what this user built, whole and unchanged, is loaded."""

import os
import subprocess
import sys
import time

import pytest

from mamebert.kernels import building
from mamebert.kernels.building import Unavailable, ask, build, find, private_folder

COMPILER = ["sh", "-c", 'printf whole > "$2"', "sh"]  # what `build` adds is -o and a path


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return private_folder()


def test_the_folder_is_nobody_elses(folder, tmp_path):
    assert [each.stat().st_mode & 0o777 for each in (folder.parent, folder)] == [0o700, 0o700]
    folder.chmod(0o777)
    assert private_folder().stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_a_link_is_refused(tmp_path, monkeypatch):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "mamebert").symlink_to(tmp_path / "elsewhere")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(Unavailable, match="is a link or belongs to another user"):
        private_folder()


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid(), reason="only root can give files away")
def test_what_another_user_has_planted_is_not_loaded(folder):
    path = build(folder, "k", COMPILER)
    os.chown(path, 12345, -1)
    assert find(folder, "k") is None
    os.chown(folder, 12345, -1)
    with pytest.raises(Unavailable, match="belongs to another user"):
        private_folder()


def test_what_is_whole_is_found_and_what_is_damaged_goes_away(folder):
    assert find(folder, "k") is None
    path = build(folder, "k", COMPILER)
    assert path.read_text() == "whole"
    assert find(folder, "k") == path
    for damage in ("", "whol", "other"):
        path.write_text(damage)
        assert find(folder, "k") is None
        assert not path.exists()
        build(folder, "k", COMPILER)
    path.chmod(0o722)
    assert find(folder, "k") is None
    path.symlink_to(folder / "elsewhere")
    assert find(folder, "k") is None
    assert os.listdir(folder) == []


def test_a_compiler_that_fails_leaves_nothing(folder):
    with pytest.raises(Unavailable, match=r"the compiler sh failed \(no room\)"):
        build(folder, "k", ["sh", "-c", "echo no room >&2; exit 1"])
    with pytest.raises(Unavailable, match="cannot be kept"):
        build(folder, "k", ["sh", "-c", "exit 0"])
    assert os.listdir(folder) == []


def test_a_compiler_that_hangs_is_ended_with_all_it_started(folder, monkeypatch, tmp_path):
    monkeypatch.setattr(building, "LIMIT_SECONDS", 0.5)
    late, started = tmp_path / "late", time.monotonic()
    with pytest.raises(Unavailable, match="did not end within"):
        build(folder, "k", ["sh", "-c", f"(sleep 2; touch {late}) & wait"])
    assert time.monotonic() - started < 2
    time.sleep(2.2)
    assert not late.exists()
    assert os.listdir(folder) == []


def test_what_a_killed_build_left_goes_away_with_a_later_one(folder):
    for name, age in (("old", 10_000), ("young", 0)):
        (folder / f"{name}.tmp").mkdir()
        os.utime(folder / f"{name}.tmp", (time.time() - age,) * 2)
    path = build(folder, "k", COMPILER)
    assert sorted(os.listdir(folder)) == [path.name, "young.tmp"]


def test_a_command_tells_its_exit_code_and_what_it_said():
    assert ask([sys.executable, "-c", "print(3); raise SystemExit(4)"], 60) == (4, "3\n", "")


def test_a_library_that_cannot_be_loaded_is_done_without(folder, tmp_path):
    fake = tmp_path / "compiler"
    fake.write_text('#!/bin/sh\n[ "$1" = --version ] && exit\nfor last; do :; done\nprintf "no library" > "$last"\n')
    fake.chmod(0o700)
    code = "from mamebert.kernels import status; s = status(); print(s.path, '|', s.reason)"
    environment = {**os.environ, "CXX": str(fake), "XDG_CACHE_HOME": str(tmp_path), "MAMEBERT_KERNELS": "auto"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.startswith("torch | they cannot be loaded from")
