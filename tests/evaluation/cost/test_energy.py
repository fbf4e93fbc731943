import pytest
import torch

from mamebert.evaluation.cost import energy as module
from mamebert.evaluation.cost.energy import EnergyMeter, counters

CPU = torch.device("cpu")


@pytest.fixture
def clock(monkeypatch):
    now = [50.0]
    monkeypatch.setattr(module, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def counter(tmp_path, monkeypatch):
    """A package's counter that starts over at 1 kJ, and a part of the package, which must not count twice."""
    for name in ("intel-rapl:0", "intel-rapl:0:0"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "energy_uj").write_text("900000000\n")
        (tmp_path / name / "max_energy_range_uj").write_text("1000000000\n")
    monkeypatch.setattr(module, "POWERCAP", tmp_path)
    return tmp_path / "intel-rapl:0" / "energy_uj"


def test_counted_joules_survive_the_counter_starting_over(counter, clock):
    meter = EnergyMeter(CPU)
    clock[0] += 5
    counter.write_text("950000000\n")
    meter.read()
    clock[0] += 5
    counter.write_text("100000000\n")  # 50 J to the end of its range, and 100 more
    power = meter.power(busy_cores=2, gigabytes=1)
    assert power.watts == pytest.approx((50 + 150) / 10)
    assert "RAPL" in power.source
    assert counters(CPU) == ["RAPL"]


def test_without_a_counter_the_assumption_is_told(tmp_path, clock, monkeypatch):
    monkeypatch.setattr(module, "POWERCAP", tmp_path)
    power = EnergyMeter(CPU).power(busy_cores=1.5, gigabytes=2)
    assert power.watts == pytest.approx(1.5 * 12 + 2 * 0.3725)
    assert power.source.startswith("assumed: 12 W for each of 1.5 busy cores")
    assert counters(CPU) == []


def test_nothing_is_said_of_a_gpu_without_a_counter(monkeypatch):
    monkeypatch.setattr(module._GpuCounter, "of", lambda device: None)
    assert EnergyMeter(torch.device("cuda")).power(1, 1) is None
