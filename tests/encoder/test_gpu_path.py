"""What runs on a GPU, here on a CPU with a plain stand-in for torch's GPU attention; `gpu` tests ask the real one."""

import numpy as np
import pytest
import torch
from torch.testing import assert_close

from mamebert.encoder import attention
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import SEQUENCE_STEP, Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.kernels import torch_only

SHAPE = EncoderConfig(hidden_size=32, num_hidden_layers=3, num_attention_heads=2, hidden_dropout_prob=0.0)


def one_by_one(query, key, value, query_spans, key_spans, longest, reach=-1):
    assert query_spans.dtype == key_spans.dtype == torch.int32
    assert len(query_spans) == len(key_spans)
    owner_q, owner_k = (
        torch.searchsorted(spans, torch.arange(len(part)), right=True)
        for spans, part in ((query_spans.long(), query), (key_spans.long(), key))
    )
    scores = torch.einsum("qhd,khd->hqk", query, key) / query.shape[-1] ** 0.5
    scores = scores.masked_fill(owner_q[:, None] != owner_k[None, :], float("-inf"))
    return torch.einsum("hqk,khd->qhd", scores.softmax(-1), value)


@pytest.fixture
def pretend(monkeypatch):
    monkeypatch.setattr(attention, "on_gpu", lambda hidden: True)
    monkeypatch.setattr(attention, "gpu_attention", one_by_one)


def packed(lengths, seed=0):
    rng = np.random.default_rng(seed)
    places = torch.from_numpy(np.sort(rng.permutation(sum(lengths))[:20]))
    return Packed.of([rng.integers(5, 90, n) for n in lengths]), places


def test_packed_gpu_attention_gives_what_grouped_attention_gives(monkeypatch):
    torch.manual_seed(0)
    network = PretrainingNetwork(SHAPE, 90)
    batch, places = packed([40, 33, 12, 1])
    with torch_only(), torch.no_grad():
        whole, some = network.bert(batch), network.bert(batch, places)
        monkeypatch.setattr(attention, "on_gpu", lambda hidden: True)
        monkeypatch.setattr(attention, "gpu_attention", one_by_one)
        assert_close(network.bert(batch), whole)
        assert_close(network.bert(batch, places), some)


def test_spans_and_longest_seldom_change():
    first, second = packed([40, 33, 12, 1])[0], packed([50, 36])[0]
    assert len(first.spans) == len(second.spans) == SEQUENCE_STEP + 1
    assert first.longest == second.longest == 128
    assert first.spans[:5].tolist() == [0, 40, 73, 85, 86]
    assert set(first.spans[5:].tolist()) == {86}


@pytest.mark.slow
@pytest.mark.usefixtures("pretend")
def test_a_compiled_layer_serves_batches_of_other_lengths(monkeypatch):
    torch.manual_seed(0)
    network = PretrainingNetwork(SHAPE, 90)
    batches = [packed(lengths, seed) for seed, lengths in enumerate(([40, 33, 12, 1], [50, 36], [20, 20, 20, 20, 6]))]
    with torch_only():
        expected = [network.bert(*batch) for batch in batches]
        network.bert.compile_layers(backend="aot_eager")
        network.bert(*batches[0]).sum().backward()
        monkeypatch.setattr(torch._dynamo.config, "error_on_recompile", True)
        for batch, values in zip(batches, expected, strict=True):
            found = network.bert(*batch)
            found.sum().backward()
            assert_close(found, values)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("compiled", [False, True])
def test_on_a_gpu_bfloat16_is_near_float32(compiled):
    torch.manual_seed(0)
    network = PretrainingNetwork(SHAPE.model_copy(update={"hidden_size": 64, "intermediate_size": 256}), 90).cuda()
    batch, places = packed([40, 33, 12, 1])
    batch, places = batch.to(torch.device("cuda")), places.cuda()
    exact = network.bert(batch, places)
    network.bert.compute_dtype = torch.bfloat16
    if compiled:
        network.bert.compile_layers()
    found = network.bert(batch, places)
    assert_close(found.float(), exact, atol=0.05, rtol=0.05)
    loss = network.cls.predictions.loss(found, batch.ids[places])
    loss.backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
