import os
import shutil
from typing import ClassVar

import pytest
from pydantic import Field

from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.runs import Run, StageConfig, growing
from mamebert.runs.growing import goes_on_from


class Sow(StageConfig):
    command: ClassVar[str] = "sow"
    grows_by: ClassVar[tuple[str, ...]] = ("seeds",)
    seeds: list[int] = Field(default=[1])
    """Numbers."""
    depth: int = 1
    """Centimetres."""


def sown(field, seeds, **settings):
    """Sow the seeds that are not in the field yet; return the run and those that were sown now."""
    run = Run.start(Sow(output=field, seeds=seeds, **settings))
    new = [seed for seed in seeds if not (run.folder / str(seed)).exists()]
    if run.finished:
        return run, new
    for seed in new:
        (run.folder / str(seed)).write_text("sown")
    run.results["seeds"] = seeds
    return run.finish(), new


def names(folder):
    return sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))


def test_more_items_go_on_from_a_finished_run_and_leave_one_folder(tmp_path):
    first, _ = sown(tmp_path / "field", [1, 2])
    run, new = sown(tmp_path / "field", [1, 2, 3])
    assert new == [3]
    assert run.id != first.id
    assert run.seconds >= first.seconds
    assert Run.open(tmp_path / "field").results == {"seeds": [1, 2, 3]}
    assert names(tmp_path / "field") == ["1", "2", "3", "run.json"]
    assert list(tmp_path.iterdir()) == [tmp_path / "field"]
    assert sown(tmp_path / "field", [1, 2, 3])[0].id == run.id


def test_an_unfinished_run_grows_too(tmp_path):
    run = Run.start(Sow(output=tmp_path / "field", seeds=[1]))
    (run.folder / "1").write_text("sown")
    assert sown(tmp_path / "field", [1, 2])[1] == [2]


@pytest.mark.parametrize("seeds", [[1], [2, 1], [3], [1, 3]])
def test_fewer_or_other_items_are_told_what_is_there(tmp_path, seeds):
    sown(tmp_path / "field", [1, 2])
    with pytest.raises(UserError, match=r"holds this run with seeds=\[1, 2\], and the result of each is in it"):
        sown(tmp_path / "field", seeds)


def test_other_settings_are_refused_as_before(tmp_path):
    sown(tmp_path / "field", [1, 2])
    with pytest.raises(UserError, match="depth was 1, now 2"):
        sown(tmp_path / "field", [1, 2, 3], depth=2)


@pytest.mark.parametrize("moment", ["copytree", "write_record", "work", "replace", "put_in_place", "rmtree"])
def test_a_kill_at_any_moment_loses_nothing(tmp_path, monkeypatch, moment):
    field = tmp_path / "field"
    sown(field, [1, 2])

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "work":
            patch.setattr(Run, "finish", killed)
        elif moment == "write_record":
            patch.setattr(Run, "_write_record", killed)
        elif moment == "copytree":
            patch.setattr(shutil, "copytree", lambda a, b, **k: (shutil.copy(a / "1", b), killed()))
        elif moment == "replace":
            replace = os.replace
            patch.setattr(os, "replace", lambda a, b: killed() if a == field else replace(a, b))
        elif moment == "put_in_place":
            patch.setattr(growing, "put_in_place", killed)
        else:
            rmtree = shutil.rmtree
            patch.setattr(shutil, "rmtree", lambda a, **k: killed() if a == field / ".before" else rmtree(a, **k))
        with pytest.raises(KeyboardInterrupt):
            sown(field, [1, 2, 3])
    left = next(f for f in (field, partial(field), partial(field) / ".before") if (f / "2").exists())
    assert (left / "1").read_text() == (left / "2").read_text() == "sown"
    run, new = sown(field, [1, 2, 3])
    assert new == [] if moment in ("work", "replace", "put_in_place", "rmtree") else [3]
    assert names(run.folder) == ["1", "2", "3", "run.json"]
    assert not partial(field).exists()


def test_a_finished_run_is_there_while_more_is_begun(tmp_path):
    sown(tmp_path / "field", [1, 2])
    run = Run.start(Sow(output=tmp_path / "field", seeds=[1, 2, 3]))
    (run.folder / "3").write_text("half")
    assert sown(tmp_path / "field", [1, 2])[0].results == {"seeds": [1, 2]}


def test_only_what_stands_behind_is_more():
    assert goes_on_from({"seeds": [1, 2]}, {"seeds": [1, 2, 3]})
    assert not goes_on_from({"seeds": [1, 2]}, {"seeds": [2, 1, 3]})
    assert goes_on_from({"seeds": []}, {"seeds": []})
