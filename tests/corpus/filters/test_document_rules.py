import pytest

from mamebert.corpus.dropped import Dropped
from mamebert.corpus.filters.filtering import Filtering
from mamebert.corpus.filters.repetition import repeated_lines, repeated_ngrams
from mamebert.corpus.filters.settings import Filters

BEANS = [
    "Beans are the seeds of plants that people have grown for a very long time.",
    "They need warm soil and a little rain before the first leaves are seen.",
    "In June the flowers open, and by the end of summer the pods are full.",
]


def broken(sentences, language="en", **settings):
    dropped = Dropped()
    rules = Filters.model_validate(settings).resolved(language)
    kept = Filtering(rules, language).kept([sentences], dropped)
    assert (kept is None) == bool(dropped.counts)
    return [reason.removeprefix("documents_by_") for reason in dropped.counts]


def test_an_article_passes():
    for preset in ("documents", "wikibert", "web"):
        assert broken(BEANS, preset=preset) == []


@pytest.mark.parametrize(
    ("rule", "sentences"),
    [
        ("short_sentences", ["Yes.", "No.", "Beans are good.", "See below."] * 9),
        ("too_few_sentences", BEANS[:2]),
        ("too_few_tokens", ["aa bb cc dd."] * 3),
        ("wordless_sentences", [*BEANS, "1.", "2."]),
        ("punctuation", [f"{each} (((((((((" for each in BEANS]),
        ("upper_case", [f"{each} BEANS AND PEAS" for each in BEANS]),
        ("digits", [f"{each} 123456789" for each in BEANS]),
        ("foreign_letters", [f"{each} бобы" for each in BEANS]),
        ("too_few_words", ["we are the one, and you are the one."] * 3),
        ("language", ["La maison est près de la mer, et le bateau rentre avec la marée du soir."] * 3),
    ],
)
def test_each_rule_finds_what_it_is_for(rule, sentences):
    assert broken(sentences, preset="documents") == [rule]


def test_upper_bounds_are_for_articles_alone():
    assert broken(BEANS * 400, preset="documents") == []
    assert broken(BEANS * 400, preset="wikibert") == ["too_many_sentences"]
    assert broken(BEANS * 300, preset="wikibert") == ["too_many_tokens"]


def test_repetition_is_a_share_of_what_came_before():
    assert repeated_lines(["a", "b", "a", "a"]) == 0.5
    assert repeated_ngrams(["one two three four five six"], "en") == 0
    assert repeated_ngrams(["one two three four five"] * 2, "en") == pytest.approx(1 / 6)
    assert repeated_ngrams(["one two three four five"] * 3, "en") > 0.4
    assert repeated_ngrams(["豆を煮て食べるのが好きだ"] * 3, "ja") > 0.5
    assert repeated_ngrams([], "ja") == repeated_lines([]) == 0
    assert broken([*BEANS, *BEANS], documents={"max_repeated_lines": 0.3}) == ["lines_repeated"]
    assert broken([" ".join(BEANS * 2)], documents={"max_repeated_ngrams": 0.15}) == ["ngrams_repeated"]


def test_empty_documents_are_not_judged():
    assert broken([], preset="web") == []


def test_short_sentences_of_korean_are_not_taken_for_rows_of_marks():
    talk = ["나는 봉지를 들었다.", "모두 정말 기뻐했다.", "배가 천천히 지나갔다.", "우리는 밥을 먹었다."]
    assert broken(talk, "ko", preset="none", documents={"max_punctuation": 0.075}) == []
    assert broken([f'"{each}" -- "?!"' for each in talk], "ko", preset="none", documents={"max_punctuation": 0.075})
