import numpy as np
import pytest

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.probes import Probe
from mamebert.probes.scoring.guessed_words import Guesser
from mamebert.probes.scoring.perturbations import BY_CHANCE, change, drop, worth_of_words
from mamebert.stages.probe.probing import open_asked
from mamebert.tasks.masked_words.fill_mask import fill_mask
from mamebert.word2vec.neighbours import neighbours
from mamebert.word2vec.table import VectorTable

WORDS = ["The", "old", "boats", "hold", "the", "wet", "rope", "by", "the", "pier"]


@pytest.mark.parametrize("name", BY_CHANCE)
def test_strength_nought_is_the_text_itself_and_one_changes_every_word(name):
    how = BY_CHANCE[name]
    assert change(WORDS, 0, how, np.random.default_rng(0)) == WORDS
    assert change(WORDS, 1, how, np.random.default_rng(0)) != WORDS
    assert change(WORDS, 0.5, how, np.random.default_rng(3)) == change(WORDS, 0.5, how, np.random.default_rng(3))


def test_words_of_most_worth_leave_first():
    worth = {"boats": 2.0, "rope": 1.0}
    assert drop(WORDS, 0.2, worth, 1) == [word for word in WORDS if word not in worth]
    assert set(WORDS) - set(drop(WORDS, 0.2, worth, -1)) <= set(WORDS) - worth.keys()
    assert drop(WORDS, 0, worth, 1) == WORDS
    assert drop(WORDS, 1, worth, 1) == []


def test_worth_is_the_mutual_information_of_word_and_label():
    worth = worth_of_words([["sea", "the"], ["sea", "the"], ["pot", "the"], ["pot", "the"]], ["a", "a", "b", "b"])
    assert worth["sea"] == pytest.approx(np.log(2))
    assert worth["the"] == pytest.approx(0)


@pytest.fixture(scope="module")
def classifier(classifiers):
    return open_asked(classifiers / "models" / "N", "cpu", "answers")


def test_a_classifier_loses_by_what_it_reads(ask_about, classifier, world):
    found = ask_about("robustness", of=classifier, source=str(world / "rows.jsonl"), strengths=[0.5, 1.0], sample=40)
    accuracy, flips = ({row.name: row.figures for row in table.rows} for table in found.tables)
    assert found.figures["accuracy"] == accuracy["0"]["typos"] > 0.7
    assert set(flips["0"].values()) == {0.0}
    assert accuracy["1"]["word_drop"] < 0.7
    at_most = flips["1"]["informative_words_dropped"] - flips["1"]["word_drop"]
    assert found.figures["minds_informative_words"] == pytest.approx(at_most)
    assert 0 < found.figures["plus_minus"] < 0.2
    assert 0 <= found.figures["minds_informative_words_plus_minus"] < 0.4
    assert flips["0.5"]["informative_words_dropped"] > flips["0.5"]["common_words_dropped"]


def test_guessed_words_are_the_likeliest_others(encoders):
    asked = open_asked(encoders("N"), "cpu")
    guesser, words = Guesser(asked.network, asked.tokenizer), ["The", "old", "boat", "holds", "the", "wet", "rope"]
    assert guesser.change(words, 0, np.random.default_rng(0)) == words
    changed = guesser.change(words, 1, np.random.default_rng(0))
    assert len(changed) == len(words)
    for place, (word, other) in enumerate(zip(words, changed, strict=True)):
        assert other.lower() != word.lower()
        text = " ".join([*words[:place], "[MASK]", *words[place + 1 :]])
        ((candidates,),) = fill_mask(asked.network, asked.tokenizer, [text], len(asked.tokenizer.tokens))
        wanted = (each for each, _ in candidates if each.isalpha() and each.lower() != word.lower())
        assert other == next(wanted)
    long = ["boat"] * 300
    assert len(guesser.change(long, 0.1, np.random.default_rng(0))) == 300


def test_a_guesser_adds_its_operator(ask_about, classifier, world, encoders, classifiers):
    given = {"source": str(world / "rows.jsonl"), "strengths": [1.0], "sample": 10, "operators": ["typos"]}
    found = ask_about("robustness", of=classifier, **given, guesser=str(encoders("N")))
    assert {"typos", "guessed_words"} <= found.tables[0].rows[0].figures.keys()
    with pytest.raises(UserError, match="no head for masked words"):
        ask_about("robustness", of=classifier, **given, guesser=str(classifiers / "models" / "N"))


def test_synonyms_are_the_nearest_words_of_a_run_of_vectors(ask_about, classifier, world):
    table = VectorTable.open(world / "vectors")
    words = [token for token in table.tokens if token.isalpha() and token.islower()]
    texts = [[*words, "unheardof", "."]]
    settings = {"kind": "robustness", "source": str(world / "rows.jsonl"), "vectors": str(world / "vectors")}
    near = build(Probe, settings)._synonyms(classifier, texts)
    assert near
    assert near.keys() <= set(words)
    for word, other in near.items():
        found = [each for each, _ in neighbours(table, [word])[word] if each.isalpha()]
        assert other == found[0] != word
    del settings["kind"]
    found = ask_about("robustness", of=classifier, **settings, operators=["synonyms"])
    assert found.tables[1].rows[-1].figures["synonyms"] >= 0


def test_a_quantised_model_is_asked_for_its_answers(mamebert, classifiers, world, tmp_path):
    small = tmp_path / "int8"
    made = mamebert("compress", f"model={classifiers / 'models' / 'N'}", "method=dynamic_int8", f"output={small}")
    assert made.code == 0, made.err
    words = ("probe", "robustness", small, "--source", world / "rows.jsonl", "--sample", "10")
    assert "tells no synonyms" in mamebert(*words).mistake
    for given in ('probe.operators=["typos", "word_drop"]', f"probe.vectors={world / 'vectors'}"):
        told = mamebert(*words, given)
        assert (told.code, "accuracy" in told.out) == (0, True), told.err
    assert "quantised" in mamebert("probe", "attention", small, "--texts", world / "text.txt").mistake


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"operators": ["guessed_words"]}, "needs an encoder that guesses"),
        ({"operators": ["fire"]}, "no operator 'fire'"),
        ({"operators": []}, "There is no operator"),
        ({"strengths": [2]}, "share of the words"),
        ({"label_column": "nothing"}, "needs a text and a label"),
    ],
)
def test_bad_input_is_one_sentence(ask_about, classifier, world, settings, told):
    with pytest.raises(UserError, match=told):
        ask_about("robustness", of=classifier, source=str(world / "rows.jsonl"), **settings)


def test_one_class_and_an_encoder_are_told(ask_about, classifier, rows_file, mamebert, encoders, classifiers, world):
    with pytest.raises(UserError, match="one label"):
        ask_about("robustness", of=classifier, source=rows_file(*[{"text": "The boat .", "label": "a"}] * 3))
    words = ("probe", "robustness", encoders("N"), "--source", world / "rows.jsonl")
    assert "finetune" in mamebert(*words).mistake
    words = (
        "probe",
        "robustness",
        classifiers / "models" / "N",
        "--source",
        world / "rows.jsonl",
        "random_weights=true",
    )
    assert "Leave it out" in mamebert(*words).mistake
