import pytest
import torch

from mamebert.evaluation.cost import peak_flops as module
from mamebert.evaluation.cost.peak_flops import product_peak


@pytest.fixture(autouse=True)
def forgotten():
    product_peak.cache_clear()
    yield
    product_peak.cache_clear()


def test_the_peak_is_the_best_of_some_products(monkeypatch):
    seconds = iter([0.3, 0.2, 0.5, 0.4, 0.25])
    monkeypatch.setattr(module, "_seconds", lambda a, b, threads: next(seconds))
    found = product_peak(torch.device("cpu"), torch.float32, 2)
    assert found.flops == 2 * 512**3 / 0.2
    assert "512" in found.source


def test_a_fast_machine_gets_larger_matrices_up_to_a_bound(monkeypatch):
    sizes = []
    monkeypatch.setattr(module, "_seconds", lambda a, b, threads: sizes.append(len(a)) or 1e-3)
    product_peak(torch.device("cpu"), torch.float32, 2)
    assert max(sizes) == 2048


def test_a_known_gpu_has_its_data_sheet_in_bfloat16(monkeypatch):
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "NVIDIA H100 PCIe")
    assert product_peak(torch.device("cuda"), torch.bfloat16, 1).flops == 756e12


def test_this_machine_has_one():
    assert product_peak(torch.device("cpu"), torch.float32, torch.get_num_threads()).flops > 1e8
