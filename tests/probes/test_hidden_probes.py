"""Probes of vectors: translations, similarity, attention, embeddings."""

import json

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from mamebert.config import build
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.probes.attention import figures
from mamebert.probes.crosslingual import retrieved
from mamebert.probes.embeddings import _counts
from mamebert.probes.scoring.hidden_states import hidden_states, mean_vectors

SENTENCES = [f"The {a} {b} holds the {c}." for a in ("old", "wet") for b in ("boat", "pot") for c in ("rope", "leaf")]


def test_hidden_states_are_those_of_plain_transformers(asked, encoders):
    from transformers import AutoModel, AutoTokenizer

    folder = encoders("N") / "model"
    model, plain = AutoModel.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    texts = [each.ids.astype(np.int64) for each in asked.tokenizer.encode_many([*SENTENCES, "The boat ."])]
    for number, layers in hidden_states(asked, texts):
        with torch.no_grad():
            given = plain([*SENTENCES, "The boat ."][number], return_tensors="pt")
            theirs = torch.stack(model(**given, output_hidden_states=True).hidden_states)[:, 0, 1:-1]
        assert torch.allclose(layers, theirs, atol=1e-5)
    assert mean_vectors(asked, texts).shape == (3, len(texts), 32)


def test_a_shifted_copy_of_a_language_is_found_whole_and_not_without_the_shift():
    rng = np.random.default_rng(0)
    one = rng.normal(size=(50, 8)).astype(np.float32)
    offset = np.full(8, 30, np.float32)
    assert retrieved(one, one + offset, offset) == 1
    assert retrieved(one, one + offset, np.zeros(8, np.float32)) < 0.5
    assert retrieved(np.zeros((4, 2), np.float32), np.zeros((4, 2), np.float32), np.zeros(2, np.float32)) == 0


def test_a_language_of_shifted_ids_is_found_in_every_layer(ask_about, rows_file):
    found = ask_about("crosslingual", pairs=rows_file(*({"source": text, "target": text} for text in SENTENCES)))
    assert found.figures["found"] == 1
    assert found.figures["shared_pieces"] == 1
    assert [row.name for row in found.tables[0].rows] == ["embeddings", "layer 1", "layer 2"]


def test_texts_that_are_alike_by_their_scores_give_the_correlation_of_cosines(ask_about, rows_file, asked):
    texts = [each.ids.astype(np.int64) for each in asked.tokenizer.encode_many(SENTENCES)]
    vectors = mean_vectors(asked, texts)[0].astype(float)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = [
        {"sentence1": SENTENCES[a], "sentence2": SENTENCES[b], "score": float(unit[a] @ unit[b])}
        for a, b in ((0, 1), (0, 3), (1, 6), (2, 5), (4, 7), (0, 7))
    ]
    found = ask_about("similarity", pairs=rows_file(*rows))
    assert found.tables[0].rows[0].figures["as_they_are"] == pytest.approx(1)
    assert [row.name for row in found.tables[0].rows][-1] == "mean of all"


def test_the_line_of_weighted_words_is_that_of_the_table_alone(ask_about, rows_file, asked):
    rows = [
        {"sentence1": SENTENCES[a], "sentence2": SENTENCES[b], "score": score}
        for score, (a, b) in enumerate(((0, 7), (0, 3), (1, 6), (0, 1), (4, 4)))
    ]
    texts = [asked.tokenizer.encode(row[name]).ids for row in rows for name in ("sentence1", "sentence2")]
    table = asked.network.bert.embeddings.word_embeddings.weight.detach().double().numpy()
    counts = np.bincount(np.concatenate(texts), minlength=len(table))
    centred = table - table[counts > 0].mean(0)
    words = centred / np.linalg.norm(centred, axis=1, keepdims=True)
    vectors = np.stack([(words[ids] * (1e-3 / (1e-3 + counts[ids] / counts.sum()))[:, None]).sum(0) for ids in texts])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    expected = spearmanr((vectors[::2] * vectors[1::2]).sum(1), [row["score"] for row in rows]).statistic
    found = ask_about("similarity", pairs=rows_file(*rows))
    assert found.figures["words_weighted_by_frequency"] == pytest.approx(expected, abs=1e-6)


def test_attention_is_told_by_where_it_goes():
    ahead = torch.eye(5, dtype=torch.double).roll(1, 1)[None, None]
    found = figures(ahead, (5,))[0] / 3
    assert found.tolist() == pytest.approx([0, 0, 1, 1 / 3, 1, 0])
    even = torch.full((1, 1, 4, 4), 0.25, dtype=torch.double)
    assert figures(even, (4,))[0, 5].item() / 2 == pytest.approx(np.log(4))


def test_shares_of_attention_are_of_every_layer_and_head(ask_about, world):
    found = ask_about("attention", texts=str(world / "text.txt"), sample=4)
    assert len(found.tables[0].rows) == 2
    assert len(found.tables[1].rows) == 4
    assert sum(found.figures[name] for name in ("itself", "the_one_before", "the_one_after")) <= 1.0 + 1e-6


def test_embeddings_tell_of_frequency_and_solve_what_is_planted(ask_about, asked, world, tmp_path, tokens):
    words = [token for token in tokens if token.islower()][:4]
    (tmp_path / "corpus.txt").write_text((world / "text.txt").read_text() + "\n\n" + " ".join(tokens))
    ids = [asked.tokenizer.tokens.index(word) for word in words]
    table = asked.network.bert.embeddings.word_embeddings.weight
    kept = table.detach().clone()
    try:
        with torch.no_grad():
            one, other, step = torch.randn(3, table.shape[1], generator=torch.Generator().manual_seed(0)) * 9
            for place, vector in zip(ids, (one, one + step, other, other + step), strict=True):
                table[place] = vector
        a, b, c, d = words
        lines = f": planted\n{a} {b} {c} {d}\n{b} {a} {d} {c}\n{a} {b} {c} unheardof\n"
        (tmp_path / "questions.txt").write_text(lines)
        found = ask_about("embeddings", corpus=str(tmp_path / "corpus.txt"), analogies=str(tmp_path / "questions.txt"))
    finally:
        with torch.no_grad():
            table.copy_(kept)
    assert (found.figures["analogies"], found.figures["analogies_asked"]) == (1, 2)
    assert len(found.tables[0].rows) == 10


def test_a_run_of_vectors_stands_beside_the_encoder_that_began_with_it(mamebert, encoders, world, tmp_path, tokens):
    words = [token for token in tokens if token.islower()][:6]
    lines = "".join(
        f"{one}\t{other}\t{n}\n" for n, (one, other) in enumerate(zip(words, words[1:] + words[:1], strict=True))
    )
    (tmp_path / "pairs.txt").write_text("# Word 1\tWord 2\n" + lines)
    (tmp_path / "corpus.txt").write_text((world / "text.txt").read_text() + "\n\n" + " ".join(tokens))
    given = ("--corpus", tmp_path / "corpus.txt", f"probe.similar.some={tmp_path / 'pairs.txt'}", "--json")
    told = mamebert(
        "probe", "embeddings", f"models.before={world / 'vectors'}", f"models.after={encoders('W')}", *given
    )
    assert told.code == 0, told.err
    before, after = map(json.loads, told.out.splitlines())
    assert (before["model"], after["model"]) == ("before", "after")
    assert before["similarity_some_pairs"] == 6
    # W keeps the vectors that it began with, but for one factor, and rows that no vector was learnt for.
    assert before["similarity_some"] == pytest.approx(after["similarity_some"], abs=0.1)
    drawn = mamebert("probe", "embeddings", world / "vectors", *given, "random_weights=true").out.splitlines()[1]
    assert json.loads(drawn)["similarity_some"] != before["similarity_some"]
    assert (
        "is not a model folder"
        in mamebert("probe", "attention", world / "vectors", "--texts", world / "text.txt").mistake
    )
    (tmp_path / "pairs.txt").write_text("one two\n")
    assert "no two words and a score" in mamebert("probe", "embeddings", world / "vectors", *given).mistake


def test_tokens_that_only_begin_words_are_no_words(asked, tmp_path, tokens):
    pieces = {token: asked.tokenizer.encode(f"{token}{token}").ids for token in tokens}
    begun, ids = next((token, ids) for token, ids in pieces.items() if len(ids) > 1)
    other = next(token for token in tokens if asked.tokenizer.encode(token).ids[0] != ids[0])
    (tmp_path / "text.txt").write_text(f"{begun}{begun} {other} {begun}{begun}")
    found = _counts(asked, build(Reader, {"path": str(tmp_path / "text.txt")}))
    assert found[ids].sum() == 0
    assert found[asked.tokenizer.encode(other).ids].tolist() == [1]


@pytest.mark.parametrize(
    ("kind", "settings", "row", "told"),
    [
        ("crosslingual", "pairs", {"en": "a"}, "no text in 'source'"),
        ("crosslingual", "pairs", {"source": "a", "target": "the"}, "at least 4 are needed"),
        ("similarity", "pairs", {"sentence1": "a", "sentence2": "b", "score": "much"}, "a score that is a number"),
        ("similarity", "pairs", {"sentence1": "a", "sentence2": "b", "score": 1}, "at least 5 pairs"),
        ("attention", "texts", {"text": " "}, "no text of two pieces"),
        ("embeddings", "corpus", {"text": "nothing here"}, "whole words"),
    ],
)
def test_bad_input_is_one_sentence(ask_about, rows_file, kind, settings, row, told):
    with pytest.raises(UserError, match=told):
        ask_about(kind, **{settings: rows_file(row)})
