import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mamebert.config import build
from mamebert.probes import Asked, Findings, Probe
from mamebert.stages.probe.probing import open_asked


@pytest.fixture(scope="package")
def asked(encoders) -> Asked:
    return open_asked(encoders("N"), "cpu")


@pytest.fixture(scope="package")
def tokens(asked) -> list[str]:
    """Return words that are tokens of the toy vocabulary, letters among them."""
    found = [token for token in asked.tokenizer.tokens if token.isalpha()]
    return [token for token in found if len(asked.tokenizer.encode(token).ids) == 1]


@pytest.fixture
def ask_about(asked, tmp_path) -> Callable[..., Findings]:
    """Return a function that asks the toy encoder, or another."""

    def ask(kind, of=None, seed=0, **settings):
        keep = tmp_path / "scores" / f"{kind}-{seed}"
        keep.mkdir(parents=True, exist_ok=True)
        probe = build(Probe, {"kind": kind, **settings})
        probe.look()
        found = probe.ask(of or asked, keep, seed)
        assert all(probe.explanation(name) for name in found.figures if not name.endswith("plus_minus"))
        return found

    return ask


@pytest.fixture
def rows_file(tmp_path) -> Callable[..., str]:
    """Return a function that writes rows and returns the path of the file."""

    def write(*rows, name="rows.jsonl"):
        path: Path = tmp_path / name
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        return str(path)

    return write
