import sys
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mamebert.errors import UserError
from mamebert.tokenizer.japanese import MAX_CHARACTERS, MecabWords

fugashi = pytest.importorskip("fugashi")


@pytest.fixture(scope="module")
def words():
    return MecabWords()


def parts(words):
    return [part for word in words for part in word.split()]


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="あいう漢字カナabc12　\t\n\x1c\x85\u2028[]#。！👍\u200d\u0301\x00\r", max_size=15))
def test_words_are_those_of_bert_japanese_tokenizer(text):
    from transformers.models.bert_japanese.tokenization_bert_japanese import MecabTokenizer

    theirs = MecabTokenizer(mecab_dic="unidic_lite").tokenize(text)
    assert parts(MecabWords().split(text)) == parts(theirs)  # white space has no pieces


def test_words_join_to_the_nfkc_text(words):
    text = "ﾊﾝｶｸと１２３、犬が好き。"
    assert "".join(words.split(text)) == unicodedata.normalize("NFKC", text)


def test_a_text_that_crashes_mecab_is_read_in_parts(words):
    # In one piece this ends the process with a segmentation fault.
    assert "".join(words.split("a" * 200_000)) == "a" * 200_000
    assert len(words.split("犬" * (MAX_CHARACTERS + 1))) > 1


def test_no_text_is_no_words(words):
    assert not any(word.strip() for text in ("", " ", "\u3000\n") for word in words.split(text))


def test_a_missing_package_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "unidic_lite", None)
    with pytest.raises(UserError, match=r"pip install 'mamebert\[ja\]'"):
        MecabWords()
