import subprocess
import sys
import threading
import time

import pytest

from mamebert.objectives.data.ahead import ahead


def test_items_come_in_order_and_all():
    assert list(ahead(range(50))) == list(range(50))
    assert list(ahead([])) == []
    assert list(ahead([None, 0, ""])) == [None, 0, ""]


def test_items_are_made_before_they_are_asked_for_but_not_many():
    made = []

    def items():
        for number in range(20):
            made.append(number)
            yield number

    found = ahead(items(), depth=2)
    assert next(found) == 0
    deadline = time.monotonic() + 10
    while len(made) < 3 and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(0.05)
    assert made == [0, 1, 2]
    found.close()


def test_an_error_comes_where_its_item_would_have_come():
    def items():
        yield 1
        yield 2
        raise ValueError("third")

    found = ahead(items())
    assert [next(found), next(found)] == [1, 2]
    with pytest.raises(ValueError, match="third"):
        next(found)
    with pytest.raises(StopIteration):
        next(found)


def test_the_thread_ends_when_the_caller_stops():
    before = threading.active_count()
    found = ahead(range(10**9))
    next(found)
    assert threading.active_count() == before + 1
    del found
    assert threading.active_count() == before
    list(ahead(range(3)))
    assert threading.active_count() == before


def test_a_script_that_ends_amid_the_items_ends_quietly():
    code = "from mamebert.objectives.data.ahead import ahead\nmade = ahead(iter(range(1000)))\nprint(next(made))\n"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "0\n", "")
