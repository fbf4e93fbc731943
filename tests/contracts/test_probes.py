"""What every probe promises, whatever file it is in."""

import inspect
import re
from typing import get_args

import pytest

from mamebert.config import meaning
from mamebert.probes import Needs, Probe

# The least that each kind must be told; a new file in the folder fails here until it has a line.
NEEDED = {
    "acceptability": {"sentences": "a.jsonl"},
    "attention": {"texts": "a.txt"},
    "crosslingual": {"pairs": "a.tsv"},
    "embeddings": {"corpus": "a.txt"},
    "fill_mask": {"texts": ["A [MASK] ."]},
    "gender": {},
    "generate": {},
    "layers": {"treebank": "a.conllu"},
    "minimal_pairs": {"pairs": "a.jsonl"},
    "robustness": {"source": "a.jsonl"},
    "similarity": {"pairs": "a.tsv"},
    "views": {"source": "a.jsonl"},
}


@pytest.mark.parametrize("kind", Probe.names())
def test_settings_survive_saving_and_explain_themselves(kind):
    found = Probe.find(kind)
    probe = found(**NEEDED[kind])
    assert Probe.model_validate(probe.model_dump(mode="json")) == probe
    assert inspect.getdoc(found)
    assert all(meaning(found, name) for name in found.model_fields if name != "kind")


@pytest.mark.parametrize("kind", Probe.names())
def test_it_has_a_title_and_says_what_it_asks(kind):
    found = Probe.find(kind)
    assert found.about
    assert found.needs in get_args(Needs)


@pytest.mark.parametrize("kind", Probe.names())
def test_a_file_that_is_not_there_is_told_with_the_way_out(mamebert, encoders, tmp_path, kind):
    asked = [(name, value) for name, value in NEEDED[kind].items() if isinstance(value, str)]
    words = [word for name, value in asked for word in (f"--{name}", tmp_path / value)]
    if words:
        assert re.search("no file|nothing", mamebert("probe", kind, encoders("N"), *words).mistake, re.IGNORECASE)
