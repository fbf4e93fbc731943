"""Snapshots on a disk that fails: what is loaded is always the newest whole one, or a sentence says why not."""

import errno
import os
import random
import threading

import pytest
import safetensors.torch
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from mamebert.errors import UserError
from mamebert.files import disk
from mamebert.training import snapshot as snapshot_file
from mamebert.training.snapshot import Damaged, Snapshot, digest, read_snapshot, write_snapshot
from mamebert.training.snapshot_folder import SnapshotFolder


def at(step):
    """Return a snapshot whose every tensor tells its step."""
    weights = torch.full((40, 7), float(step))
    tensors = {"network.a": weights, "network.b": weights.bfloat16(), "optimizer.0.step": torch.tensor(float(step))}
    return Snapshot(step, tensors, {"count": {"step": step}}, {"threads": "1"})


def folder_in(path, keep=2):
    return SnapshotFolder(path / "snapshots", keep, before_writing=lambda: None)


def assert_is(found, step):
    """Fail unless `found` is the snapshot of `step` in every respect."""
    assert (found.step, found.progress, found.arithmetic) == (step, {"count": {"step": step}}, {"threads": "1"})
    assert digest(found.tensors) == digest(at(step).tensors)


def test_the_last_ones_and_those_needed_are_kept(tmp_path):
    with folder_in(tmp_path, keep=2) as folder:
        for step in (1, 2, 3, 4, 5):
            folder.take(at(step), needed=[2] if step >= 2 else [])
    assert sorted(int(p.stem[5:]) for p in folder.folder.iterdir()) == [2, 4, 5]
    assert_is(folder.newest(), 5)
    assert_is(folder.of(2), 2)
    with pytest.raises(UserError, match=r"step-000000003.* is missing or damaged"):
        folder.of(3)


def test_training_goes_on_while_a_snapshot_is_written(tmp_path, monkeypatch):
    may_write = threading.Event()
    with folder_in(tmp_path) as folder:
        with monkeypatch.context() as patch:
            patch.setattr(safetensors.torch, "save_file", lambda *a, **k: may_write.wait(20) and save_file(*a, **k))
            state = at(3)
            folder.take(state)
            assert folder.busy
            state.tensors["network.a"].fill_(4.0)  # the next step
            state.progress["count"] = "of the next step"
            assert folder.newest() is None
            may_write.set()
            folder.wait()
        assert not folder.busy
        assert torch.equal(folder.newest().tensors["network.a"], torch.full((40, 7), 3.0))


def test_what_a_snapshot_relies_on_is_on_disk_before_it(tmp_path):
    seen = []
    folder = SnapshotFolder(tmp_path, 2, before_writing=lambda: seen.append(list(tmp_path.iterdir())))
    folder.take(at(1))
    folder.wait()
    assert seen == [[]]


FAULTS = [errno.ENOSPC, errno.EIO]


class Cut(BaseException):
    """The power went."""


def broken(patch, name, failure):
    """Let one of the operations of a snapshot's writing fail: before it, half done, or just after it."""
    owner = {"save_file": safetensors.torch, "sync_folder": disk}.get(name, disk.os)
    real = getattr(owner, name)

    def does(*words, **named):
        if failure == "half":
            real(*words, **named)
            path = words[1]
            os.truncate(path, path.stat().st_size // 2)
            raise Cut
        if failure == "after":
            real(*words, **named)
            raise Cut
        if failure == "before":
            raise Cut
        raise OSError(failure, os.strerror(failure))

    patch.setattr(owner, name, does)


@pytest.mark.parametrize("name", ["save_file", "fsync", "replace", "sync_folder"])
@pytest.mark.parametrize("failure", [*FAULTS, "before", "after"])
def test_a_fault_at_any_operation_leaves_the_newest_whole_one(tmp_path, monkeypatch, name, failure):
    folder = folder_in(tmp_path)
    for step in (1, 2):
        folder.take(at(step))
    folder.wait()
    with monkeypatch.context() as patch:
        broken(patch, name, failure)
        folder.take(at(3))
        with pytest.raises((UserError, Cut)) as told:
            folder.wait()
    if failure in FAULTS:
        assert "start the same command again: it goes on" in str(told.value)
        assert not (folder.folder / "unfinished.tmp").exists()  # it would fill the disk that is full
    folder.raise_failure()  # told once
    again = folder_in(tmp_path)
    found = again.newest()
    renamed = name == "sync_folder" or (name == "replace" and failure == "after")
    assert_is(found, 3 if renamed else 2)
    with again:
        again.take(at(4))
    assert_is(again.newest(), 4)


def test_a_file_torn_while_it_was_written_is_not_taken_for_a_snapshot(tmp_path, monkeypatch):
    folder = folder_in(tmp_path)
    folder.take(at(1))
    folder.wait()
    with monkeypatch.context() as patch:
        patch.setattr(disk, "remove", lambda *_: None)  # a kill would not tidy up either
        broken(patch, "save_file", "half")
        folder.take(at(2))
        with pytest.raises(Cut):
            folder.wait()
    assert (folder.folder / "unfinished.tmp").exists()
    assert_is(folder.newest(), 1)
    with folder:
        folder.take(at(2))
    assert sorted(p.name for p in folder.folder.iterdir()) == [f"step-{n:09}.safetensors" for n in (1, 2)]


def damage(content, rng):
    """Return bytes as a failing disk may give them back, and what was done to them."""
    kind = rng.choice(["flip", "cut", "zeros", "longer", "swap"])
    place = rng.randrange(len(content))
    changed = bytearray(content)
    if kind == "flip":
        changed[place] ^= 1 << rng.randrange(8)
    elif kind == "cut":
        del changed[place:]
    elif kind == "zeros":  # blocks that were never written
        changed[place:] = bytes(len(changed) - place)
    elif kind == "longer":
        changed += bytes(rng.randrange(1, 600))
    else:
        other = rng.randrange(len(content))
        changed[place], changed[other] = changed[other], changed[place]
    return bytes(changed), kind


def test_damaged_bytes_are_never_loaded_silently(tmp_path):
    write_snapshot(tmp_path / "step-000000001.safetensors", at(1))
    newest = tmp_path / "step-000000002.safetensors"
    write_snapshot(newest, at(2))
    whole = newest.read_bytes()
    rng = random.Random(0)
    folder = SnapshotFolder(tmp_path, 2, before_writing=lambda: None)
    refused = 0
    for _ in range(400):
        content, kind = damage(whole, rng)
        newest.write_bytes(content)
        found = folder.newest()
        # A change that leaves every tensor and every word of the header as it was does no harm.
        assert_is(found, found.step)
        refused += found.step == 1
        assert found.step == 1 or content == whole or kind in ("flip", "swap", "zeros"), kind
    assert refused > 300


def test_every_byte_of_the_header_counts(tmp_path):
    path = tmp_path / "step-000000002.safetensors"
    write_snapshot(path, at(2))
    whole = path.read_bytes()
    for place in range(8 + int.from_bytes(whole[:8], "little")):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        path.write_bytes(content)
        try:
            assert_is(read_snapshot(path), 2)
        except Damaged:
            continue


def test_if_all_are_damaged_a_sentence_says_so(tmp_path):
    with folder_in(tmp_path) as folder:
        for step in (1, 2):
            folder.take(at(step))
    for path in folder.folder.iterdir():
        path.write_bytes(b"torn")
    with pytest.raises(UserError, match=r"All snapshots in .* are damaged. Delete the folder"):
        folder.newest()


def rewritten(path, **changes):
    with safe_open(path, framework="pt") as file:
        about, tensors = dict(file.metadata()), {n: file.get_tensor(n).clone() for n in file.keys()}  # noqa: SIM118
    about = {name: value for name, value in {**about, **changes}.items() if value is not None}
    about.pop("check")
    save_file(tensors, path, metadata={**about, "check": snapshot_file._hash(about)})


@pytest.mark.parametrize(
    ("changes", "writer"),
    [
        ({"layout": "7", "mamebert": "9.9"}, "of mamebert 9.9"),
        ({"layout": None, "mamebert": None, "arithmetic": None, "state": None}, "of an earlier version"),
    ],
)
def test_a_snapshot_of_another_version_is_told(tmp_path, changes, writer):
    path = tmp_path / "step-000000002.safetensors"
    write_snapshot(path, at(2))
    rewritten(path, **changes)
    with pytest.raises(UserError, match=f"the layout {writer}.*Finish the run with the version that began it"):
        SnapshotFolder(tmp_path, 2, before_writing=lambda: None).newest()
