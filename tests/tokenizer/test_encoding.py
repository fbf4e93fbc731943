import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer as RustTokenizer
from tokenizers import models, normalizers, pre_tokenizers

from mamebert.errors import UserError
from mamebert.tokenizer.encoding import Tokenizer

# Characters that tokenizers treat in a special way, among letters that the vocabularies know.
ODD = (
    "\t\n\r\x0b\x0c\x1c\x1f\x85\x00\xa0\u1680\u2028\u3000\u200b\u200d\ufeff\ufffd\u0301"
    "゛ｶﾞ①㍿İßſΣς👩👍🏽[]#.,!?。、漢豆𠮷Ａ１aAáÁõõé가"
)
pieces_of_text = st.one_of(
    st.text(alphabet=ODD, max_size=12),
    st.text(max_size=12),
    st.sampled_from(
        ["[MASK]", "[CLS]", "[SEP]", "[PAD]", "[UNK]", "[MASK", "##a", " ", "The garden", "小さな豆", "x" * 101]
    ),
)
texts = st.lists(pieces_of_text, max_size=6).map("".join)
unheeded = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
quick = settings(deadline=None, max_examples=300, suppress_health_check=unheeded)


def ids_of(theirs, text):
    return theirs(text, add_special_tokens=False)["input_ids"]


@quick
@given(text=texts)
def test_ids_are_those_of_plain_transformers_for_any_text(trained, text):
    assert trained.ours.encode(text, special="token").ids.tolist() == ids_of(trained.theirs, text)


@quick
@given(text=texts)
def test_special_tokens_written_in_a_text_are_text(trained, text):
    ids = trained.ours.encode(text).ids.tolist()

    assert ids == trained.theirs(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert not {2, 3, 4, 0} & set(ids)


@settings(deadline=None, max_examples=50)
@given(batch=st.lists(st.text(max_size=20), max_size=6))
def test_a_text_is_encoded_alike_alone_and_among_others(spaced, batch):
    alone = [spaced.ours.encode(text) for text in batch]
    together = spaced.ours.encode_many(batch)

    assert [each.ids.tolist() for each in alone] == [each.ids.tolist() for each in together]
    assert [each.word_starts.tolist() for each in alone] == [each.word_starts.tolist() for each in together]


def test_pairs_have_two_segments_in_plain_transformers(trained):
    first, second = "bean 豆", "[MASK] garden 庭"
    pair = trained.theirs(first, second)
    a = trained.ours.encode(first, special="token").ids.tolist()
    b = trained.ours.encode(second, special="token").ids.tolist()

    assert pair["input_ids"] == [2, *a, 3, *b, 3]
    assert pair["token_type_ids"] == [0] * (len(a) + 2) + [1] * (len(b) + 1)
    assert trained.theirs.model_max_length == 512


@pytest.mark.parametrize("text", ["小さな豆が庭[MASK]。", "The [MASK] grows, a chairde!", "", "未知𠮷 zzz"])
def test_decoding_is_that_of_plain_transformers(trained, text):
    ids = trained.ours.encode(text, special="token").ids
    assert trained.ours.decode(ids) == trained.theirs.decode(ids.tolist())


def test_the_mask_is_a_token_only_where_asked(trained):
    assert trained.ours.mask_id in trained.ours.encode("a[MASK]b", special="token").ids
    assert trained.ours.mask_id not in trained.ours.encode("a[MASK]b").ids


def test_lone_surrogates_are_no_crash(trained):
    assert trained.ours.encode("a\ud800b 豆\udfff").ids.dtype == np.int32


def test_word_starts_follow_the_pieces(trained):
    pieces = trained.ours.encode("The garden, 小さな計算機zzzz")
    tokens = [trained.ours.tokens[number] for number in pieces.ids]

    assert pieces.word_starts.dtype == bool
    assert pieces.word_starts.tolist() == [not token.startswith("##") for token in tokens]
    assert len(tokens) > pieces.word_starts.sum() > 3


def test_accents_survive_unless_stripped(spaced, lowered):
    decoded = spaced.ours.decode(spaced.ours.encode("Tá õunapuu").ids)
    assert decoded == "Tá õunapuu"
    assert lowered.ours.decode(lowered.ours.encode("Tá õunapuu").ids) == "ta ounapuu"


def test_memory_of_words_is_emptied_and_ids_stay(spaced, monkeypatch):
    text = "The café serves naïve guests"
    before = spaced.ours.encode(text).ids.tolist()
    monkeypatch.setattr("mamebert.tokenizer.words.MAX_WORDS", 0)

    assert spaced.ours.encode(text).ids.tolist() == before


def test_threads_share_a_tokenizer(trained):
    batches = [[f"bean{number} the{other}garden 豆{number}庭" for number in range(40)] for other in range(40)]
    fresh = Tokenizer.open(trained.folder)
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(fresh.encode_many, batches))

    for batch, encoded in zip(batches, together, strict=True):
        alone = trained.ours.encode_many(batch)
        assert [each.ids.tolist() for each in encoded] == [each.ids.tolist() for each in alone]


def test_tokens_and_special_ids(trained):
    ours = trained.ours
    assert ours.tokens[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert ours.special_ids == [ours.pad_id, ours.unk_id, ours.cls_id, ours.sep_id, ours.mask_id] == [0, 1, 2, 3, 4]
    assert ours.vocab_size == len(ours.tokens) == len(trained.theirs)


def test_plain_transformers_opens_the_folder_without_the_network(japanese):
    code = (
        "import sys; from transformers import AutoTokenizer;"
        "print(AutoTokenizer.from_pretrained(sys.argv[1])('小さな豆[MASK]')['input_ids'])"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code, str(japanese.folder)], env=environment, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [2, *japanese.ours.encode("小さな豆[MASK]", special="token").ids.tolist(), 3]


def make_foreign(folder, model, normalizer, pre_tokenizer, specials):
    tokenizer = RustTokenizer(model)
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.add_special_tokens(specials)
    tokenizer.enable_truncation(3)
    tokenizer.enable_padding()
    folder.mkdir()
    tokenizer.save(str(folder / "tokenizer.json"))
    names = dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), specials, strict=True))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", **names}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


def test_a_foreign_tokenizer_gives_its_own_ids_and_words(tmp_path):
    specials = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    vocab = [(token, 0.0) for token in specials] + [("▁the", -1.0), ("▁be", -2.0), ("an", -2.0), ("s", -3.0)]
    folder = make_foreign(
        tmp_path / "foreign", models.Unigram(vocab, unk_id=1), normalizers.NFKC(), pre_tokenizers.Metaspace(), specials
    )
    ours = Tokenizer.open(folder)
    pieces = ours.encode_many(["the beans", "the beans the beans"])

    assert [ours.tokens[number] for number in pieces[0].ids] == ["▁the", "▁be", "an", "s"]
    assert pieces[0].word_starts.tolist() == [True, True, False, False]
    assert len(pieces[1].ids) == 8
    assert ours.encode("the <mask>", special="token").ids.tolist()[-1] == ours.mask_id == 4
    assert ours.mask_id not in ours.encode("the <mask>").ids


def test_a_slow_tokenizer_is_opened_by_transformers(japanese, tmp_path):
    config = json.loads((japanese.folder / "tokenizer_config.json").read_text())
    config["subword_tokenizer_type"] = "character"
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(config))
    (tmp_path / "vocab.txt").write_bytes((japanese.folder / "vocab.txt").read_bytes())
    ours = Tokenizer.open(tmp_path)

    assert [ours.tokens[number] for number in ours.encode("小さ").ids] == ["小", "さ"]
    assert ours.encode("小[MASK]", special="token").ids[-1] == ours.mask_id


def test_a_folder_without_tokenizer_says_what_to_give(tmp_path):
    with pytest.raises(UserError, match="mamebert vocab"):
        Tokenizer.open(tmp_path)


def test_a_tokenizer_without_mask_is_refused(tmp_path):
    vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "a": 4}
    RustTokenizer(models.WordPiece(vocab, unk_token="[UNK]")).save(str(tmp_path / "tokenizer.json"))
    with pytest.raises(UserError, match="no mask token"):
        Tokenizer.open(tmp_path)


def test_a_damaged_file_is_no_traceback(tmp_path):
    (tmp_path / "tokenizer_config.json").write_text("{")
    with pytest.raises(UserError, match="damaged"):
        Tokenizer.open(tmp_path)
