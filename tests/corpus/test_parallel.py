import os
from functools import partial
from itertools import count, islice
from math import factorial
from time import monotonic, sleep

import pytest

from mamebert.corpus.parallel import begin_server, ordered_map
from mamebert.corpus.sentences import split_sentences
from mamebert.errors import UserError


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_items(processes):
    numbers = [5000, 1, 4000, 2, 3000, 3, 2000, 4]  # the first take longest
    assert list(ordered_map(factorial, numbers, processes)) == [factorial(number) for number in numbers]


@pytest.mark.parametrize("processes", [1, 2])
def test_endless_items_are_read_only_a_little_ahead(processes):
    read = count()
    assert list(islice(ordered_map(factorial, read, processes), 4)) == [1, 1, 2, 6]
    assert next(read) < 20


def test_errors_of_workers_reach_the_caller():
    with pytest.raises(UserError, match="no pysbd language"):
        list(ordered_map(partial(split_sentences, language="ga", splitter="pysbd"), ["a", "b"], 2))


def test_a_worker_that_dies_is_told_in_a_sentence():
    with pytest.raises(UserError, match="processes=1"):
        list(ordered_map(os._exit, [9] * 4, 2))


def test_what_is_abandoned_is_not_waited_for():
    items = [0, 600, 600, 600, 600, 600]
    results = ordered_map(sleep, items, 2, abandon=True)
    next(results)
    started = monotonic()
    results.close()
    assert monotonic() - started < 60


def test_one_item_is_worked_on_in_this_process():
    assert list(ordered_map(lambda item: os.getpid() + item, [0], 8)) == [os.getpid()]


@pytest.mark.parametrize("seconds_here", [0.0, 0.3, 60.0])
def test_processes_start_after_some_seconds_of_work_here(seconds_here):
    slowly = ["__import__('time').sleep(0.2) or __import__('os').getpid()"] * 4
    here = [pid == os.getpid() for pid in ordered_map(eval, slowly, 2, seconds_here=seconds_here)]

    assert here == {0.0: [False] * 4, 0.3: [True, True, False, False], 60.0: [True] * 4}[seconds_here]


def test_processes_come_off_a_server_that_was_begun():
    begin_server(factorial, 10**9, 2)
    work = partial(split_sentences, language="ga")
    assert list(ordered_map(work, ["A. B.", "C."] * 3, 2, start="server")) == [["A. B."], ["C."]] * 3
    assert list(ordered_map(factorial, [5, 4, 3], 2, start="server")) == [120, 24, 6]
