"""The native kernels do what torch does: values, gradients, and no dependence on threads or batch-mates."""

import subprocess
import sys
from contextlib import nullcontext

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.testing import assert_close

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.kernels import dense, embeddings, status, torch_only
from mamebert.kernels.native import INSTRUCTION_SETS, _instruction_set, _processor_flags, native

VOCAB = 203
SHAPE = EncoderConfig(
    hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=96, max_position_embeddings=130,
    hidden_dropout_prob=0.0,
)  # fmt: skip

needs_native = pytest.mark.skipif(status().path == "torch", reason=f"no native kernels here: {status().reason}")
pytestmark = needs_native


def scrambled(dtype=torch.float32, **shape):
    torch.manual_seed(1)
    network = PretrainingNetwork(SHAPE.model_copy(update=shape), VOCAB)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    network.bert.compute_dtype = dtype
    return network


def packed(lengths, seed=0):
    rng = np.random.default_rng(seed)
    batch = Packed.of([rng.integers(5, VOCAB, n) for n in lengths], [rng.integers(0, 2, n) for n in lengths])
    total = sum(lengths)
    places = torch.from_numpy(np.sort(rng.permutation(total)[: max(1, total // 7)]))
    return batch, places


def learn(network, batch, places, path):
    network.zero_grad()
    with path():
        loss = network.cls.predictions.loss(network.bert(batch, places), batch.ids[places])
        loss.backward()
    return loss.detach(), {n: p.grad.clone() for n, p in network.named_parameters() if p.grad is not None}


def off(found, expected):
    """Return the largest distance of any gradient, as a share of its length."""
    size = {n: g.norm() for n, g in expected.items()}
    largest = max(size.values())
    # A key's bias moves all scores of a query alike, so its true gradient is 0.
    return max(float((found[n] - g).norm() / size[n]) for n, g in expected.items() if size[n] > 1e-5 * largest)


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 130), min_size=1, max_size=9), st.integers(0, 2**31))
def test_loss_and_gradients_are_those_of_torch(lengths, seed):
    network, batch = scrambled(), packed(lengths, seed)
    ours, theirs = (learn(network, *batch, path) for path in (nullcontext, torch_only))
    assert_close(ours[0], theirs[0], rtol=1e-6, atol=1e-6)
    assert off(ours[1], theirs[1]) < 1e-5


def test_bfloat16_is_as_near_to_float32_as_that_of_torch():
    batch = packed([130, 64, 33, 5])
    exact = learn(scrambled(), *batch, torch_only)
    network = scrambled(torch.bfloat16)
    ours, theirs = (learn(network, *batch, path) for path in (nullcontext, torch_only))
    assert abs(ours[0] - exact[0]) < 0.01 * exact[0]
    assert off(ours[1], exact[1]) < 1.5 * off(theirs[1], exact[1])


def test_a_sequence_does_not_depend_on_its_batch_mates():
    network = scrambled().eval()
    rng = np.random.default_rng(0)
    first, *others = [rng.integers(5, VOCAB, n) for n in (57, 130, 3, 88)]
    with torch.no_grad():
        alone, together = network.bert(Packed.of([first])), network.bert(Packed.of([first, *others]))
    assert_close(alone, together[:57], rtol=1e-5, atol=1e-5)


def test_only_the_rows_wanted_give_the_same_rows():
    network, (batch, places) = scrambled(), packed([50, 49, 7])
    for path in (nullcontext, torch_only):
        with path(), torch.no_grad():
            assert_close(network.bert(batch, places), network.bert(batch)[places], rtol=1e-5, atol=1e-5)


def test_the_number_of_threads_changes_no_bit_of_what_the_kernels_add_up():
    torch.manual_seed(0)
    hidden, before = torch.randn(700, 64), torch.randn(700, 64)
    weights = [torch.randn(64, 64), torch.randn(64), torch.randn(64), torch.randn(64)]

    def gradients(threads):
        torch.set_num_threads(threads)
        leaves = [w.clone().requires_grad_() for w in weights]
        torch.manual_seed(3)
        out = dense.linear_add_norm(hidden, before, tuple(leaves[:2]), tuple(leaves[2:]), 1e-12, 0.1)
        out.square().sum().backward()
        return [leaf.grad for leaf in leaves[1:]]  # the first is torch's own product

    try:
        for one, three in zip(gradients(1), gradients(3), strict=True):
            assert torch.equal(one, three)
    finally:
        torch.set_num_threads(1)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_drops_its_share_and_backward_knows_which(rate):
    torch.manual_seed(0)
    ones, nothing = torch.ones(2000, 64), torch.zeros(2000, 64)
    bias = torch.zeros(64)
    table = torch.eye(64) * torch.arange(1, 65)  # a dense layer that gives column j the value j + 1
    hidden = ones.clone().requires_grad_()
    out = dense.linear_add_norm(hidden, nothing, (table, bias), (torch.ones(64), bias), 1e-12, rate)
    # what was dropped lies where a zero comes to lie after the norm: below all others of its row
    dropped = out <= out.min(dim=1, keepdim=True).values + 1e-6
    assert abs(dropped.float().mean().item() - rate) < 0.01
    (out * torch.randn_like(out)).sum().backward()
    assert torch.equal(hidden.grad == 0, dropped)
    again = dense.linear_add_norm(ones, nothing, (table, bias), (torch.ones(64), bias), 1e-12, rate)
    assert not torch.equal(out, again)  # another call, another seed


def test_embeddings_drop_their_output():
    torch.manual_seed(0)
    ids = tuple(torch.randint(0, n, (500,)) for n in (20, 10, 2))
    tables = tuple(torch.randn(n, 64, requires_grad=True) for n in (20, 10, 2))
    norm = (torch.ones(64), torch.zeros(64))
    kept = embeddings.summed_embeddings(ids, tables, norm, torch.float32, 1e-12, 0.25)
    whole = embeddings.summed_embeddings(ids, tables, norm, torch.float32, 1e-12, 0.0)
    assert abs((kept == 0).float().mean().item() - 0.25) < 0.01
    assert_close(kept[kept != 0], whole[kept != 0] / 0.75)


def test_going_backward_twice_is_refused():
    hidden = torch.randn(4, 32, requires_grad=True)
    out = dense.linear_gelu(hidden, torch.randn(32, 32), torch.zeros(32, requires_grad=True)).sum()
    out.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="torch_only"):
        out.backward()


def test_what_fills_no_vector_takes_the_torch_path():
    assert native(torch.randn(3, 16)) is not None
    assert native(torch.randn(3, 20)) is None
    assert native(torch.randn(3, 16, dtype=torch.float64)) is None
    with torch_only():
        assert native(torch.randn(3, 16)) is None


def test_an_instruction_set_that_is_not_there_is_refused():
    with pytest.raises(UserError, match=r"Choose from: auto, torch, .*baseline"):
        _instruction_set("neon9")
    assert INSTRUCTION_SETS[_instruction_set("auto")][0] <= _processor_flags()


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"MAMEBERT_KERNELS": "torch"}, "MAMEBERT_KERNELS=torch asks for it."),
        ({"CXX": "no-such-compiler"}, "there is no C++ compiler (no-such-compiler"),
        ({"CXX": "false"}, "the compiler"),
        ({"XDG_CACHE_HOME": "/proc/nowhere"}, "they cannot be kept in /proc/nowhere"),
    ],
)
def test_without_native_kernels_the_reason_is_told(environment, told, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    code = "from mamebert.kernels import status; s = status(); print(s.path, '|', s.reason)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    path, reason = done.stdout.split(" | ")
    assert path == "torch"
    assert told in reason
    assert not list(tmp_path.rglob("*.so"))


@pytest.mark.slow
@pytest.mark.parametrize("name", INSTRUCTION_SETS)
def test_every_instruction_set_compiles_and_the_usable_ones_agree(name, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    usable = INSTRUCTION_SETS[name][0] <= _processor_flags()
    if not usable:
        code = f"from mamebert.kernels import native; native._build({name!r})"
        subprocess.run([sys.executable, "-c", code], check=True)
        assert list(tmp_path.rglob("*.so"))
        return
    monkeypatch.setenv("MAMEBERT_KERNELS", name)
    here = f"{__file__}::test_loss_and_gradients_are_those_of_torch"
    subprocess.run([sys.executable, "-m", "pytest", "-q", here], check=True)
