"""Seeds that a run is repeated with."""

from typing import Annotated

from pydantic import AfterValidator


def _each_once(seeds: list[int]) -> list[int]:
    if twice := sorted({seed for seed in seeds if seeds.count(seed) > 1}):
        raise ValueError(f"{twice[0]} stands there twice, and one seed gives one result. Give each seed once.")
    if below := [seed for seed in seeds if seed < 0]:
        raise ValueError(f"{below[0]} is no seed. Give whole numbers from 0.")
    return seeds


Seeds = Annotated[list[int], AfterValidator(_each_once)]
