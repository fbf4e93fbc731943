import errno
import json
import subprocess
import sys
from typing import ClassVar

import pytest

from mamebert.config import RunPath
from mamebert.errors import UserError
from mamebert.files.disk import disk_errors, need_space, partial
from mamebert.runs import Run, Source, StageConfig, identity, sources_behind


class Bake(StageConfig):
    command: ClassVar[str] = "bake"
    heat: int = 180
    """Degrees."""
    dough: RunPath | None = None
    """An earlier run."""
    processes: int = 0
    """Cores."""


def finished(folder, **settings):
    run = Run.start(Bake(output=folder, **settings))
    return run if run.finished else run.finish()


def test_a_run_has_its_final_name_only_when_it_is_whole(tmp_path):
    run = Run.start(Bake(output=tmp_path / "bread"))
    run.record(loss=1.5)
    assert not (tmp_path / "bread").exists()
    run.results["crumbs"] = 3
    run.finish()
    assert not partial(tmp_path / "bread").exists()
    again = Run.open(tmp_path / "bread")
    assert (again.results, again.metrics(), again.command) == ({"crumbs": 3}, [{"loss": 1.5}], "bake")


def test_a_finished_run_is_not_done_again(tmp_path):
    finished(tmp_path / "bread")
    assert Run.start(Bake(output=tmp_path / "bread", processes=7)).finished


def test_other_settings_are_refused_and_named(tmp_path):
    finished(tmp_path / "bread")
    with pytest.raises(UserError, match=r"heat was 180, now 200.*Choose another output"):
        Run.start(Bake(output=tmp_path / "bread", heat=200))


def test_an_unfinished_run_with_other_settings_is_refused_too(tmp_path):
    Run.start(Bake(output=tmp_path / "bread")).record(crumbs=1)
    with pytest.raises(UserError, match="heat was 180, now 200"):
        Run.start(Bake(output=tmp_path / "bread", heat=200))


def test_a_run_that_stopped_before_it_made_anything_can_be_started_with_mended_settings(tmp_path):
    (Run.start(Bake(output=tmp_path / "bread")).folder / "seeds").mkdir()
    run = Run.start(Bake(output=tmp_path / "bread", heat=200)).finish()
    assert Run.open(run.final).settings["heat"] == 200


def test_a_failed_try_can_be_repeated_in_the_same_process(tmp_path):
    first = Run.start(Bake(output=tmp_path / "bread"))  # an error leaves it behind, in the memory of a notebook
    assert Run.start(Bake(output=tmp_path / "bread")).finish().finished
    assert not first.finished


def test_a_run_depends_on_what_its_inputs_are_not_on_where_they_lie(tmp_path):
    for name in ("a", "b"):
        finished(tmp_path / name)
    finished(tmp_path / "hot", heat=300)
    ids = [Run.start(Bake(output=tmp_path / f"loaf-{n}", dough=tmp_path / n)).id for n in ("a", "b", "hot")]
    assert ids[0] == ids[1] != ids[2]


def test_a_folder_inside_a_run_and_a_folder_from_elsewhere_have_identities(tmp_path):
    run = finished(tmp_path / "bread")
    (tmp_path / "bread" / "crust").mkdir()
    assert identity(tmp_path / "bread" / "crust") == f"{run.id}/crust"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").write_text("1")
    before = identity(tmp_path / "other")
    (tmp_path / "other" / "file").write_text("2")
    assert identity(tmp_path / "other") != before


def test_sources_are_handed_down(tmp_path):
    Run.start(Bake(output=tmp_path / "a"), [Source("field", "1234")]).finish()
    finished(tmp_path / "b", dough=tmp_path / "a")
    assert sources_behind(tmp_path / "b") == [{"name": "field", "sha256": "1234"}]
    assert sources_behind(tmp_path) == []


def test_a_missing_input_tells_whether_its_stage_was_begun(tmp_path):
    with pytest.raises(UserError, match="There is no folder"):
        Run.start(Bake(output=tmp_path / "loaf", dough=tmp_path / "nowhere"))
    Run.start(Bake(output=tmp_path / "begun"))
    with pytest.raises(UserError, match="not finished"):
        Run.start(Bake(output=tmp_path / "loaf", dough=tmp_path / "begun"))


def test_a_folder_that_is_no_run_is_never_written_over(tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter-1.txt").write_text("years of work")
    with pytest.raises(UserError, match="no run folder"):
        Run.start(Bake(output=tmp_path / "thesis"))


HOLDER = """
import sys
from pathlib import Path
from typing import ClassVar
from mamebert.runs import Run, StageConfig
class Bake(StageConfig):
    command: ClassVar[str] = "bake"
run = Run.start(Bake(output=Path(sys.argv[1])))
print("held", flush=True)
sys.stdin.read()
"""


def test_two_processes_cannot_work_on_one_folder(tmp_path):
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "bread")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"held\n"
        (partial(tmp_path / "bread") / "run.json").unlink()  # as if it had the same settings as ours
        with pytest.raises(UserError, match="Another process"):
            Run.start(Bake(output=tmp_path / "bread"))
        other.kill()
    assert not Run.start(Bake(output=tmp_path / "bread")).finished  # the lock went with the process


def test_a_run_that_another_process_finished_meanwhile_is_taken(tmp_path, monkeypatch):
    lock = Run._lock

    def late(run):
        monkeypatch.undo()
        finished(tmp_path / "bread")  # by the other process
        run.folder.mkdir()
        lock(run)

    monkeypatch.setattr(Run, "_lock", late)
    assert Run.start(Bake(output=tmp_path / "bread")).finished
    assert not partial(tmp_path / "bread").exists()


@pytest.mark.parametrize("torn", [b'{"step": 2, "lo', b'{"step": 2, "lo\x00\x00\x00\n{"step": 3}\n', b"\xe8\xb1"])
def test_what_follows_a_torn_line_of_metrics_is_left_out_and_nothing_is_lost_after_it(tmp_path, torn):
    run = Run.start(Bake(output=tmp_path / "bread"))
    run.record(step=1)
    with (run.folder / "metrics.jsonl").open("ab") as file:
        file.write(torn)
    assert run.metrics() == [{"step": 1}]
    again = Run.start(Bake(output=tmp_path / "bread"))
    again.keep_metrics(again.metrics())
    again.record(step=2)
    assert again.metrics() == [{"step": 1}, {"step": 2}]


def test_a_torn_last_line_does_not_swallow_the_next(tmp_path):
    run = Run.start(Bake(output=tmp_path / "bread"))
    run.record(step=1)
    with (run.folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    Run.start(Bake(output=tmp_path / "bread")).record(step=2)
    assert run.metrics() == [{"step": 1}, {"step": 2}]


def test_a_record_of_another_version_is_told(tmp_path):
    run = finished(tmp_path / "bread")
    record = json.loads((run.final / "run.json").read_text())
    del record["results"], record["sha256"]
    (run.final / "run.json").write_text(json.dumps({**record, "versions": {"mamebert": "0.0.7"}}))
    with pytest.raises(UserError, match=r"made by mamebert 0\.0\.7.*run the stage again"):
        Run.open(tmp_path / "bread")


def test_a_number_changed_in_a_record_is_told_by_whoever_reads_it(tmp_path):
    run = Run.start(Bake(output=tmp_path / "bread"))
    run.results["crumbs"] = 3
    file = run.finish().final / "run.json"
    file.write_text(file.read_text().replace('"crumbs": 3', '"crumbs": 4'))
    told = r'run\.json was changed since it was written\. .* on purpose, delete the line "sha256" in it\.'
    for read in (Run.open, identity, sources_behind, lambda folder: Run.start(Bake(output=folder))):
        with pytest.raises(UserError, match=told):
            read(tmp_path / "bread")
    # Allowed, and so are records from before there were hashes.
    file.write_text("\n".join(line for line in file.read_text().splitlines() if '"sha256"' not in line))
    assert Run.open(tmp_path / "bread").results == {"crumbs": 4}


def test_the_layout_of_a_record_is_no_part_of_what_it_says(tmp_path):
    run = Run.start(Bake(output=tmp_path / "bread"))
    run.results |= {"é": float("nan"), "pair": (1, 2), "by size": {3: 0.1}, "odd": "\udcff"}
    file = run.finish().final / "run.json"
    file.write_text(json.dumps(dict(reversed(json.loads(file.read_text()).items()))))
    assert Run.open(tmp_path / "bread").results["by size"] == {"3": 0.1}


def test_a_damaged_record_is_told(tmp_path):
    finished(tmp_path / "bread")
    (tmp_path / "bread" / "run.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        Run.open(tmp_path / "bread")


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.ENOSPC, "disk is full"), (errno.EACCES, "no permission"), (errno.EIO, "disk failed")],
)
def test_disk_trouble_is_a_sentence(tmp_path, number, sentence):
    with pytest.raises(UserError, match=sentence), disk_errors(tmp_path):
        raise OSError(number, "trouble")


def test_missing_space_is_told_before_work_starts(tmp_path):
    need_space(tmp_path / "not" / "there" / "yet", 1, "Shards")
    with pytest.raises(UserError, match=r"Shards need about .* MB free"):
        need_space(tmp_path, 10**18, "Shards")


def test_the_run_around_a_folder_is_the_nearest_one_and_folders_from_elsewhere_have_none(tmp_path):
    done = finished(tmp_path / "bread")
    (tmp_path / "bread" / "model").mkdir()
    (tmp_path / "bread" / "model" / "run.json").write_text("{}")  # of another program
    assert Run.around(tmp_path / "bread" / "model").id == done.id
    assert Run.around(tmp_path) is None
