"""No kernel reads beyond a table, whatever ids it is given."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch

from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.packing import Packed
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.kernels import torch_only
from mamebert.kernels.cross_entropy import vocabulary_cross_entropy
from mamebert.kernels.embeddings import summed_embeddings

PATHS = pytest.mark.parametrize("path", [nullcontext, torch_only])
SHAPE = EncoderConfig(
    hidden_size=32, num_hidden_layers=1, num_attention_heads=2, intermediate_size=64, max_position_embeddings=8,
    type_vocab_size=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def network():
    return PretrainingNetwork(SHAPE, 20).eval()


@PATHS
@pytest.mark.parametrize(
    ("ids", "segments", "wrong"),
    [
        ([1, 20], [0, 0], "20 is none of the 20"),
        ([1, -1], [0, 0], "-1 is none of the 20"),
        ([1, 2**40], [0, 0], "none of the 20"),
        ([1] * 9, [0] * 9, "8 is none of the 8"),
    ],
)
def test_ids_without_a_row_are_refused(network, ids, segments, wrong, path):
    batch = Packed.of([np.array(ids)], [np.array(segments)])
    with path(), pytest.raises(UserError, match=wrong):
        network.bert(batch)


@PATHS
@pytest.mark.parametrize("wrong", [0, 1, 2])
@pytest.mark.parametrize("place", [-1, 3])
def test_every_table_is_guarded(wrong, place, path):
    tables = tuple(torch.randn(3, 16) for _ in range(3))
    ids = tuple(torch.tensor([0, place if table == wrong else 2]) for table in range(3))
    with path(), pytest.raises(UserError, match=f"{place} is none of the 3"):
        summed_embeddings(ids, tables, (torch.ones(16), torch.zeros(16)), torch.float32, 1e-12, 0.0)


@PATHS
@pytest.mark.parametrize("target", [-100, -1, 20, 2**40])
def test_targets_outside_the_vocabulary_are_refused(target, path):
    with path(), pytest.raises(UserError, match="none of the 20"):
        vocabulary_cross_entropy(torch.randn(2, 16), torch.randn(20, 16), torch.zeros(20), torch.tensor([1, target]))


@PATHS
def test_one_hidden_state_is_scored_and_has_no_loss(network, path):
    hidden = torch.randn(32)
    with path():
        assert network.cls.predictions(hidden).shape == (20,)
        torch.testing.assert_close(network.cls.predictions(hidden), network.cls.predictions(hidden[None])[0])
        with pytest.raises(ValueError, match="no rows and their targets"):
            network.cls.predictions.loss(hidden, torch.tensor([1]))
        with pytest.raises(ValueError, match="no rows and their targets"):
            network.cls.predictions.loss(hidden[None], torch.tensor([1, 2]))
