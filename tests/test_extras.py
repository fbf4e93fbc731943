"""The optional parts: what the package declares is what it asks for."""

import json
import sys
import tomllib
from pathlib import Path

import pytest

from mamebert.errors import UserError
from mamebert.extras import EXTRAS, import_extra, require_extra

NOT_ASKED_FOR = {"docs", "dev", "embed", "realmodel"}
"""For those who build or test mamebert, or who open its folders with another package."""


def test_every_extra_that_is_declared_is_known_and_the_other_way_round():
    declared = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    assert set(EXTRAS) == set(declared["project"]["optional-dependencies"]) - NOT_ASKED_FOR


@pytest.mark.parametrize("name", EXTRAS)
def test_what_is_missing_is_told_with_the_way_out(name, monkeypatch):
    absent = EXTRAS[name].modules[0]
    monkeypatch.setitem(sys.modules, absent, None)
    with pytest.raises(UserError) as told:
        require_extra(name)
    way_out = EXTRAS[name].way_out
    remedy = f"pip install 'mamebert[{name}]'{f', or {way_out}' if way_out else ''}."
    assert f"the package {absent}. Install it with: {remedy}" in str(told.value)


def test_a_module_that_is_there_is_returned():
    assert import_extra("ja", "json") is json
    with pytest.raises(UserError, match=r"need the package \S*not_there"):
        import_extra("ja", "not_there")
