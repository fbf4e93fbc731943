"""What tests of compressed folders share."""

import json

import pytest
from safetensors.torch import load_file, save_file


@pytest.fixture
def as_before():
    """A function that lets a folder of symmetric ranges say what folders said before there were others."""

    def rewrite(folder):
        tensors = {}
        for name, tensor in load_file(folder / "model.safetensors").items():
            if name.endswith("puts.high"):
                tensors[name.removesuffix("high") + "limit"] = tensor
            elif not name.endswith("puts.low"):
                tensors[name] = tensor
        save_file(tensors, folder / "model.safetensors", {"format": "pt"})
        config = json.loads((folder / "config.json").read_text())
        del config["mamebert"]["how"]["activation_range"]
        (folder / "config.json").write_text(json.dumps(config))
        (folder / "SHA256SUMS").unlink()

    return rewrite
