"""What every kind of vocabulary promises."""

import pytest

from mamebert.corpus.documents import write_shard
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

TEXT = [
    "A bean in the garden grows, and the garden is green.",
    "Fásann pónaire sa ghairdín, agus tá an gairdín glas.",
    "Greener beans grow in greener gardens than ours.",
] * 10


@pytest.fixture(scope="module", params=Vocabulary.names())
def folder(request, tmp_path_factory):
    made = tmp_path_factory.mktemp(request.param)
    write_shard(made / "shard.parquet", [TEXT])
    sample = Sample.draw([made / "shard.parquet"], 10**6, seed=0, processes=1)
    vocabulary = Vocabulary.model_validate({"kind": request.param, "size": 90})
    vocabulary.train(sample, made / "tokenizer")
    return made / "tokenizer"


@pytest.mark.parametrize("kind", Vocabulary.names())
def test_settings_survive_saving(kind):
    vocabulary = Vocabulary.model_validate(kind)
    assert Vocabulary.model_validate(vocabulary.model_dump()) == vocabulary


def test_special_tokens_come_first_and_the_line_number_is_the_id(folder):
    tokenizer = Tokenizer.open(folder)
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()

    assert lines == tokenizer.tokens
    assert lines[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(lines) == len(set(lines)) == 90


def test_plain_transformers_gives_the_same_ids(folder):
    from transformers import AutoTokenizer

    theirs, ours = AutoTokenizer.from_pretrained(folder, local_files_only=True), Tokenizer.open(folder)
    for text in [*TEXT[:3], "á õ [MASK] zebra 豆 \t\n", ""]:
        assert theirs(text, add_special_tokens=False)["input_ids"] == ours.encode(text, special="token").ids.tolist()
    assert theirs("bean", "glas")["token_type_ids"][-1] == 1
    assert 2 < theirs.model_max_length < 10**6


def test_every_text_can_be_encoded_and_words_have_a_start(folder):
    tokenizer = Tokenizer.open(folder)
    for text in ["", " ", "\ud800", "\x00", "👩‍👩‍👧", "a" * 1000, TEXT[0]]:
        pieces = tokenizer.encode(text)
        assert len(pieces.ids) == len(pieces.word_starts)
        assert not len(pieces.ids) or pieces.word_starts[0]
