import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mamebert.errors import UserError
from mamebert.word2vec.cbow import LearntVectors
from mamebert.word2vec.table import VectorTable, read_vocabulary

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "犬", "猫", "##たち", "\u2028", "madra"]


@pytest.fixture
def vocabulary(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_bytes("".join(token + "\n" for token in TOKENS).encode())
    return path


def learnt(ids=(9, 5, 6, 7), width=8, scale=3.0):
    matrix = np.random.default_rng(5).normal(0.5, scale, (len(ids), width)).astype(np.float32)
    counts = np.zeros(len(TOKENS), dtype=np.int64)
    counts[list(ids)] = np.arange(len(ids)) * 10 + 10
    return LearntVectors(ids=np.array(ids), matrix=matrix, counts=counts)


def test_row_i_is_the_vector_of_vocabulary_id_i(vocabulary):
    found = learnt()
    table = VectorTable.align(found, vocabulary, seed=0)

    for row, token_id in enumerate(found.ids):
        np.testing.assert_array_equal(table.vectors[token_id], found.matrix[row])
    assert np.flatnonzero(table.learnt).tolist() == [5, 6, 7, 9]


@given(st.integers(0, 2**40))
def test_missing_rows_are_drawn_from_the_seed_and_padding_is_zero(tmp_path_factory, seed):
    path = tmp_path_factory.mktemp("v") / "vocab.txt"
    path.write_bytes("".join(token + "\n" for token in TOKENS).encode())
    first, again = (VectorTable.align(learnt(), path, seed).vectors for _ in range(2))

    np.testing.assert_array_equal(first, again)
    assert not first[0].any()
    assert all(first[i].any() for i in range(1, len(TOKENS)))


def test_missing_rows_spread_like_the_learnt_ones(tmp_path):
    path = tmp_path / "vocab.txt"
    path.write_text("".join(f"w{i}\n" for i in range(2000)))
    matrix = np.random.default_rng(5).normal(0, 3.0, (1000, 16)).astype(np.float32)
    found = LearntVectors(np.arange(1000), matrix, np.ones(2000, dtype=np.int64))
    table = VectorTable.align(found, path, seed=3)

    assert table.vectors[~table.learnt].std() == pytest.approx(matrix.std(), rel=0.05)


def test_what_is_saved_is_what_is_opened(vocabulary, tmp_path):
    table = VectorTable.align(learnt(), vocabulary, seed=0)
    table.save(tmp_path)
    opened = VectorTable.open(tmp_path)

    for name in ("vectors", "learnt", "counts"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(table, name))
    assert opened.tokens == TOKENS
    assert opened.vocabulary_sha256 == table.vocabulary_sha256


def test_coverage_counts_rows_and_text_and_names_what_is_missing(vocabulary):
    found = learnt(ids=(9, 5, 6))
    found.counts[7] = 40
    told = VectorTable.align(found, vocabulary, seed=0).coverage()

    assert told["num_rows_learnt"] == 3
    assert told["rows_learnt_rate"] == pytest.approx(0.3)
    assert told["tokens_covered_rate"] == pytest.approx(60 / 100)
    assert told["missing_special"] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert told["missing"] == ["##たち", "\u2028"]


def test_scaling_changes_lengths_and_no_direction(vocabulary):
    table = VectorTable.align(learnt(), vocabulary, seed=0)
    scaled = table.scaled("init")

    assert np.linalg.norm(scaled[table.learnt], axis=1).mean() == pytest.approx(0.02 * np.sqrt(8), rel=1e-5)
    assert not scaled[0].any()
    ratio = scaled[1:] / table.vectors[1:]
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-4)
    lengths = np.linalg.norm(table.scaled("unit")[table.learnt], axis=1)
    assert lengths.mean() == pytest.approx(1.0, rel=1e-5)
    np.testing.assert_array_equal(table.scaled("none"), table.vectors)


def test_another_width_or_vocabulary_than_the_encoders_is_refused(vocabulary, tmp_path):
    table = VectorTable.align(learnt(), vocabulary, seed=0)
    table.check(vocab_size=10, hidden_size=8, vocabulary=vocabulary)

    with pytest.raises(UserError, match=r"8 wide and the encoder's hidden_size is 16\. .*cbow\.vector_size=16"):
        table.check(vocab_size=10, hidden_size=16)
    with pytest.raises(UserError, match="vocabulary of 10 tokens and the encoder's has 12"):
        table.check(vocab_size=12, hidden_size=8)
    other = tmp_path / "other.txt"
    other.write_text("\n".join([*TOKENS[:-1], "cat"]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="another vocabulary"):
        table.check(vocab_size=10, hidden_size=8, vocabulary=other)


def test_a_vocabulary_of_another_size_than_the_shards_is_refused(vocabulary):
    found = learnt()
    with pytest.raises(UserError, match="10 tokens and the shards were made with 9"):
        VectorTable.align(LearntVectors(found.ids[1:], found.matrix[1:], found.counts[:9]), vocabulary, seed=0)


def test_a_folder_without_a_table_or_with_a_damaged_one_is_a_sentence(vocabulary, tmp_path):
    with pytest.raises(UserError, match="Give the output folder of `mamebert vectors`"):
        VectorTable.open(tmp_path / "nothing")
    VectorTable.align(learnt(), vocabulary, seed=0).save(tmp_path)
    (tmp_path / "vectors.safetensors").write_bytes(b"cut short")
    with pytest.raises(UserError, match=r"is damaged|is not what was written"):
        VectorTable.open(tmp_path)


def test_a_line_end_character_is_a_token_like_any_other(vocabulary):
    assert read_vocabulary(vocabulary) == TOKENS
