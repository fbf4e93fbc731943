import json

import numpy as np
import pytest

from mamebert.config import build
from mamebert.probes import Asked, Probe
from mamebert.probes import minimal_pairs as module
from mamebert.probes.minimal_pairs import Judged, Outcomes
from mamebert.stages.probe import ProbeConfig, probe
from mamebert.stages.probe.probing import open_asked

PAIRS, ENCODER = "THE PAIRS", "THE ENCODER"
SENTENCE = {"sentence_good": "The old boat .", "sentence_bad": "Boat old the ."}


@pytest.fixture(scope="module")
def asked(encoders) -> Asked:
    return open_asked(encoders("N"), "cpu")


def pairs(place, *rows):
    (place / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(place / "pairs.jsonl")


def ask(asked, keep, file, seed=0, **settings):
    return build(Probe, {"kind": "minimal_pairs", "pairs": file, **settings}).ask(asked, keep, seed)


def outcomes(good, bad):
    return Outcomes(np.array(good, float), np.array(bad, float), np.ones(len(good), bool))


def judged(good, bad):
    return Judged(outcomes(good, bad), {})


def test_a_pair_is_right_where_the_good_sentence_is_likelier_and_a_tie_is_not():
    found = outcomes([-1, -2, -3], [-2, -2 - 1e-9, -1])
    assert found.right.tolist() == [True, False, False]
    assert found.tied.tolist() == [False, True, False]


def test_every_paradigm_counts_the_same():
    figures = module._figures([judged([-1] * 9, [-2] * 9), judged([-2], [-1])])
    assert figures["accuracy"] == 0.5
    assert figures["pairs"] == 10


def test_one_sentence_twice_is_a_tie(asked, tmp_path):
    twice = {"sentence_good": "The old boat .", "sentence_bad": "The old boat ."}
    found = ask(asked, tmp_path, pairs(tmp_path, twice))
    assert (found.figures["accuracy"], found.figures["ties"], found.figures["equally_long"]) == (0, 1, 1)


@pytest.mark.parametrize("scoring", ["pll", "pll_word_l2r"])
def test_good_and_bad_exchanged_is_the_rest(asked, world, tmp_path, scoring):
    columns = {"good_column": "sentence_bad", "bad_column": "sentence_good"}
    file = str(world / "pairs.jsonl")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    found = ask(asked, tmp_path / "a", file, scoring=scoring).figures
    other = ask(asked, tmp_path / "b", file, scoring=scoring, **columns).figures
    assert found["accuracy"] + other["accuracy"] + found["ties"] == pytest.approx(1, abs=1e-5)
    assert found["pairs"] == 24


def test_a_sample_is_of_each_paradigm_and_the_same_every_time(asked, world, tmp_path):
    file = str(world / "pairs.jsonl")
    places = [tmp_path / name for name in "abc"]
    for place in places:
        place.mkdir()
    found = [ask(asked, place, file, seed=seed, sample=2) for place, seed in zip(places, (0, 0, 1), strict=True)]
    assert found[0] == found[1]
    scores = [[kept.read_text() for kept in sorted(place.glob("*.json"))] for place in places]
    assert scores[0] == scores[1] != scores[2]
    assert {row.figures["pairs"] for row in found[0].tables[-1].rows} == {2}


def test_pairs_that_tell_nothing_of_what_they_differ_in_are_one_paradigm(asked, tmp_path):
    found = ask(asked, tmp_path, pairs(tmp_path, SENTENCE, SENTENCE))
    assert [row.name for row in found.tables[0].rows] == [module.ALL]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"sentence_good": "a", "bad": "b"}, "no text in 'sentence_bad'"),
        ({"sentence_good": "a", "sentence_bad": None}, "no text in 'sentence_bad'"),
        ({"sentence_good": "The boat . " * 200, "sentence_bad": "a"}, "and the encoder reads"),
        ({"sentence_good": "犬 猫", "sentence_bad": "猫 犬"}, "unknown to the encoder's tokenizer"),
    ],
)
def test_what_cannot_be_asked_is_a_sentence(mamebert, encoders, tmp_path, row, told):
    file = pairs(tmp_path, row)
    assert told in mamebert("probe", "minimal-pairs", encoders("N"), "--pairs", file).mistake


def test_what_was_asked_is_not_asked_again(world, encoders, tmp_path, monkeypatch):
    config = build(
        ProbeConfig,
        {
            "output": tmp_path / "out",
            "model": encoders("N"),
            "probe": {"kind": "minimal_pairs", "pairs": str(world / "pairs.jsonl")},
        },
    )
    whole = module.log_likelihoods
    asked = []

    def stops(*given):
        asked.append(1)
        if len(asked) == 3:
            raise KeyboardInterrupt
        return whole(*given)

    monkeypatch.setattr(module, "log_likelihoods", stops)
    with pytest.raises(KeyboardInterrupt):
        probe(config)
    run = probe(config)
    paradigms = len(run.results["models"][0]["tables"][-1]["rows"])
    assert len(asked) == paradigms + 1


def test_the_words_of_the_command_are_settings(mamebert, world, encoders, tmp_path):
    file = world / "pairs.jsonl"
    code, out, err = mamebert("probe", "minimal-pairs", encoders("N"), encoders("W"), "--pairs", file, "--json")
    assert code == 0, err
    told = [json.loads(line) for line in out.splitlines()]
    assert [line["model"] for line in told] == ["encoder-N", "encoder-W"]
    assert all(0 <= line["accuracy"] <= 1 and line["pairs"] == 24 for line in told)
    kept = mamebert("probe", "minimal_pairs", encoders("N"), f"probe.pairs={file}", f"output={tmp_path / 'out'}")
    assert kept.code == 0
    assert kept.out.startswith(f"encoder-N: accuracy {told[0]['accuracy']}")
    assert (tmp_path / "out" / "run.json").is_file()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["minimal-pears"], "Did you mean 'minimal-pairs'?"),
        (["minimal-pairs", "--piars", "x"], "Did you mean '--pairs'?"),
        (["minimal-pairs", "--pairs"], "--pairs needs a value"),
        (["minimal-pairs", ENCODER, "--pairs", "nowhere.jsonl"], "nowhere.jsonl"),
        (["minimal-pairs", "nowhere", "--pairs", PAIRS], "nowhere"),
        (["minimal-pairs", "--pairs", PAIRS], "No model is given"),
        ([], "Choose from: acceptability, attention"),
        (["probe.sample=3", "--pairs", PAIRS], "Choose from: acceptability, attention"),
    ],
)
def test_mistakes_are_told_with_the_way_out(mamebert, world, encoders, tmp_path, monkeypatch, words, told):
    monkeypatch.chdir(tmp_path)
    meant = {PAIRS: world / "pairs.jsonl", ENCODER: encoders("N")}
    asked = [meant.get(word, word) for word in words]
    assert told in mamebert("probe", *asked).mistake


def test_a_model_without_a_head_for_words_is_refused(mamebert, classifiers, world):
    model = classifiers / "models" / "N"
    told = mamebert("probe", "minimal-pairs", model, "--pairs", world / "pairs.jsonl").mistake
    assert "no head for masked words" in told


def test_ngrams_are_floors_beside_the_encoder(asked, world, tmp_path):
    keep = tmp_path / "scores" / "N"
    keep.mkdir(parents=True)
    file, corpus = str(world / "pairs.jsonl"), str(world / "text.txt")
    found = ask(asked, keep, file, corpus=corpus)
    assert found.figures["bigram"] > 0.9  # the bad sentences are the good ones in another order
    assert found.figures["unigram"] < 0.1  # of which unigrams know nothing
    assert found.tables[0].plot.y == ["accuracy", "unigram", "bigram", "trigram"]
    assert ask(asked, keep, file, corpus=corpus) == found
    assert len(list(keep.parent.glob("n-grams-*.json"))) == 1


def test_documents_of_a_clean_run_are_a_corpus_and_rows_without_text_are_told(mamebert, encoders, world, tmp_path):
    pair = pairs(tmp_path, SENTENCE)
    shards = str(world / "clean" / "documents" / "*.parquet")
    words = ("probe", "minimal-pairs", encoders("N"), "--pairs", pair, "--corpus")
    assert "trigram" in mamebert(*words, shards).out
    assert "no text" in mamebert(*words, world / "pairs.jsonl").mistake


def test_random_weights_are_a_row_of_their_own_and_the_same_every_time(mamebert, encoders, world, tmp_path):
    words = ("probe", "minimal-pairs", encoders("N"), "--pairs", world / "pairs.jsonl", "random_weights=true", "--json")
    once, twice = (mamebert(*words).out.splitlines() for _ in range(2))
    assert once == twice
    learnt, drawn = map(json.loads, once)
    assert drawn["model"] == "encoder-N, random weights"
    assert drawn["accuracy"] != learnt["accuracy"]


def test_scores_are_those_that_plain_transformers_gives(encoders, world):
    import torch
    from transformers import AutoModelForMaskedLM, AutoTokenizer

    folder = encoders("N") / "model"
    model, plain = AutoModelForMaskedLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)
    asked = open_asked(encoders("N"), "cpu")
    texts = [row["sentence_good"] for row in map(json.loads, (world / "pairs.jsonl").read_text().splitlines())][:10]
    ours = module.log_likelihoods(
        asked.network,
        module._pieces([module.Pair(text, text, "", "") for text in texts], asked.tokenizer)[::2],
        asked.tokenizer.special,
    )
    for text, score in zip(texts, ours, strict=True):
        ids = plain(text, return_tensors="pt").input_ids
        places = torch.arange(1, ids.shape[1] - 1)
        shown = ids.repeat(len(places), 1)
        shown[torch.arange(len(places)), places] = plain.mask_token_id
        with torch.no_grad():
            found = model(shown).logits.log_softmax(-1)[torch.arange(len(places)), places, ids[0, places]]
        assert score == pytest.approx(float(found.sum()), abs=1e-4)
