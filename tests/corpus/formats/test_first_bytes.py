"""Which encodings bytes are taken for that are not what the settings say."""

import pytest

from mamebert.corpus.formats.first_bytes import other_encodings
from mamebert.corpus.formats.opening import open_text
from mamebert.errors import UserError

SHORT = {
    "cp1251": ["Привет, как дела?", "Москва", "Червоний човен пливе річкою."],
    "koi8_r": ["Привет, как дела?", "Москва"],
    "cp1252": ["garçon", "Größe", "naïve", "Le café est déjà fermé.", "Mae’r tŷ".replace("ŷ", "ô")],
    "cp1250": ["Zażółć gęślą jaźń", "Příliš žluťoučký kůň"],
    "cp1253": ["Καλημέρα κόσμε."],
    "cp1254": ["İstanbul'da ışıklar söndü."],
    "cp1255": ["שלום עולם"],
    "cp1256": ["مرحبا بالعالم"],
    "cp874": ["สวัสดีครับ"],
    "cp949": ["서울", "안녕하세요. 빨간 배"],
    "gb18030": ["北京", "红色的船在河里。"],
    "big5": ["臺灣", "紅色的船在河裡。"],
    "cp932": ["テスト", "赤い船が川を行く。"],
    "euc_jp": ["赤い船が川を行く。", "カタカナ"],
}


@pytest.mark.parametrize(("encoding", "text"), [(name, text) for name, texts in SHORT.items() for text in texts])
def test_short_texts_are_offered_their_own_encoding_first(encoding, text):
    stored = (text + "\n").encode(encoding)
    place = next(i for i, byte in enumerate(stored) if byte > 127)
    first = other_encodings(stored, place).split(" ")[0]
    assert stored.decode(first) == text + "\n"


@pytest.mark.parametrize(
    "text", ["Привет, как дела?", "नमस्ते दुनिया", "안녕하세요. 배", "Le café est fermé.", "שלום עולם"]
)
@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le"])
def test_wide_text_without_a_mark_is_not_read_as_utf8_with_holes(tmp_path, text, encoding):
    file = tmp_path / "a.txt"
    file.write_bytes((text + "\n").encode(encoding))
    with pytest.raises(UserError, match=f'encoding = "{encoding}"'), open_text(file, "utf-8", "strict") as (f, _):
        f.read()
    with open_text(file, encoding, "strict") as (read, _):
        assert read.read() == text + "\n"


def test_japanese_mail_is_not_read_as_dollars_and_letters(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("赤い船。\n".encode("iso2022_jp"))
    with pytest.raises(UserError, match='encoding = "iso2022_jp"'), open_text(file, "utf-8", "strict"):
        pass


def test_utf8_that_is_asked_as_something_else_is_told(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("Größe und Straße\n".encode())
    with pytest.raises(UserError, match='encoding = "utf-8"'), open_text(file, "latin-1", "strict"):
        pass


def test_replacing_most_of_a_text_is_refused_and_a_damaged_byte_is_not(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes("Привет, как дела?\n".encode("cp1251"))
    with pytest.raises(UserError, match=r"replaced.*cp1251"), open_text(file, "utf-8", "replace"):
        pass
    file.write_bytes("Привет, как дела?\n".encode()[1:])
    with open_text(file, "utf-8", "replace") as (read, _):
        assert read.read().endswith("ривет, как дела?\n")


def test_a_bad_byte_far_into_a_file_is_guessed_from_where_it_stands(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"one two three\n" * 6000 + "garçon\n".encode("cp1252"))
    with pytest.raises(UserError, match="cp1252"), open_text(file, "utf-8", "strict") as (read, _):
        read.read()


def test_ordinary_text_with_a_nul_is_read(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"hello\0there .\n")
    with open_text(file, "utf-8", "strict") as (read, _):
        assert read.read() == "hello\0there .\n"
