import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard
from mamebert.word2vec.gensim_text import Lines, slices, spell

SENTENCES = st.lists(st.lists(st.integers(0, 119), min_size=1, max_size=9), min_size=1, max_size=30)


@given(SENTENCES, st.integers(1, 40))
def test_slices_hold_every_sentence_once_in_order_and_are_short(sentences, num_tokens):
    starts = np.cumsum([0] + [len(ids) for ids in sentences])
    found = list(slices(starts, num_tokens))

    assert [i for first, last in found for i in range(first, last)] == list(range(len(sentences)))
    assert all(starts[last] - starts[first] <= num_tokens or last == first + 1 for first, last in found)


@given(SENTENCES, st.data())
def test_lines_spell_the_tokens_of_the_sentences_asked_for(sentences, data):
    first = data.draw(st.integers(0, len(sentences) - 1))
    last = data.draw(st.integers(first + 1, len(sentences)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_token_shard(shard_path(folder, "train", 0), [[(ids, [True] * len(ids)) for ids in sentences]], 120)
        write_manifest(folder, 120)
        num_tokens = Lines(TokenShards.open(folder)).write(folder / "lines.txt", first, last)
        lines = (folder / "lines.txt").read_text().splitlines()

    assert [[int(word) for word in line.split()] for line in lines] == sentences[first:last]
    assert num_tokens == sum(map(len, sentences[first:last]))


def test_no_id_ends_like_another_so_that_a_cut_word_is_no_word():
    words = {spell(i, 3) for i in range(500)}
    assert not any(word[cut:] in words for word in words for cut in (1, 2))
