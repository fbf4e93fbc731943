"""What a fine-tuning tells of itself when it may have gone wrong."""

import pytest

from mamebert.results.labelled import SeedResult
from mamebert.stages.finetune.doubts import doubts


def seed(scores, losses, best, num_steps=600, numbers=None):
    return SeedResult(
        best_epoch=best,
        valid_by_epoch=scores,
        valid_loss_by_epoch=losses,
        validated_epochs=numbers or [*range(1, len(scores) + 1)],
        num_steps=num_steps,
    )


FINE = seed([0.5, 0.7, 0.6], [0.9, 0.5, 0.6], best=2)
FIRST = seed([0.7, 0.6, 0.6], [0.5, 0.6, 0.7], best=2, numbers=[2, 4, 6])
LAST = seed([0.5, 0.6, 0.7], [0.9, 0.8, 0.7], best=3)


@pytest.mark.parametrize(
    ("seeds", "told"),
    [
        ([FINE, FINE], []),
        ([seed([0.5, 0.7, 0.6], [0.9, 0.5, 0.6], 2, num_steps=30), FINE], ["It took 30 steps"]),
        ([FIRST, FIRST], ["The first epoch validated best"]),
        ([FIRST, FINE], []),
        ([LAST, LAST], ["The last epoch validated best"]),
        ([seed([0.5, 0.6, 0.7], [0.7, 0.8, 0.9], best=3)], []),  # surer of what is wrong: more epochs do not help
        ([seed([0.7], [0.5], best=1, num_steps=200)], []),  # there was no other epoch
        ([SeedResult(best_epoch=1, valid_by_epoch=[0.7])], []),  # a convex fit, or a run of before
    ],
    ids=["fine", "few steps", "first", "one of two", "last", "loss rises", "one epoch", "convex"],
)
def test_few_steps_and_a_best_epoch_at_either_end_are_told(seeds, told):
    found = doubts(seeds)
    assert len(found) == len(told)
    assert all(sentence.startswith(begins) for sentence, begins in zip(found, told, strict=True))
