"""What every reader promises, whatever file it is in."""

import inspect

import pytest

from mamebert.config import Config, build, meaning
from mamebert.corpus.readers import Reader

# The least that each kind must be told; a new file in the folder fails here until it has a line.
NEEDED = {
    "bunsetsu": {"path": "kwdlc.tsv"},
    "conll": {"path": "train.txt"},
    "conllu": {"path": "*.conllu"},
    "dream": {"path": "dream.json"},
    "every": {"of": {"kind": "files", "path": "corpus/*.txt"}},
    "files": {"path": "corpus/*.txt"},
    "huggingface": {"name": "someone/beans"},
    "japanese_pairs": {},
    "livedoor": {"path": "ldcc.tar.gz"},
    "python_docs": {},
    "squad": {"path": "squad.json"},
    "wikipedia": {"path": "pages-articles.xml.bz2"},
}


class Holder(Config):
    """Settings with a reader in them."""

    source: Reader
    """Where rows come from."""


@pytest.mark.parametrize("kind", Reader.names())
def test_settings_survive_saving(kind):
    reader = Reader.find(kind)(**NEEDED[kind])
    assert Reader.model_validate(reader.model_dump(mode="json")) == reader
    assert Holder.model_validate(Holder(source=reader).model_dump(mode="json")).source == reader


@pytest.mark.parametrize("kind", Reader.names())
def test_every_reader_explains_itself_and_its_settings(kind):
    found = Reader.find(kind)
    assert inspect.getdoc(found)
    assert all(meaning(found, name) for name in found.model_fields if name != "kind")


@pytest.mark.parametrize("kind", Reader.names())
def test_every_reader_can_be_asked_who_it_is(kind):
    found = Reader.find(kind)
    assert not inspect.isabstract(found)
    assert "told" in inspect.signature(found.rows).parameters


def test_a_bare_string_is_a_path_unless_it_names_a_kind():
    assert build(Holder, {"source": "corpus/*.txt"}).source.path == ["corpus/*.txt"]
    assert build(Holder, {"source": "python_docs"}).source.kind == "python_docs"
