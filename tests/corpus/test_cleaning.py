import sys
from unicodedata import is_normalized, normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.corpus.cleaning import CONTROL, SURROGATE, Cleaning
from mamebert.corpus.dropped import Dropped
from mamebert.corpus.sentences import split_sentences


@given(st.text(max_size=200), st.sampled_from(["NFC", "NFKC", "none"]))
def test_cleaning_twice_changes_nothing(text, form):
    cleaning = Cleaning(normalise=form)
    once = cleaning.paragraphs(text)
    assert cleaning.paragraphs("\n".join(once)) == once


@given(st.text(max_size=200), st.sampled_from(["NFC", "NFKC"]))
def test_clean_text_is_normal_and_can_be_written(text, form):
    for paragraph in Cleaning(normalise=form).paragraphs(text):
        assert is_normalized(form, paragraph)
        assert paragraph == " ".join(paragraph.split())
        assert paragraph.encode("utf-8")


def test_nfkc_makes_full_width_letters_ordinary_and_nfc_keeps_them():
    assert Cleaning(normalise="NFKC").paragraphs("ＭＡＭＥ　ﾏﾒ①") == ["MAME マメ1"]
    assert Cleaning(normalise="NFC").paragraphs("ＭＡＭＥ　ﾏﾒ①") == ["ＭＡＭＥ ﾏﾒ①"]


def test_controls_go_and_joiners_stay():
    assert Cleaning().paragraphs("\ufeffbe\0an\u200b s\x07oup\u00ad\r\nnext\u2028last") == ["bean soup", "next", "last"]
    assert Cleaning().paragraphs("می\u200cخواهم") == ["می\u200cخواهم"]


def test_what_can_be_printed_holds_nothing_that_goes():
    printable = "".join(filter(str.isprintable, map(chr, range(sys.maxunicode + 1))))
    for text in (printable, normalize("NFC", printable), normalize("NFKC", printable)):
        assert text.isprintable()
        assert "".join(text.split()) == text.replace(" ", "")
        assert not CONTROL.search(text)
        assert not SURROGATE.search(text)


@pytest.mark.parametrize("white", ["\u3000", "\xa0", "\t", "  ", " \u2003 "])
def test_white_space_of_any_kind_is_one_space(white):
    assert Cleaning().paragraphs(f"{white}bean{white}soup\x1f{white}\u200b") == ["bean soup"]


def test_lone_surrogates_become_replacement_characters():
    assert Cleaning().paragraphs("bean \ud83d soup") == ["bean � soup"]


@pytest.mark.parametrize("text", ["豆、" * 500, "bean " * 500, "x" * 2000, "あ" * 999 + "。" + "い" * 999])
def test_a_long_sentence_is_cut_and_nothing_is_lost(text):
    cleaning, dropped = Cleaning(max_characters_per_sentence=100), Dropped()
    pieces = cleaning.sentences(text.strip(), "ja", "rules", dropped)
    assert max(map(len, pieces)) <= 100
    assert "".join("".join(pieces).split()) == "".join(text.split())
    assert not dropped.counts


def test_words_are_not_cut_where_there_is_white_space():
    pieces = Cleaning(max_characters_per_sentence=24).sentences("bean soup " * 20, "en", "rules", Dropped())
    assert {word for piece in pieces for word in piece.split()} == {"bean", "soup"}


def test_short_sentences_are_dropped_and_counted():
    dropped = Dropped()
    kept = Cleaning(min_characters_per_sentence=5).sentences("Yes. Beans grow well. No.", "en", "rules", dropped)
    assert kept == ["Beans grow well."]
    assert dropped.counts == {"sentences_too_short": 2}
    assert dropped.examples() == {"sentences_too_short": ["Yes.", "No."]}


def test_sentences_of_a_paragraph_are_those_of_the_splitter():
    text = "豆を煮た。甘い。"
    assert Cleaning().sentences(text, "ja", "rules", Dropped()) == split_sentences(text, "ja")
