import json

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch.nn.functional import softplus

import mamebert
from mamebert.config import build
from mamebert.corpus.token_shards import TokenShards, shard_path, write_manifest, write_token_shard
from mamebert.errors import UserError
from mamebert.runs import Run
from mamebert.stages.contrast import contrast
from mamebert.stages.contrast import contrasting as engine
from mamebert.stages.contrast.bag import Bags, WeightedBag, contrast_loss, first_weights
from mamebert.stages.contrast.settings import ContrastConfig
from mamebert.word2vec.document_vectors import document_vectors
from mamebert.word2vec.table import VectorTable

SETTINGS = {
    "tokens": 40_000,
    "pairs": 16,
    "crop_tokens": 12,
    "window_tokens": 48,
    "vector_size": 16,
    "vectors_lr": 1e-2,
    "weights_lr": 5e-2,
}


@pytest.fixture(scope="module")
def shards(world, tmp_path_factory):
    """A `tokenize` run of 200 documents, each about one of seven themes: a few words of its own among common ones."""
    folder = tmp_path_factory.mktemp("themes") / "shards"
    tokenizer = world / "tokens" / "tokenizer"
    size = len((tokenizer / "vocab.txt").read_text(encoding="utf-8").splitlines())
    rng = np.random.default_rng(1)
    for part, number in (("train", 200), ("heldout", 40)):
        documents = []
        for theme in rng.integers(0, 7, number):
            words = np.where(
                rng.random((6, 10)) < 0.5, 45 + 5 * theme + rng.integers(0, 5, (6, 10)), rng.integers(5, 45, (6, 10))
            )
            documents.append([(row, [True] * 10) for row in words])
        write_token_shard(shard_path(folder, part, 0), documents, size)
    write_manifest(folder, size)
    (folder / "tokenizer").symlink_to(tokenizer)
    (folder / "run.json").write_text(
        json.dumps({"id": "made-up", "command": "tokenize", "settings": {}, "sources": []})
    )
    return folder


def config(shards, output, **changes):
    return build(ContrastConfig, {**SETTINGS, "shards": shards, "output": output, **changes})


@pytest.fixture(scope="module")
def learnt(shards, tmp_path_factory):
    return contrast(config(shards, tmp_path_factory.mktemp("contrast") / "run"))


def test_crops_of_a_document_find_each_other_and_words_of_a_theme_weigh_more_than_common_ones(learnt):
    results = Run.open(learnt.final).results
    table = VectorTable.open(learnt.folder)

    assert results["found"] > results["found_before"]
    assert results["tokens"] == pytest.approx(40_000, rel=0.02)
    assert results["heldout_pairs"] == 40
    assert table.weights[45:80].mean() > 1.5 * table.weights[5:45].mean()
    assert [line["step"] for line in learnt.metrics()] == list(range(20, results["steps"] + 1, 20))


def test_words_of_no_document_and_special_tokens_have_no_say(learnt, shards):
    table = VectorTable.open(learnt.folder)
    assert not table.weights[~table.learnt].any()
    assert not table.weights[:5].any()
    assert table.counts.sum() == TokenShards.open(shards).num_tokens


def test_a_run_killed_in_the_middle_goes_on_to_the_same_table(learnt, shards, tmp_path, monkeypatch):
    steps = engine.Contrasting._steps

    def killed(work):
        for taken in steps(work):
            yield taken
            if work.step == 60:
                work._snapshot()
            if work.step == 70:
                raise KeyboardInterrupt

    again = config(shards, tmp_path / "run")
    with monkeypatch.context() as patch:
        patch.setattr(engine.Contrasting, "_steps", killed)
        with pytest.raises(KeyboardInterrupt):
            contrast(again)
    run = contrast(again)

    first, second = (VectorTable.open(each.folder) for each in (learnt, run))
    np.testing.assert_array_equal(first.vectors, second.vectors)
    np.testing.assert_array_equal(first.weights, second.weights)
    lines = [[{**line, "seconds": 0} for line in each.metrics()] for each in (learnt, run)]
    assert lines[0] == lines[1]
    assert not (run.folder / "snapshots").exists()


def test_the_model_answers_with_the_vectors_of_the_table(learnt):
    model, table = mamebert.load(learnt.folder), VectorTable.open(learnt.folder)
    texts = ["The old harbour holds the boat .", "A garden .", "boat"]
    ids = [each.ids for each in model.tokenizer.encode_many(texts)]
    expected = document_vectors(table, ids)

    found = np.array([answer["vector"] for answer in model(texts)])
    np.testing.assert_allclose(found, expected, atol=1e-6)
    [pair] = model([(texts[0], texts[2])])
    assert pair["cosine"] == pytest.approx(float(expected[0] @ expected[2]), abs=1e-6)
    np.testing.assert_array_equal(found[1], model(texts[1])[0]["vector"])


def test_the_folder_has_a_card_that_tells_how_it_opens(learnt):
    card = (learnt.folder / "model" / "README.md").read_text(encoding="utf-8")
    assert "library_name: sentence-transformers" in card
    assert 'SentenceTransformer("model")' in card
    assert "16 numbers for each of" in card
    assert "Held-out crops whose partner is the nearest of 40" in card
    assert "bert\n" not in card.split("---")[1].replace("mamebert\n", "")
    assert mamebert.load(learnt.folder)("boat")  # a card is no part of what is sealed


def test_sentence_transformers_opens_the_model_and_agrees(learnt):
    library = pytest.importorskip("sentence_transformers")
    model = mamebert.load(learnt.folder)
    texts = ["The old harbour holds the boat .", "boat", "x [MASK] y", "", "the " * 2000]
    expected = np.array([answer.get("vector", [0.0] * 16) for answer in model(texts)])

    found = library.SentenceTransformer(str(learnt.folder / "model"), device="cpu").encode(texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_model2vec_opens_the_model_and_agrees(learnt):
    library = pytest.importorskip("model2vec")
    texts = ["The old harbour holds the boat .", "boat", "the boat " * 2000]
    expected = np.array([answer["vector"] for answer in mamebert.load(learnt.folder)(texts)])

    found = library.StaticModel.from_pretrained(learnt.folder / "model").encode(texts)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_it_goes_on_from_the_table_of_another_run(learnt, shards, tmp_path):
    run = contrast(config(shards, tmp_path / "more", vectors=learnt.folder, tokens=400))
    first, then = (VectorTable.open(each.folder) for each in (learnt, run))
    assert Run.open(run.final).results["found_before"] == Run.open(learnt.final).results["found"]
    assert not np.array_equal(first.vectors, then.vectors)
    np.testing.assert_allclose(first.weights, then.weights, atol=0.1)


def test_without_learning_it_is_the_table_of_frequency_weighted_vectors(world, tmp_path):
    settings = {"shards": world / "tokens", "vectors": world / "vectors", "output": tmp_path / "plain", "tokens": 0}
    run = contrast(build(ContrastConfig, settings))
    table, start = VectorTable.open(run.folder), VectorTable.open(world / "vectors")
    ids = np.flatnonzero(start.learnt[5:])[:7] + 5
    np.testing.assert_allclose(document_vectors(table, [ids]), document_vectors(start, [ids]), atol=1e-6)
    assert run.results["steps"] == 0


def test_a_table_of_another_vocabulary_is_refused_before_anything_is_made(world, shards, tmp_path):
    VectorTable(np.ones((3, 4), np.float32), np.ones(3, bool), np.ones(3, np.int64), ["a", "b", "c"], "").save(tmp_path)
    (tmp_path / "run.json").write_text("{}")
    with pytest.raises(UserError, match="vectors for another vocabulary"):
        contrast(config(shards, tmp_path / "run", vectors=tmp_path))
    assert not (tmp_path / "run.partial").exists()


def test_one_document_is_too_little_to_tell_apart(world, shards, tmp_path):
    folder = tmp_path / "one"
    write_token_shard(shard_path(folder, "train", 0), [[(np.arange(5, 45), [True] * 40)]], 80)
    write_manifest(folder, 80)
    (folder / "tokenizer").symlink_to(world / "tokens" / "tokenizer")
    (folder / "run.json").write_text((shards / "run.json").read_text())
    with pytest.raises(UserError, match="it takes two to tell them apart"):
        contrast(config(folder, tmp_path / "run"))


def test_the_loss_is_the_cross_entropy_of_finding_the_partner_both_ways():
    torch.manual_seed(0)
    vectors = torch.nn.functional.normalize(torch.randn(6, 4, dtype=torch.float64))
    logits = vectors[:3] @ vectors[3:].T / 0.5
    there = [x.logsumexp(0) - x[i] for i, x in enumerate(logits)]
    back = [x.logsumexp(0) - x[i] for i, x in enumerate(logits.T)]
    assert contrast_loss(vectors, 0.5).total == pytest.approx(float(sum(there) + sum(back)) / 6)


def test_a_bag_is_the_weighted_sum_of_its_words_and_weights_begin_as_given():
    rng = np.random.default_rng(0)
    rows, weights = rng.normal(size=(5, 3)).astype(np.float32), np.array([0, 0.05, 1, 8, 2], np.float32)
    network = WeightedBag(rows, weights)
    torch.testing.assert_close(network.weights, torch.from_numpy(weights))
    [found] = network(Bags(torch.tensor([0, 1, 3, 3]), torch.tensor([0])))
    expected = 0.05 * rows[1] + 16 * rows[3]
    np.testing.assert_allclose(found.detach(), expected / np.linalg.norm(expected), rtol=1e-5)
    assert softplus(network.before_softplus)[0] > 0  # what has no say keeps none, whatever is learnt


def test_rare_words_begin_with_more_weight_within_bounds():
    found = first_weights(np.array([10**9, 10**4, 1, 0]))
    assert found[0] == pytest.approx(0.05)
    assert found[1] == pytest.approx(np.log((10**9 + 10**4 + 1) / 10**4) - 4)
    assert found[2:].tolist() == [8, 0]


def test_evaluate_tells_spearman_of_its_cosines_without_training(learnt, tmp_path):
    rows = [("the old boat", "the old boat", 5), ("the old boat", "the old rope", 3), ("the old boat", "a seed", 0)]
    lines = [json.dumps({"a": a, "b": b, "score": score}) + "\n" for a, b, score in rows * 2]
    (tmp_path / "pairs.jsonl").write_text("".join(lines), encoding="utf-8")
    settings = {
        "model": learnt.folder,
        "test": str(tmp_path / "pairs.jsonl"),
        "task": {"text_columns": ["a"], "second_columns": ["b"], "label_column": "score"},
        "output": tmp_path / "evaluated",
    }
    run = mamebert.evaluate(build(mamebert.EvaluateConfig, settings))
    assert run.results["measure"] == "spearman"
    assert -1 <= run.results["models"][0]["scores"]["spearman"] <= 1


def test_an_encoder_begins_with_its_vectors(world, tiny, tmp_path, unproved):
    start = contrast(config(world / "tokens", tmp_path / "start", tokens=2000, pairs=8, vector_size=32))
    settings = {**tiny, "shards": world / "tokens", "embeddings": {"vectors": start.folder}, "output": tmp_path / "w"}
    run = mamebert.pretrain(build(mamebert.PretrainConfig, settings))
    stored = load_file(run.folder / "model" / "model.safetensors")["bert.embeddings.word_embeddings.weight"]
    np.testing.assert_array_equal(stored, VectorTable.open(start.folder).scaled("unit"))
    assert run.results["embeddings_unchanged"]
