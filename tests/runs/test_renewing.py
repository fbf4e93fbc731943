import os
from typing import ClassVar

import pytest
from pydantic import Field

from mamebert.config import RunPath
from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.preflight.ahead import Ahead
from mamebert.runs import Run, StageConfig, growing, renewing


class Sow(StageConfig):
    command: ClassVar[str] = "sow"
    grows_by: ClassVar[tuple[str, ...]] = ("seeds",)
    seeds: list[int] = Field(default=[1])
    """Numbers."""


class Reap(StageConfig):
    command: ClassVar[str] = "reap"
    fields: list[RunPath]
    """What is reaped."""
    height: int = 5
    """Centimetres."""


class Tell(Reap):
    command: ClassVar[str] = "tell"
    grows_by: ClassVar[tuple[str, ...]] = ("fields",)


def sown(place, *seeds):
    run = Run.start(Sow(output=place, seeds=list(seeds)))
    if run.finished:
        return run
    (run.folder / "ears").mkdir(exist_ok=True)
    (run.folder / "ears" / "count").write_text(str(len(seeds)))
    return run.finish()


def begun(place, *fields, kind=Reap, **settings):
    """Reap in two steps, of which what is there already is not done again, as stages do."""
    run = Run.start(kind(output=place, fields=list(fields), **settings))
    for number, each in enumerate(fields):
        if not run.finished and not (run.folder / str(number)).exists():
            (run.folder / str(number)).write_text((each / "count").read_text())
            (run.folder / "steps").open("a").write("x")
    return run


def reaped(place, *fields, **more):
    run = begun(place, *fields, **more)
    return run if run.finished else run.finish()


@pytest.fixture
def farm(tmp_path):
    """A field, what was reaped of it, and a page about that; then more is sown."""
    sown(tmp_path / "field", 1, 2)
    reaped(tmp_path / "barn", tmp_path / "field" / "ears")
    (tmp_path / "barn" / "count").write_text("2")
    reaped(tmp_path / "page", tmp_path / "barn", kind=Tell)
    sown(tmp_path / "field", 1, 2, 3)
    return tmp_path


def test_what_was_made_of_a_grown_run_is_done_again_and_so_is_what_was_made_of_that(farm, capsys):
    assert (farm / "barn" / "0").read_text() == "2"
    first = Run.open(farm / "barn").id
    assert reaped(farm / "barn", farm / "field" / "ears").id != first
    assert (farm / "barn" / "0").read_text() == "3"
    told = capsys.readouterr().err
    assert f"reap is done again in {farm / 'barn'}: fields.0 is new ({farm / 'field' / 'ears'})." in told
    (farm / "barn" / "count").write_text("3")
    reaped(farm / "page", farm / "barn", kind=Tell)
    assert (farm / "page" / "0").read_text() == "3"
    assert sorted(each.name for each in farm.iterdir()) == ["barn", "field", "page"]
    assert not list(farm.rglob(".before"))
    assert reaped(farm / "barn", farm / "field" / "ears").finished


def test_before_the_first_stage_it_is_known_what_will_be_done_again(tmp_path):
    sown(tmp_path / "field", 1, 2)
    reaped(tmp_path / "barn", tmp_path / "field" / "ears")
    (tmp_path / "barn" / "count").write_text("2")
    reaped(tmp_path / "page", tmp_path / "barn")
    ahead = Ahead()
    states = []
    for config in (
        Sow(output=tmp_path / "field", seeds=[1, 2, 3]),
        Reap(output=tmp_path / "barn", fields=[tmp_path / "field" / "ears"]),
        Reap(output=tmp_path / "page", fields=[tmp_path / "barn"]),
    ):
        states.append(ahead.state(config))
        ahead.add(config)
    assert states == ["begun", "again", "again"]
    assert ahead.run_of(config).why_again() == f"fields.0 is new ({tmp_path / 'barn'})"


def test_the_old_results_stay_until_the_new_are_whole(farm):
    run = begun(farm / "barn", farm / "field" / "ears")
    assert (farm / "barn" / "0").read_text() == "2"
    assert not (run.folder / ".before").exists()


def test_another_setting_is_refused_all_the_same(farm):
    with pytest.raises(UserError, match="height was 5, now 6"):
        reaped(farm / "barn", farm / "field" / "ears", height=6)


def test_another_input_is_refused_all_the_same(farm):
    sown(farm / "other", 7)
    with pytest.raises(UserError, match=r"fields\.0 \(content\) was"):
        reaped(farm / "barn", farm / "other" / "ears")


def test_a_list_of_inputs_grows(farm, capsys):
    reaped(farm / "barn", farm / "field" / "ears")
    (farm / "barn" / "count").write_text("3")
    assert reaped(farm / "page", farm / "barn", farm / "field" / "ears", kind=Tell).finished
    assert ((farm / "page" / "0").read_text(), (farm / "page" / "1").read_text()) == ("3", "3")
    sown(farm / "other", 7)
    fields = [farm / "barn", farm / "field" / "ears", farm / "other" / "ears"]
    reaped(farm / "page", *fields, kind=Tell)
    assert (farm / "page" / "steps").read_text() == "xxx"  # the first two were not done again
    with pytest.raises(UserError, match="holds a run made with other settings"):
        reaped(farm / "page", *fields[::-1], kind=Tell)


def test_what_was_begun_with_an_earlier_input_is_begun_anew(tmp_path):
    sown(tmp_path / "field", 1)
    begun(tmp_path / "barn", tmp_path / "field" / "ears")
    sown(tmp_path / "field", 1, 2)
    assert Ahead().state(Reap(output=tmp_path / "barn", fields=[tmp_path / "field" / "ears"])) == "again"
    run = reaped(tmp_path / "barn", tmp_path / "field" / "ears")
    assert (run.folder / "0").read_text() == "2"
    assert (run.folder / "steps").read_text() == "x"


@pytest.mark.parametrize("moment", ["remove", "write_record", "finish", "replace", "put_in_place"])
def test_a_kill_at_any_moment_loses_nothing_and_mixes_nothing(farm, monkeypatch, moment):
    barn, ears = farm / "barn", farm / "field" / "ears"
    working = partial(barn)
    if moment == "remove":  # something lies there, of a run that was stopped before the field had grown
        sown(farm / "young", 1)
        begun(farm / "old", farm / "young" / "ears")
        sown(farm / "young", 1, 2)
        barn, ears, working = farm / "old", farm / "young" / "ears", partial(farm / "old")

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        if moment == "remove":
            patch.setattr(renewing, "remove", lambda each: (each.unlink(), killed()))
        elif moment == "write_record":
            patch.setattr(Run, "_write_record", killed)
        elif moment == "finish":
            patch.setattr(Run, "finish", killed)
        elif moment == "replace":
            replace = os.replace
            patch.setattr(os, "replace", lambda a, b: killed() if a == barn else replace(a, b))
        else:
            patch.setattr(growing, "put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            reaped(barn, ears)
    if moment != "remove":
        old = next(each for each in (barn, working / ".before") if each.exists())
        assert (old / "0").read_text() == "2"
    run = reaped(barn, ears)
    assert (run.folder / "0").read_text() == (ears / "count").read_text()
    assert (run.folder / "steps").read_text() == "x"  # what was done of the new is not done twice
    assert not working.exists()
    assert not (barn / ".before").exists()


def test_old_results_on_their_way_out_come_back_where_the_new_ones_are_old_again(farm, monkeypatch):
    barn, ears = farm / "barn", farm / "field" / "ears"

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(growing, "put_in_place", killed)
        with pytest.raises(KeyboardInterrupt):
            reaped(barn, ears)
    sown(farm / "field", 1, 2, 3, 4)
    begun(barn, ears)
    assert (barn / "0").read_text() == "2"
    reaped(barn, ears)
    assert (barn / "0").read_text() == "4"
