from unicodedata import normalize

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mamebert.corpus.cleaning import Cleaning
from mamebert.corpus.documents import write_shard
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies.wordpiece import Wordpiece

TEXTS = [
    "The café serves naïve guests, and Tá õunapuu grows.",
    "한국어 문장을 읽고 씁니다. 커피를 마신다.",
    "می\u200cخواهم به خانه بروم و کتاب\u200cها را بخوانم.",
    "ภาษาไทยเขียนติดกันโดยไม่มีเว้นวรรคระหว่างคำ",
    "កម្ពុជា\u200bជា\u200bប្រទេស\u200bមួយ។",
    "Full-width ＡＢＣ and half-width ﾊﾝｶｸ.",
]
THAI = "ประเทศไทยเป็นประเทศที่ตั้งอยู่ในเอเชียตะวันออกเฉียงใต้มีพรมแดนติดต่อกับประเทศลาวและกัมพูชา" * 2


def learn(folder, texts, form="NFC", **more):
    cleaning = Cleaning(normalise=form)
    sentences = [paragraph for text in texts for paragraph in cleaning.paragraphs(text)] * 9
    write_shard(folder / "shard.parquet", [sentences])
    sample = Sample.draw([folder / "shard.parquet"], 10**6, seed=0, processes=1, normal_form=form)
    told = Wordpiece(**{"size": 260, "limit_alphabet": 200, "min_frequency": 1, **more}).train(sample, folder / "made")
    return folder / "made", told


@pytest.fixture(scope="module", params=["NFC", "NFKC"])
def both(request, tmp_path_factory):
    from transformers import AutoTokenizer

    folder, _ = learn(tmp_path_factory.mktemp(request.param), TEXTS, request.param)
    return request.param, Tokenizer.open(folder), AutoTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("text", TEXTS)
def test_text_learnt_in_one_form_is_known_in_every_other(both, text):
    form, ours, theirs = both
    ids = ours.encode(text).ids.tolist()
    written = [
        text,
        normalize("NFD", text),
        normalize("NFC", text),
        f"\ufeff{text}",
        *Cleaning(normalise=form).paragraphs(text),
    ]

    assert ours.unk_id not in ids
    for each in written + ([normalize("NFKD", text)] if form == "NFKC" else []):
        assert ours.encode(each).ids.tolist() == theirs(each, add_special_tokens=False)["input_ids"] == ids


@settings(deadline=None, max_examples=200)
@given(text=st.lists(st.one_of(st.sampled_from(TEXTS), st.text(max_size=9)), max_size=4).map("".join))
def test_what_clean_does_the_tokenizer_does_too(both, text):
    form, ours, theirs = both
    cleaned = " ".join(Cleaning(normalise=form).paragraphs(text))

    assert ours.encode(text).ids.tolist() == ours.encode(cleaned).ids.tolist()
    assert ours.encode(text, special="token").ids.tolist() == theirs(text, add_special_tokens=False)["input_ids"]


def test_japanese_words_are_the_same_in_every_form(japanese):
    text = "東京の冬はﾊﾝｶｸのカタカナも、がぎぐも読めますか？"
    ids = japanese.ours.encode(text).ids.tolist()
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        written = normalize(form, text)
        assert japanese.ours.encode(written).ids.tolist() == ids
        assert japanese.theirs(written, add_special_tokens=False)["input_ids"] == ids


def test_pieces_of_text_taken_apart_lie_where_its_letters_lie(both):
    _, ours, _ = both
    text = normalize("NFD", "café 한국어 naïve")
    located = ours.encode_with_offsets([text])[0]
    covered = "".join(text[a:b] for a, b in zip(located.starts, located.ends, strict=True))

    assert located.ids.tolist() == ours.encode(text).ids.tolist()
    assert covered == text.replace(" ", "")


def test_joiners_stay_where_words_are_spelt_with_them_and_nowhere_else(both):
    _, ours, _ = both
    assert any("\u200c" in token for token in ours.tokens)
    assert ours.encode("ca\u200cfé").ids.tolist() == ours.encode("café").ids.tolist()
    assert ours.encode("می\u200cخواهم").ids.tolist() != ours.encode("میخواهم").ids.tolist()


def test_zero_width_spaces_end_words_in_scripts_that_part_words_by_them(both):
    _, ours, _ = both
    apart, together = ours.encode("កម្ពុជា\u200bជា\u200bប្រទេស"), ours.encode("ca\u200bfé")
    assert apart.word_starts.sum() == 3
    assert together.word_starts.sum() == 1


def test_a_long_run_without_spaces_is_cut_and_known(tmp_path):
    folder, told = learn(tmp_path, [THAI], size=80)
    ours = Tokenizer.open(folder)
    pieces = ours.encode(THAI)

    assert len(THAI) > 100
    assert told == {"words_too_long": 0, "characters_too_long_rate": 0.0}
    assert ours.unk_id not in pieces.ids
    assert "".join(ours.tokens[number].removeprefix("##") for number in pieces.ids) == THAI


def test_words_that_are_too_long_are_counted(tmp_path):
    _, told = learn(tmp_path, ["The café serves guests " + "x" * 180], size=40)
    assert told == {"words_too_long": 8, "characters_too_long_rate": 0.904523}  # one sentence of nine is kept aside
