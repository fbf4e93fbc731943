from datetime import date
from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field

from mamebert.config import Config, RunPath, build, parse_pair, read_settings
from mamebert.errors import UserError


class Asks(Config):
    name: str = ""
    folder: Path = Path()
    run: RunPath | None = None
    names: list[str] = Field(default=[])
    by_name: dict[str, str] = Field(default={})
    number: int = 0
    share: Annotated[float, Field(ge=0)] = 0.0
    most: Annotated[int, Field(ge=0)] | None = None
    numbers: list[int] = Field(default=[])
    widths: list[Literal[1, 3]] = Field(default=[])
    pair: tuple[float, float] | None = None
    either: dict[str, str | int] = Field(default={})


@pytest.mark.parametrize("written", ["20240101", "1_000", "1e5", "0x10", "inf", "2024-01-01", "true", "1.50", "007"])
def test_a_text_that_looks_like_a_number_is_the_text_that_was_written(written):
    pairs = [f"{name}={written}" for name in ("name", "folder", "run", "by_name.a")]
    asked = build(Asks, read_settings(pairs))
    assert [asked.name, str(asked.folder), str(asked.run), asked.by_name["a"]] == [written] * 4


def test_numbers_in_files_and_from_python_are_texts_too():
    asked = build(Asks, {"name": 1, "names": [0, 1, "x"], "folder": 2024, "by_name": {"a": 1.5}})
    assert asked == Asks(name="1", names=["0", "1", "x"], folder=Path("2024"), by_name={"a": "1.5"})
    assert Asks(name=True, names=[date(2024, 1, 1)]) == Asks(name="true", names=["2024-01-01"])


def test_one_value_may_stand_without_its_list():
    asked = build(Asks, read_settings(["names=document", "numbers=3", "widths=1"]))
    assert (asked.names, asked.numbers, asked.widths) == (["document"], [3], [1])


def test_numbers_stay_numbers_where_numbers_are_asked_for():
    asked = build(Asks, read_settings(["number=1_000", "either.a=1", "pair=[1, 2]"]))
    assert (asked.number, asked.either, asked.pair) == (1000, {"a": 1}, (1, 2))
    assert parse_pair("a=1e-3") == {"a": 1e-3}


@pytest.mark.parametrize(
    "wrong",
    [
        {"names": "[a, b"},
        {"number": "x"},
        {"name": ["a"]},
        {"numbers": "x"},
        {"pair": 1},
        {"number": True},
        {"numbers": [True]},
        {"share": False},
        {"most": True},
    ],
)
def test_other_types_are_still_refused(wrong):
    with pytest.raises(UserError, match=next(iter(wrong))):
        build(Asks, wrong)
