"""Thai, Khmer, Burmese, Korean and Chinese; all texts were written for these tests."""

import pytest

from mamebert.corpus.sentences import split_sentences

KHMER = ["ព្រឹកនេះអាកាសធាតុល្អណាស់។", "ម្តាយទៅផ្សារទិញបន្លែ ត្រី ផ្លែឈើ។ល។", "គ្រប់គ្នាសប្បាយចិត្តណាស់៕", "តើថ្ងៃនេះញ៉ាំអ្វី?"]
BURMESE = ["ဒီနေ့ ရာသီဥတု ကောင်းတယ်။", "ကျွန်တော် ဈေးသွားတယ်။"]
KOREAN = [
    '어머니는 "김치찌개야!" 하고 웃으셨다.',
    '동생이 "뭐 먹어?"라고 물었다.',
    "모두 기뻐했다…",
    "뱃삯은 3.5달러였다.",
]
CHINESE = [
    "弟弟问：“吃什么？”",
    "“吃鱼！”妈妈说。",
    "「真的吗？」他笑着问道。",
    "船票是3.5元。",
    "很高兴……",
]


@pytest.mark.parametrize(("language", "sentences"), [("km", KHMER), ("my", BURMESE), ("ko", KOREAN), ("zh", CHINESE)])
def test_sentences_end_where_their_readers_end_them(language, sentences):
    assert split_sentences(" ".join(sentences), language) == sentences


def test_no_space_need_follow_a_khmer_or_a_korean_end():
    assert split_sentences("ខ្ញុំទៅផ្សារ។ខ្ញុំទិញត្រី។", "km") == ["ខ្ញុំទៅផ្សារ។", "ខ្ញុំទិញត្រី។"]
    assert split_sentences("배가 지나갔다.우리는 집에 왔어요.네이버.컴은 아니다.", "ko") == [
        "배가 지나갔다.", "우리는 집에 왔어요.", "네이버.컴은 아니다.",
    ]  # fmt: skip


def test_what_a_japanese_says_behind_a_quotation_ends_as_before():
    assert split_sentences("「行くぞ。」彼は言う。", "ja") == ["「行くぞ。」", "彼は言う。"]


def test_a_long_line_of_thai_ends_at_spaces_between_clauses():
    clauses = ["เช้าวันนี้อากาศดีมากและแม่ของฉันไปตลาดเพื่อซื้อผักกับปลามาทำอาหารกลางวันให้ทุกคนในบ้านกิน"] * 4
    found = split_sentences(" ".join(clauses), "th")

    assert found == clauses
    assert split_sentences(clauses[0] + " ราคา 3.50 บาท เรือเล็ก ๆ พ.ศ. 2567", "th") == [
        clauses[0] + " ราคา 3.50 บาท เรือเล็ก ๆ พ.ศ. 2567"
    ]
    assert split_sentences("สั้น มาก", "th") == ["สั้น มาก"]
