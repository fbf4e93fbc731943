import re

import pytest
import torch

from mamebert import doctor, kernels, stages
from mamebert.evaluation.cost.peak_flops import Peak


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setattr(doctor, "product_peak", lambda *place: Peak(123e9, "invented"))


def test_every_fact_is_one_line_and_all_is_well_that_ends_with_zero(mamebert):
    said = mamebert("doctor")
    assert said.code == 0
    lines = said.out.splitlines()
    assert all(re.match(r"(OK     |warning) \S.*: +\S", line) for line in lines)
    told = " ".join(lines)
    for word in ("Python", f"torch {torch.__version__}", "processor", "memory", "disk", "bfloat16", "123 GFLOP/s"):
        assert word in told
    assert kernels.status().path in told or "not in use" in told


def test_what_is_missing_comes_with_the_way_out(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    monkeypatch.setattr(doctor.kernels, "status", lambda: kernels.Status("torch", "there is no C++ compiler."))
    monkeypatch.setattr(doctor, "MEMORY_WANTED", 1e18)
    monkeypatch.setattr(doctor, "pick_device", lambda name: torch.device("cpu"))
    found = {finding.name: finding for finding in doctor.findings()}
    assert "pip install 'mamebert[ja]'" in found["extra ja"].remedy
    assert "g++" in found["native kernels"].remedy
    assert found["memory"].remedy
    assert str(found["memory"]).startswith("warning")


def test_it_is_a_verb_and_no_stage(mamebert):
    assert "doctor" not in stages.names()
    assert " doctor " in mamebert("--help").out
