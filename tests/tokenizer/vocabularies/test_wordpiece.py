import subprocess
import sys
from collections import Counter

import pytest
from tokenizers import Tokenizer as RustTokenizer
from tokenizers.models import WordPiece

from mamebert.config import build
from mamebert.corpus.documents import write_shard
from mamebert.errors import UserError
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.joining import learn_pieces
from mamebert.tokenizer.learning.as_encoded import parts_of
from mamebert.tokenizer.learning.saving import with_rules
from mamebert.tokenizer.normalising import rules_of_words
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies.wordpiece import Wordpiece


def train(folder, sentences, **settings):
    write_shard(folder / "shard.parquet", [sentences])
    sample = Sample.draw([folder / "shard.parquet"], 10**6, seed=0, processes=1)
    build(Wordpiece, {"min_frequency": 1, **settings}).train(sample, folder / "tokenizer")
    return Tokenizer.open(folder / "tokenizer")


WORDS = ["bean", "beans", "beanie", "green", "greens", "greener", "garden", "gardens", "gardener", "harden"]
SENTENCES = [" ".join(WORDS[i:] + WORDS[:i]) for i in range(len(WORDS))] * 3


def test_a_vocabulary_larger_than_the_text_supports_says_what_to_set(tmp_path):
    with pytest.raises(UserError, match=r"supports a vocabulary of (\d+) pieces, not 5,000\. Set vocabulary\.size=\1"):
        train(tmp_path, SENTENCES, size=5_000)


def test_the_size_offered_by_the_error_works(tmp_path):
    with pytest.raises(UserError) as error:
        train(tmp_path, SENTENCES, size=5_000)
    size = int(str(error.value).split("vocabulary.size=")[1].split()[0])

    assert train(tmp_path, SENTENCES, size=size).vocab_size == size


def test_an_alphabet_larger_than_the_vocabulary_is_refused(tmp_path):
    alphabet = ["".join(map(chr, range(0x4E00, 0x4E64)))] * 3
    with pytest.raises(UserError, match=r"lower vocabulary\.limit_alphabet"):
        train(tmp_path, alphabet, size=60, limit_alphabet=100, split_cjk=False)


def test_rare_characters_are_left_out(tmp_path):
    tokenizer = train(tmp_path, [*SENTENCES, "zebra"], size=32, limit_alphabet=9)

    assert "b" in tokenizer.tokens
    assert "z" not in tokenizer.tokens


def test_frequent_words_are_whole(tmp_path):
    tokenizer = train(tmp_path, SENTENCES, size=38)

    assert {"bean", "garden"} <= set(tokenizer.tokens)
    assert not any(" " in token for token in tokenizer.tokens)


def test_fresh_processes_write_the_same_bytes(tmp_path):
    # Ties abound in this text, and the trainer's own order of them is random in every process.
    write_shard(tmp_path / "shard.parquet", [["abc bcd cde def efg fgh ghi 豆腐 腐豆"] * 3])
    code = (
        "import sys; from pathlib import Path;"
        "from mamebert.tokenizer.sampling import Sample;"
        "from mamebert.tokenizer.vocabularies.wordpiece import Wordpiece;"
        "sample = Sample.draw([Path(sys.argv[1])], 1000, 0, 1);"
        "Wordpiece(size=30).train(sample, Path(sys.argv[2]))"
    )
    written = []
    for number in range(2):
        folder = tmp_path / str(number)
        subprocess.run([sys.executable, "-c", code, str(tmp_path / "shard.parquet"), str(folder)], check=True)
        written.append({path.name: path.read_bytes() for path in folder.iterdir()})

    assert written[0] == written[1]
    assert set(written[0]) == {"tokenizer.json", "tokenizer_config.json", "vocab.txt"}


def test_japanese_words_keep_their_accents():
    with pytest.raises(UserError, match="strip_accents=false"):
        build(Wordpiece, {"words": "mecab", "strip_accents": True})


HAN = ["".join(chr(0x4E00 + (n * n + k) % 300) for k in range(40)) for n in range(200)]


def test_characters_fill_a_vocabulary_that_words_cannot_fill(tmp_path):
    tokenizer = train(tmp_path, HAN, size=250)  # a third would be 100 characters, and nothing else to learn

    assert tokenizer.vocab_size == 250
    assert sum(len(token) == 1 for token in tokenizer.tokens) == 245


def test_an_alphabet_that_was_limited_is_named_where_the_vocabulary_stays_small(tmp_path):
    with pytest.raises(
        UserError, match=r"of 105 pieces, not 250\. Set vocabulary\.size=105.*limit_alphabet .*200 char"
    ):
        train(tmp_path, HAN, size=250, limit_alphabet=100)


def test_the_last_place_goes_to_a_character_that_takes_one():
    counts = Counter({chr(0x4E00 + n): 50 for n in range(100)}) + Counter({"жж": 9, "豆": 3})
    tokens = learn_pieces(counts, 106, 1, 0)
    assert len(tokens) == 106
    assert "豆" in tokens
    assert "ж" not in tokens


def test_a_third_of_the_places_is_not_the_limit_where_that_is_too_few_for_the_text():
    characters = Counter({chr(0x4E00 + n): 50 for n in range(160)})
    words = Counter({"".join("abcdefgh"[(n >> k) % 8] for k in range(8)): 3 for n in range(100)})
    tokens = learn_pieces(characters + words, 240, 1, 0)
    assert len(characters.keys() & set(tokens)) >= 158
    assert max(map(len, tokens[5:])) > 3


@pytest.mark.parametrize("settings", [{}, {"lowercase": True}, {"lowercase": True, "strip_accents": True}])
def test_words_in_ascii_are_parted_as_the_rules_have_it(tmp_path, settings):
    words = ["Don't", "(x_1)", "e-mail...", "R&D", "a^b`c~", "ÉTÉ", "naïve-ish", "漢字abc", "x\x07y", "1,000.5%"]
    write_shard(tmp_path / "shard.parquet", [words * 3])
    sample = Sample.draw([tmp_path / "shard.parquet"], 10**6, seed=0, processes=1)
    vocabulary = build(Wordpiece, settings)

    found, _ = vocabulary.words_of(sample)

    rust = RustTokenizer(WordPiece(unk_token="[UNK]"))
    rust = with_rules(rust, rules_of_words("NFC", True, vocabulary.strip_accents, vocabulary.lowercase))
    learnt = list(sample.learnt())
    assert found == Counter(part for _, part in parts_of(learnt, rust))
