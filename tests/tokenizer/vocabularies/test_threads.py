import os
from collections import Counter

from mamebert.tokenizer.joining import learn_pieces
from mamebert.tokenizer.learning.threads import ASKED, NUMBER, training_threads


def test_threads_of_the_trainer_change_nothing_and_leave_the_environment(monkeypatch):
    monkeypatch.setenv(ASKED, "false")
    monkeypatch.delenv(NUMBER, raising=False)
    counts = Counter({f"{a}{b}{c}": 1 + ord(a) % 7 for a in "abcdefg" for b in "hijklm" for c in "nopqrs"})

    learnt = []
    for processes in (1, 2):
        with training_threads(processes):
            assert os.environ[ASKED] == ("false" if processes == 1 else "true")
            learnt.append(learn_pieces(counts, 120, 1, 0))

    assert learnt[0] == learnt[1]
    assert os.environ[ASKED] == "false"
    assert NUMBER not in os.environ
