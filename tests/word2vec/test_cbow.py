from itertools import pairwise

import numpy as np
import pytest

from mamebert.config import build
from mamebert.corpus.frequencies import token_counts
from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard
from mamebert.errors import UserError
from mamebert.word2vec import cbow
from mamebert.word2vec.cbow import Cbow, num_workers, train_cbow
from mamebert.word2vec.gensim_text import Lines

VOCAB_SIZE = 45
SETTINGS = Cbow(vector_size=16, epochs=3, sample=0, processes=1)


def write_shards(folder, sentences):
    documents = [[(ids, [True] * len(ids)) for ids in sentences]]
    write_token_shard(shard_path(folder, "train", 0), documents, VOCAB_SIZE)
    write_manifest(folder, VOCAB_SIZE)
    return TokenShards.open(folder)


@pytest.fixture
def shards(tmp_path):
    """Two topics: ids 5 to 14 keep each other company, and so do 20 to 29. No two ids are equally frequent."""
    rng = np.random.default_rng(1)
    weights = np.arange(20, 10, -1) / np.arange(20, 10, -1).sum()
    sentences = [rng.choice(10, size=12, p=weights) + (5, 20)[topic] for topic in rng.integers(0, 2, 1500)]
    return write_shards(tmp_path / "shards", [*sentences, [40] * 3])


def test_tokens_that_keep_company_lie_near_each_other(shards, tmp_path):
    found = train_cbow(shards, SETTINGS, 0, tmp_path)
    row = {int(i): vector / np.linalg.norm(vector) for i, vector in zip(found.ids, found.matrix, strict=True)}

    within = np.mean([row[5] @ row[i] for i in range(6, 15)])
    across = np.mean([row[5] @ row[i] for i in range(20, 30)])

    assert within > across + 0.3


def test_one_pass_over_one_slice_is_what_gensim_does_with_the_whole_file(shards, tmp_path):
    from gensim.models import Word2Vec

    path = tmp_path / "corpus.txt"
    Lines(shards).write(path, 0, shards.num_sentences)
    plain = Word2Vec(corpus_file=str(path), vector_size=16, min_count=1, sample=0, sg=0, epochs=1, workers=1, seed=7)
    ours = train_cbow(shards, SETTINGS.model_copy(update={"epochs": 1}), 7, tmp_path)

    assert [int(key) for key in plain.wv.index_to_key] == ours.ids.tolist()
    np.testing.assert_array_equal(plain.wv.vectors, ours.matrix)


def test_one_thread_gives_the_same_bits_twice_and_another_seed_does_not(shards, tmp_path):
    first, again, other = (train_cbow(shards, SETTINGS, seed, tmp_path).matrix for seed in (0, 0, 1))

    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_learning_rate_falls_without_a_step_over_slices_and_passes(shards, tmp_path, monkeypatch):
    from gensim.models import Word2Vec

    rates = []
    learn = Word2Vec.train

    def watch(self, *args, start_alpha, end_alpha, **kwargs):
        rates.append((start_alpha, end_alpha))
        return learn(self, *args, start_alpha=start_alpha, end_alpha=end_alpha, **kwargs)

    monkeypatch.setattr(Word2Vec, "train", watch)
    monkeypatch.setattr(cbow, "TOKENS_PER_SLICE_AND_WORKER", 5000)
    train_cbow(shards, SETTINGS, 0, tmp_path)

    assert len(rates) == 3 * 4
    assert rates[0][0] == SETTINGS.alpha
    assert rates[-1][1] == pytest.approx(SETTINGS.min_alpha)
    assert all(end == start > 0 for (_, end), (start, _) in pairwise(rates))


def test_counts_are_of_the_whole_vocabulary_and_rare_tokens_learn_nothing(shards, tmp_path):
    found = train_cbow(shards, SETTINGS.model_copy(update={"min_count": 4, "epochs": 1}), 0, tmp_path)

    assert found.counts[40] == 3
    assert found.counts.tolist() == token_counts(shards).tolist()
    assert found.counts.sum() == shards.num_tokens
    assert sorted(found.ids.tolist()) == [*range(5, 15), *range(20, 30)]


def test_the_scratch_file_is_gone_afterwards_even_after_a_mistake(shards, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    train_cbow(shards, SETTINGS, 0, scratch)
    assert not list(scratch.iterdir())

    monkeypatch.setattr("gensim.models.Word2Vec.train", lambda *args, **kwargs: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        train_cbow(shards, SETTINGS, 0, scratch)
    assert not list(scratch.iterdir())


def test_several_threads_learn_the_same_kind_of_table(shards, tmp_path, monkeypatch):
    monkeypatch.setattr(cbow, "LEAST_TOKENS_PER_WORKER", 5000)
    one = train_cbow(shards, SETTINGS, 0, tmp_path)
    two = train_cbow(shards, SETTINGS.model_copy(update={"processes": 2}), 0, tmp_path)

    norms = [np.linalg.norm(each.matrix, axis=1).mean() for each in (one, two)]
    assert norms[1] == pytest.approx(norms[0], rel=0.3)


def test_a_short_text_is_not_divided_among_threads():
    assert num_workers(8, 50_000) == 1
    assert num_workers(8, 350_000) == 3
    assert num_workers(2, 10**9) == 2


def test_a_text_without_tokens_frequent_enough_is_a_sentence(tmp_path):
    shards = write_shards(tmp_path / "shards", [[5, 6, 7]])
    with pytest.raises(UserError, match=r"No token of .* occurs 5 times.* lower cbow.min_count"):
        train_cbow(shards, Cbow(min_count=5), 0, tmp_path)


def test_a_disk_without_space_is_told_before_learning(shards, tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10})())
    with pytest.raises(UserError, match="The lines word2vec reads need about"):
        train_cbow(shards, SETTINGS, 0, tmp_path)


def test_a_learning_rate_that_would_rise_is_refused():
    with pytest.raises(UserError, match=r"min_alpha 0\.1 is above alpha"):
        build(Cbow, {"min_alpha": 0.1})
