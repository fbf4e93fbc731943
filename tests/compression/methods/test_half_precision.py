"""Weights as float16: half the bytes, the same answers wherever they are opened."""

import json

import pytest
import torch
from safetensors.torch import load_file

from mamebert.compression.forms.saving import save_forms
from mamebert.compression.methods.half_precision import HalfPrecision
from mamebert.compression.opening import open_main
from mamebert.errors import UserError


def test_half_the_bytes_and_the_same_answers(tmp_path, encoder, text_bench):
    whole = save_forms(encoder, tmp_path / "float32")
    subject = HalfPrecision().compress(encoder, text_bench)
    assert HalfPrecision().save(subject, tmp_path / "float16") == whole
    files = {name: (tmp_path / name / "model.safetensors").stat().st_size for name in ("float32", "float16")}
    assert files["float16"] < 0.55 * files["float32"]
    kept = load_file(tmp_path / "float16" / "model.safetensors")
    assert {tensor.dtype for tensor in kept.values()} == {torch.float16}
    assert json.loads((tmp_path / "float16" / "config.json").read_text()).get("dtype", "float32") == "float32"
    opened = open_main(tmp_path / "float16").subject
    for name, weight in subject.network.named_parameters():
        assert torch.equal(weight, dict(opened.network.named_parameters())[name]), name


def test_weights_beyond_float16_are_refused(encoder, text_bench):
    with torch.no_grad():
        encoder.bert.embeddings.word_embeddings.weight[7, 3] = 1e5
    with pytest.raises(UserError, match="float16 ends at 65,504"):
        HalfPrecision().compress(encoder, text_bench)
