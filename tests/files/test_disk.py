"""Files whole or not at all."""

import errno
import os
import stat
import sys
from typing import ClassVar

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from mamebert.errors import UserError
from mamebert.files import disk
from mamebert.files.disk import put_in_place, save_tensors, sync_folder, write_text, writing
from mamebert.runs import Run, StageConfig


class Nothing(StageConfig):
    command: ClassVar[str] = "nothing"


posix = pytest.mark.skipif(os.name == "nt", reason="rights as POSIX has them")


@pytest.fixture(params=[0o022, 0o077, 0o007])
def umask(request):
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


@posix
def test_who_may_read_a_file_is_as_the_umask_says(tmp_path, umask):
    write_text(tmp_path / "a.txt", "x")
    save_tensors(tmp_path / "b.safetensors", {"x": torch.zeros(3)}, {"format": "pt"})
    save_tensors(tmp_path / "c.safetensors", {"x": np.zeros(3)})
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == {0o666 & ~umask}


def test_what_fails_halfway_leaves_the_earlier_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.safetensors"
    save_tensors(path, {"x": np.arange(3)})

    class Killed(BaseException):
        pass

    def write_half():
        with writing(path) as beside:
            beside.write_bytes(b"half")
            raise Killed

    with pytest.raises(Killed):
        write_half()
    assert [p.name for p in tmp_path.iterdir()] == ["a.safetensors"]
    assert load_file(path)["x"].tolist() == [0, 1, 2]


def test_what_a_kill_left_is_taken_away_by_the_next_writing(tmp_path):
    (tmp_path / "a.txt.tmp").mkdir()
    (tmp_path / "a.txt.tmp" / ".tmpXYZ").write_text("of a library")
    write_text(tmp_path / "a.txt", "whole")
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def failing(number):
    def fails(*_, **__):
        raise OSError(number, os.strerror(number))

    return fails


@pytest.mark.parametrize("name", ["replace", "fsync"])
@pytest.mark.parametrize(("number", "sentence"), [(errno.ENOSPC, "disk is full"), (errno.EIO, "disk failed")])
def test_the_last_steps_of_writing_can_meet_a_bad_disk_too(tmp_path, monkeypatch, name, number, sentence):
    (tmp_path / "working").mkdir()
    monkeypatch.setattr(disk.os, name, failing(number))
    with pytest.raises(UserError, match=sentence):
        write_text(tmp_path / "a.txt", "x")
    with pytest.raises(UserError, match=sentence):
        put_in_place(tmp_path / "working", tmp_path / "final")


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS])
def test_a_file_system_that_cannot_force_names_to_disk_is_used_as_it_is(tmp_path, monkeypatch, number):
    monkeypatch.setattr(disk.os, "fsync", failing(number))
    sync_folder(tmp_path)
    write_text(tmp_path / "a.txt", "x")
    assert (tmp_path / "a.txt").read_text() == "x"


@pytest.mark.parametrize("place", ["n" * 300, "file/x", "folder"])
def test_names_that_no_disk_takes_are_told(tmp_path, place):
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder" / "full").mkdir(parents=True)
    with pytest.raises(UserError, match="cannot be written"):
        write_text(tmp_path / place, "x")


@pytest.mark.skipif(sys.platform == "win32", reason="another call there")
@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL])
def test_a_disk_without_locks_is_not_taken_for_one_where_another_process_works(tmp_path, monkeypatch, capsys, number):
    monkeypatch.setattr("fcntl.flock", failing(number))
    run = Run.start(Nothing(output=tmp_path / "run"))
    assert "has no locks" in capsys.readouterr().err
    assert run.finish().folder == tmp_path / "run"
