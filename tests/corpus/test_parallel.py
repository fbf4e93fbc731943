import os
from itertools import count, islice
from time import sleep

import pytest

from mamebert.corpus.parallel import ordered_map
from mamebert.errors import UserError


def slow_square(number):
    sleep(0.002 * (5 - number % 5))
    return number * number


def give_up(number):
    raise UserError(f"No {number}.")


def die(number):
    os._exit(9)


@pytest.mark.parametrize("processes", [1, 2])
def test_results_come_in_the_order_of_the_items(processes):
    assert list(ordered_map(slow_square, range(20), processes)) == [n * n for n in range(20)]


@pytest.mark.parametrize("processes", [1, 2])
def test_endless_items_are_read_only_a_little_ahead(processes):
    read = count()
    assert list(islice(ordered_map(slow_square, read, processes), 3)) == [0, 1, 4]
    assert next(read) < 20


def test_errors_of_workers_reach_the_caller():
    with pytest.raises(UserError, match="No 0"):
        list(ordered_map(give_up, range(4), 2))


def test_a_worker_that_dies_is_told_in_a_sentence():
    with pytest.raises(UserError, match="processes=1"):
        list(ordered_map(die, range(4), 2))


def test_one_item_is_worked_on_in_this_process():
    assert list(ordered_map(lambda item: os.getpid() + item, [0], 8)) == [os.getpid()]
