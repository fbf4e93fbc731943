from time import perf_counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mamebert.corpus.sentences import split_sentences
from mamebert.errors import UserError

MARKS = st.text(alphabet=st.sampled_from("。！？!?.．」』）)「『（(\"'“” 　\nあ行アaA1…、と"), max_size=80)


def squeezed(text):
    return "".join(text.split())


@settings(max_examples=300, deadline=None)
@given(st.one_of(MARKS, st.text(max_size=200)), st.sampled_from(["ja", "en", "ga", "de", "hi"]))
def test_only_white_space_is_ever_lost(text, language):
    sentences = split_sentences(text, language)
    assert squeezed("".join(sentences)) == squeezed(text)
    assert all(sentence and sentence == sentence.strip() for sentence in sentences)


@settings(max_examples=60, deadline=None)
@given(MARKS)
def test_pysbd_loses_nothing_either(text):
    assert squeezed("".join(split_sentences(text, "en", "pysbd"))) == squeezed(text)


@pytest.mark.parametrize(
    "sentences",
    [
        ["豆を煮た。", "とても甘い！", "もう一皿どう？"],
        ["本当に！？", "信じられない。"],
        ["「豆が煮えた。食べよう。」と母が言った。", "父は笑った。"],
        ["「早く行け。」", "彼は走り出した。"],
        ["「待って。」", "「いやだ。」"],
        ["豆（小豆。大豆も同じ。）を煮る。", "次に冷ます。"],
        ["彼は『豆の本。第二版。』を読んだ。", "面白かった。"],
        ["まさか！と思った。", "違った。"],
        ["Yahoo!豆ニュースを見た。", "豆は.NETで動く。"],
        ["値は3.14です。", "円周率である．", "以上"],
        ["そうか......でも行く。", "はい。"],
    ],
)
def test_japanese_sentences_end_where_a_reader_ends_them(sentences):
    assert split_sentences("".join(sentences), "ja") == sentences


def test_english_inside_japanese_is_split_too():
    text = "英語も書く。We wrote in English. そして日本語に戻る。"
    assert split_sentences(text, "ja") == ["英語も書く。", "We wrote in English.", "そして日本語に戻る。"]


def test_a_bracket_that_never_closes_swallows_nothing():
    sentences = ["「豆を煮た。", "次の文である。", "また次の文である。"]
    assert split_sentences("".join(sentences), "ja") == sentences


def test_a_quotation_far_too_long_is_split_inside():
    speech = "「" + "豆を煮て食べた。" * 100 + "」"
    assert len(split_sentences(speech, "ja")) == 100


@pytest.mark.parametrize("language", ["ja", "en"])
def test_a_line_end_always_ends_a_sentence(language):
    assert split_sentences("one bean\ntwo beans\n\nthree", language) == ["one bean", "two beans", "three"]
    assert split_sentences("「豆\n煮た」", "ja") == ["「豆", "煮た」"]


@pytest.mark.parametrize(
    ("language", "sentences"),
    [
        ("en", ["Beans grow.", "Do they?", "They do!", '"Good," he said.']),
        ("en", ["Dr. Bean and Mrs. Pod met J. R. Green.", "They ate."]),
        ("en", ["It costs 3.50 in the U.S. Army store."]),
        ("en", ["She left the U.S.", "The rest stayed."]),
        ("en", ["See Fig. 3 and p. 12 of vol. 2.", "It is there."]),
        ("en", ["He waited... and waited.", "Nothing came..."]),
        ("en", ['She asked, "Why?"', "Nobody knew."]),
        ("en", ["(It was late.)", "We slept."]),
        ("en", ["It ended in 1990.", "12 beans were left."]),
        ("en", ["That was World War I.", "Beans were scarce."]),
        ("de", ["Am 3. Oktober kam Dr. Bohne z.B. zu uns.", "Er blieb."]),
        ("et", ["See juhtus 5. mail nt. Tartus.", "Oad kasvasid."]),
        ("ga", ["Tá pónairí anseo.", "bhFuil siad go maith?", "hÉireann abú!"]),
        ("ga", ["Bhí an t-Uas. Ó Briain ann.", "D'ith sé pónairí."]),
        ("en", ["豆だ。", "「甘い。」", "He said so."]),
        ("hi", ["यह सेम है।", "वह मटर है।"]),
    ],
)
def test_spaced_languages_know_their_abbreviations(language, sentences):
    assert split_sentences(" ".join(sentences), language) == sentences


def test_a_language_with_a_region_is_that_language():
    assert split_sentences("豆だ。甘い。", "ja-JP") == ["豆だ。", "甘い。"]


def test_pysbd_refuses_languages_it_does_not_know():
    with pytest.raises(UserError, match=r"no pysbd language called 'ga'.*rules"):
        split_sentences("Tá pónairí anseo.", "ga", "pysbd")


@pytest.mark.parametrize(
    "text", ["." * 200_000, "「" * 200_000, '。"あ' * 60_000, "(「" * 100_000 + "」" * 50_000, "a. " * 60_000]
)
@pytest.mark.parametrize("language", ["ja", "en"])
def test_hostile_text_takes_linear_time(text, language):
    started = perf_counter()
    split_sentences(text, language)
    assert perf_counter() - started < 5
