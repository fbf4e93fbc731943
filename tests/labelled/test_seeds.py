import pytest

from mamebert.errors import UserError
from mamebert.stages.finetune.settings import FinetuneConfig


@pytest.mark.parametrize(("seeds", "why"), [([1, 1], "1 stands there twice"), ([1, -2], "-2 is no seed")])
def test_seeds_are_different_whole_numbers(seeds, why):
    with pytest.raises(UserError, match=why):
        FinetuneConfig(output="x", models={"N": "encoder"}, source="rows.csv", seeds=seeds)
