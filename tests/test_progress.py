import io
import sys

import pytest

from mamebert import progress as module
from mamebert.progress import Meter, progress, say


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(module, "monotonic", clock)
    return clock


def test_lines_tell_how_much_how_fast_and_how_long_still(clock, capsys):
    with Meter("pretrain", 100, "steps") as meter:
        for _ in range(4):
            clock.now += 5
            meter.advance(10, note="loss 3.2")
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "pretrain: 20/100 steps  2/s  loss 3.2  0m40s left",
        "pretrain: 40/100 steps  2/s  loss 3.2  0m30s left",
        "pretrain: 40/100 steps  2/s  loss 3.2  0m30s left",
    ]


def test_lines_do_not_come_more_often_than_every_ten_seconds(clock, capsys):
    with Meter("work", None, "files") as meter:
        for _ in range(1000):
            clock.now += 0.1
            meter.advance()
    assert len(capsys.readouterr().err.splitlines()) <= 11


def test_what_was_done_before_counts_as_done_but_not_as_speed(clock, capsys):
    with Meter("pretrain", 100, "steps", done=90) as meter:
        clock.now += 10
        meter.advance(5)
    assert capsys.readouterr().err.splitlines()[-1] == "pretrain: 95/100 steps  0.5/s  0m10s left"


def test_the_rate_follows_a_change_and_forgets_what_is_long_ago(clock, capsys):
    with Meter("pretrain", 10_000, "steps") as meter:
        for _ in range(300):
            clock.now += 1
            meter.advance(10)
        for _ in range(130):
            clock.now += 1
            meter.advance(1)
    assert capsys.readouterr().err.splitlines()[-1] == "pretrain: 3130/10k steps  1/s  1h54m left"


def test_an_interrupted_meter_still_says_its_last_figures(clock, capsys):
    def interrupted():
        with Meter("work", 10, "files") as meter:
            meter.advance(3)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert "work: 3/10 files" in capsys.readouterr().err


def test_on_a_terminal_there_is_a_bar(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("TERM", "xterm")
    with Meter("work", 4, "files") as meter:
        meter.advance(4)
    assert "work" in sys.stderr.getvalue()
    assert "4/4 files" in sys.stderr.getvalue()


def test_items_pass_through_counted(capsys):
    assert list(progress([1, 2, 3], "work", "items")) == [1, 2, 3]
    assert list(progress(iter("ab"), "work", "letters", total=2)) == ["a", "b"]
    assert list(progress([], "nothing", "items")) == []
    lines = capsys.readouterr().err.splitlines()
    assert lines[0].startswith("work: 3/3 items")
    assert lines[1].startswith("work: 2/2 letters")


@pytest.mark.parametrize(
    ("number", "text"),
    [(0, "0"), (0.5, "0.5"), (9999, "9999"), (12_345, "12.35k"), (3_000_000, "3M"), (2.5e9, "2.5G")],
)
def test_numbers_are_short(number, text):
    assert module._short(number) == text


def test_time_left_is_read_like_a_clock():
    assert [module._clock(s) for s in (0, 59.9, 61, 3600, 90_061)] == ["0m00s", "0m59s", "1m01s", "1h00m", "25h01m"]


def test_say_goes_to_stderr(capsys):
    say("豆")
    assert capsys.readouterr() == ("", "豆\n")


def test_a_total_that_was_an_estimate_is_never_passed(capsys):
    with Meter("training", 96, "steps") as meter:
        meter.advance(97)
    assert "97/97 steps" in capsys.readouterr().err


def test_a_title_is_no_markup_and_gives_no_orders_to_a_terminal(monkeypatch):
    terminal = io.StringIO()
    monkeypatch.setattr(terminal, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", terminal)
    with Meter("finetune [/x] [red]\x1b]0;title\a", 10, "rows") as meter:
        meter.advance(3, note="[/b]")
    assert "finetune [/x] [red]\\x1b]0;title\\x07" in terminal.getvalue()
    assert "[/b]" in terminal.getvalue()
