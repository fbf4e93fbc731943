"""What every kind of vocabulary promises."""

import pytest

from mamebert.corpus.documents import write_shard
from mamebert.errors import UserError
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies import Vocabulary

TEXT = [
    "A bean in the garden grows, and the garden is green.",
    "Fásann pónaire sa ghairdín, agus tá an gairdín glas.",
    "Greener beans grow in greener gardens than ours.",
] * 10


JAPANESE = ["豆は庭で育ち、庭は緑です。", "豆腐と(納豆)は豆から作られる。", "ﾏﾒは２０個あり、Bean tea です。"] * 10
ALL = [
    *((kind, "whitespace", {}) for kind in Vocabulary.names()),
    *((kind, "mecab", {}) for kind in Vocabulary.names()),
    ("unigram", "whitespace", {"matching": "longest"}),
    ("unigram", "mecab", {"matching": "longest"}),
    ("bpe", "whitespace", {"lowercase": True, "strip_accents": True}),
]


def train(sample, folder, settings):
    Vocabulary.model_validate(settings).train(sample, folder / "tokenizer")


@pytest.fixture(scope="module", params=ALL, ids=str)
def made(request, tmp_path_factory):
    kind, words, more = request.param
    folder, texts = tmp_path_factory.mktemp(kind), JAPANESE if words == "mecab" else TEXT
    write_shard(folder / "shard.parquet", [texts])
    sample = Sample.draw([folder / "shard.parquet"], 10**6, seed=0, processes=1)
    size = 290 if kind == "byte_bpe" else 61 if words == "mecab" else 90
    try:
        train(sample, folder, {"kind": kind, "size": size, "words": words, **more})
    except UserError as error:  # which offers a size that works
        size = int(str(error).split("vocabulary.size=")[1].split()[0])
        train(sample, folder, {"kind": kind, "size": size, "words": words, **more})
    return folder / "tokenizer", texts, size


@pytest.fixture(scope="module")
def folder(made):
    return made[0]


@pytest.mark.parametrize("kind", Vocabulary.names())
def test_settings_survive_saving(kind):
    vocabulary = Vocabulary.model_validate(kind)
    assert Vocabulary.model_validate(vocabulary.model_dump()) == vocabulary


def test_special_tokens_come_first_and_the_line_number_is_the_id(made):
    folder, _, size = made
    tokenizer = Tokenizer.open(folder)
    lines = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()

    assert lines == tokenizer.tokens
    assert lines[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert len(lines) == len(set(lines)) == size


def test_plain_transformers_gives_the_same_ids(made):
    from transformers import AutoTokenizer

    folder, texts, _ = made
    theirs, ours = AutoTokenizer.from_pretrained(folder, local_files_only=True), Tokenizer.open(folder)
    for text in [*texts[:3], "á õ [MASK] zebra 豆 \t\n", "a [MASK]b", "(x)  --  y_z a´b", ""]:
        assert theirs(text, add_special_tokens=False)["input_ids"] == ours.encode(text, special="token").ids.tolist()
    assert theirs("bean", "glas", return_token_type_ids=True)["token_type_ids"][-1] == 1
    assert 2 < theirs.model_max_length < 10**6


def test_plain_transformers_gives_the_same_places(made):
    from transformers import AutoTokenizer

    folder, texts, _ = made
    theirs, ours = AutoTokenizer.from_pretrained(folder, local_files_only=True), Tokenizer.open(folder)
    if not theirs.is_fast:
        pytest.skip("BertJapaneseTokenizer tells no places")
    for text in [*texts[:3], "a zebra, (bean)  and 2 ５"]:
        found = ours.encode_with_offsets([text])[0]
        told = theirs(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        assert list(zip(found.starts.tolist(), found.ends.tolist(), strict=True)) == [tuple(each) for each in told]


def test_marked_pieces_are_put_together_to_the_text(made):
    folder, texts, _ = made
    tokenizer = Tokenizer.open(folder)
    if texts is JAPANESE or any(token.startswith("##") for token in tokenizer.tokens):
        pytest.skip("spaces are not in these pieces")
    for text in ["a bean in the garden, grows.", "pónaire"]:
        shown = tokenizer.decode(tokenizer.encode(text).ids)
        assert shown in (text, text.replace("ó", "o"))


def test_words_start_where_they_do(made):
    folder, texts, _ = made
    found = Tokenizer.open(folder).encode_with_offsets(texts[:1])[0]
    begins = [texts[0][place:] for place in found.starts[found.word_starts]]
    wanted = ["庭で育ち", "で育ち", "、庭は"] if texts is JAPANESE else ["bean in", "garden grows", ", and"]
    for start in wanted:
        assert any(each.startswith(start) for each in begins)


def test_every_text_can_be_encoded_and_words_have_a_start(folder):
    tokenizer = Tokenizer.open(folder)
    for text in ["", " ", "\ud800", "\x00", "👩‍👩‍👧", "a" * 1000, TEXT[0]]:
        pieces = tokenizer.encode(text)
        assert len(pieces.ids) == len(pieces.word_starts)
        assert not len(pieces.ids) or pieces.word_starts[0]
