"""One sentence that passes everything, and for each rule one that breaks it alone."""

import pytest

from mamebert.corpus.dropped import Dropped
from mamebert.corpus.filters.filtering import Filtering
from mamebert.corpus.filters.sentence_rules import RULES
from mamebert.corpus.filters.settings import Filters
from mamebert.errors import UserError

GOOD = "Tá an bád ag teacht isteach leis an taoide anois."
ORDINARY = [
    GOOD,
    "Is maith liom 3 < 5 agus R&D freisin.",
    "Rugadh i mBaile Átha Cliath é sa bhliain 1931.",
    "Fuar.",
    "Tá sé 5 °C amuigh – nach bhfuil?",
]


def broken(text, language="ga", **settings):
    dropped = Dropped()
    filtering = Filtering(Filters.model_validate(settings).resolved(language), language)
    filtering.kept([[text]], dropped)
    return [reason.removeprefix("sentences_by_") for reason in dropped.counts]


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_sentences_pass_everything(text):
    assert broken(text, preset="strict", sentences={"max_upper_case": 0.5, "min_words": 1}) == []


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("too_many_words", "agus " * 101),
        ("long_word", f"Féach {'x' * 41} anois."),
        ("markup", "Tá <b>an bád</b> ag teacht."),
        ("markup", 'Tá <a href="x?y=1" target=_blank>an bád</a> ag teacht.'),
        ("markup", "Tá an bád&nbsp;ag teacht."),
        ("markup", "Tá an [[bád]] ag teacht."),
        ("punctuation", "»»»»»»»»» Bád •••••"),
        ("digits", "Bád 1234 5678"),
        ("script", "Mórúrscéal eile é Анна Каренина."),
        ("language", "The boat is coming in with the tide, and nobody is there."),
        ("language", "Bir şifre, bir kimlik numarası olan N°5."),
        ("language", "íÒíÏ ãä ÇáÎØæÑÉ Úáì ÇáãÓáãíä Ãäåã áÇ íÚÑÝæä ßËíÑÇ"),
    ],
)
def test_each_rule_finds_what_it_is_for(rule, text):
    assert broken(text, preset="strict") == [rule]


def test_rules_of_other_presets_and_of_ones_own():
    assert broken("TÁ AN BÁD AG TEACHT ISTEACH", preset="web", documents={"min_words": 0})[0].startswith("documents_by")
    assert broken("TÁ AN BÁD AG TEACHT ISTEACH", sentences={"max_upper_case": 0.5}) == ["upper_case"]
    assert broken("OK", sentences={"max_upper_case": 0.5}) == []
    assert broken("Tá sé", sentences={"min_words": 3}) == ["too_few_words"]
    assert broken("Bád 1234 5678", preset="strict", sentences={"max_digits": 1, "min_language_confidence": 0}) == []


def test_a_preset_is_in_every_stricter_one():
    texts = [*ORDINARY, "Bád 1234 5678", "Анна", "The boat is coming in with the tide tonight.", "<p>Bád</p>", "?!"]
    for looser, stricter in [("none", "basic"), ("basic", "strict")]:
        assert {text for text in texts if broken(text, preset=looser)} <= {
            text for text in texts if broken(text, preset=stricter)
        }


def test_short_sentences_need_less_confidence():
    assert broken("Fuar agus liath.", preset="strict") == []
    assert broken("Rugadh Hooker in Norwich.", preset="strict") == []
    assert broken("Rugadh Hooker in Norwich.", preset="strict", sentences={"language_letters": 0}) == ["language"]


def test_japanese_counts_words_by_characters_and_writes_names_in_latin_letters():
    assert broken("NHKのアナウンサーがTOKYOで豆を煮た。", "ja", preset="strict") == []
    for dialogue in ("「おい」", "――そうか。", "建設費は13億3745万5000円。", "『裏切りだ!』"):
        assert broken(dialogue, "ja", preset="strict") == []
    assert broken("「……!?」――豆", "ja", preset="strict") == ["punctuation"]
    assert broken("豆を煮た。" * 60, "ja", preset="strict") == ["too_many_words"]
    assert broken("豆を煮た。", "ja", sentences={"min_words": 3}) == ["too_few_words"]
    assert broken(f"見よ、{'x' * 41}。", "ja", preset="basic") == ["long_word"]
    assert broken("Все счастливые семьи похожи друг на друга。豆", "ja", preset="strict") == ["script"]


def test_a_language_nobody_can_tell_is_a_sentence():
    with pytest.raises(UserError, match=r"no language of py3langid called 'qqq'.*min_language_confidence=0"):
        broken("Beans grow.", "qqq", preset="strict")


def test_every_rule_says_what_it_finds():
    assert all(rule.__doc__ for rule in RULES.values())


def test_markup_is_looked_for_in_linear_time():
    assert broken("<a " * 100_000 + "<" * 100_000 + "&amp" * 10_000, sentences={"markup": "drop"}) == []


def test_a_long_sentence_of_thai_is_not_taken_for_many_words():
    clause = "เช้าวันนี้อากาศดีมากและแม่ของฉันไปตลาดเพื่อซื้อผักกับปลา"  # 11 words
    assert broken(clause * 6, "th", preset="basic") == []
    assert broken(clause * 20, "th", preset="basic") == ["too_many_words"]


def test_words_are_found_between_spaces_of_any_kind_and_number():
    assert broken("one  two\u3000three ", sentences={"min_words": 3, "max_words": 3}) == []
    assert broken("a" * 9 + " bb " + "c" * 9, sentences={"max_word_characters": 9}) == []
    assert broken("a" * 9 + " bb " + "c" * 10, sentences={"max_word_characters": 9}) == ["long_word"]
    assert broken("c" * 10 + " bb", sentences={"max_word_characters": 9}) == ["long_word"]
    assert broken("豆" * 50 + "c" * 10, "ja", sentences={"max_word_characters": 9}) == ["long_word"]


def test_a_sentence_is_judged_alike_whatever_stands_beside_it():
    texts = [GOOD, "Bád 1234 5678", "漢字 999", "»»»»»»»»» Bád •••••", *ORDINARY]
    together, alone = Dropped(), Dropped()
    filtering = Filtering(Filters.model_validate({"preset": "basic"}).resolved("ga"), "ga")

    kept = filtering.kept([texts[:2], [], texts[2:]], together)

    assert kept == [
        [text for text in some if filtering.kept([[text]], alone) == [[text]]] for some in (texts[:2], [], texts[2:])
    ]
    assert together.counts == alone.counts
