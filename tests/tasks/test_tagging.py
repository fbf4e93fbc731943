import json
import random

import numpy as np
import pytest
from tests.conftest import ADJECTIVES, VERBS, WORLDS

import mamebert
from mamebert.config import build
from mamebert.encoder.readings import Reading
from mamebert.errors import UserError
from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.spans import dictionary
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.data.bio_tags import bio_labels, bio_tags, entities_in, mark_entities
from mamebert.tasks.data.features import IGNORE_INDEX, Example, TaskState, Unusable
from mamebert.tasks.data.words import words_found
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.task_network import start_network
from mamebert.tasks.tagging import Tagging
from mamebert.tokenizer.encoding import Tokenizer

TAGS = TaskState(("O", "B-PER", "I-PER"))
SPANS = Tagging(spans_column="entities", max_length=16)


@pytest.fixture(scope="module")
def tokenizer(encoders):
    return Tokenizer.open(encoders("N") / "model")


def example(words, gold=None):
    return Example(words if isinstance(words, str) else tuple(words), gold, 0)


def fake(labels, sentence_tags):
    """Return what a head would give that is sure of these tags."""
    return np.eye(len(labels))[[labels.index(tag) for tag in sentence_tags]]


def invent_rows(num_rows, seed):
    """Return sentences in which animate things are names of one word, and an adjective belongs to them."""
    rng = random.Random(seed)
    rows = []
    for _ in range(num_rows):
        kind, nouns = rng.choice(list(WORLDS.items()))
        a, b = rng.sample(nouns, 2)
        words = ["The", rng.choice(ADJECTIVES), a, rng.choice(VERBS), "the", b, "."]
        rows.append({"words": words, "tags": ["O", f"B-{kind}", f"I-{kind}", "O", "O", f"B-{kind}", "O"]})
    return rows


def test_a_word_is_read_at_its_first_piece(tokenizer):
    words = ["The", "unheardof", "boat", "."]
    (found,) = Tagging(max_length=64).features(tokenizer, [example(words, ["O", "B-PER", "I-PER", "O"])], TAGS)
    pieces = tokenizer.encode_words([words])[0]
    assert len(pieces[1]) > 1
    assert [found.sequences[0][place] for place in found.places[0]] == [ids[0] for ids in pieces]
    assert found.target.tolist() == [0, 1, 2, 0]
    assert Tagging().num_asked(found) == 4


@pytest.mark.parametrize("max_length", [8, 9, 16])
def test_a_long_sentence_is_read_in_windows_each_word_once_and_in_order(tokenizer, max_length):
    words = [random.Random(i).choice(["boat", "gullrope", "x", "."]) for i in range(101)]
    (found,) = Tagging(max_length=max_length).features(tokenizer, [example(words)], TAGS)
    assert len(found.sequences) > 1
    assert found.num_truncated == 0
    assert max(map(len, found.sequences)) <= max_length
    read = [s[place] for s, places in zip(found.sequences, found.places, strict=True) for place in places]
    assert read == [ids[0] for ids in tokenizer.encode_words([words])[0]]


def test_a_word_longer_than_a_window_is_tagged_too(tokenizer):
    words = ["boat", "qxzj" * 10, "rope"]
    (found,) = Tagging(max_length=8).features(tokenizer, [example(words)], TAGS)
    assert sum(map(len, found.places)) == 3
    assert all(len(places) for places in found.places)


def test_a_tag_never_seen_is_left_out_of_the_loss(tokenizer):
    (found,) = Tagging().features(tokenizer, [example(["boat", "rope"], ["B-NEW", "O"])], TAGS)
    assert found.target.tolist() == [IGNORE_INDEX, 0]
    assert Tagging().num_asked(found) == 1


def test_entities_that_begin_with_i_are_read_as_conlleval_does(tokenizer):
    features = Tagging().features(tokenizer, [example(["a", "b", "c"])], TAGS)
    (answer,) = Tagging().answers([fake(TAGS.labels, ["O", "I-PER", "I-PER"])], features, TAGS)
    assert answer == {"tags": ["O", "I-PER", "I-PER"], "entities": [{"start": 1, "end": 3, "label": "PER"}]}


def test_parts_of_speech_are_no_entities(tokenizer):
    learnt = TaskState(("NOUN", "PUNCT"))
    features = Tagging().features(tokenizer, [example(["boat", "."])], learnt)
    (answer,) = Tagging().answers([fake(learnt.labels, ["NOUN", "PUNCT"])], features, learnt)
    assert answer == {"tags": ["NOUN", "PUNCT"]}
    assert not mark_entities(["O", "B"])
    assert mark_entities(["O", "B-X", "I-Y"])


def test_what_is_found_in_a_text_stands_there(tokenizer):
    text = "  (The old Boat's ropes) ... met Zoë!"
    features = Tagging().features(tokenizer, [example(text)], TAGS)
    words = features[0].notes.words
    assert words == ["(", "The", "old", "Boat's", "ropes", ")", "...", "met", "Zoë", "!"]
    tags = ["O", "O", "B-PER", "I-PER", "O", "O", "O", "O", "B-PER", "O"]
    (answer,) = Tagging().answers([fake(TAGS.labels, tags)], features, TAGS)
    assert answer["words"] == words
    assert [each["text"] for each in answer["entities"]] == ["old Boat's", "Zoë"]
    assert [text[each["start"] : each["end"]] for each in answer["entities"]] == ["old Boat's", "Zoë"]


def test_unspaced_text_is_parted_where_the_tokenizer_parts_it():
    class Japanese:
        def encode_with_offsets(self, texts):
            from mamebert.tokenizer.pieces import Located

            spans = [(0, 2, True), (2, 3, False), (3, 4, True), (5, 7, True), (7, 8, True)]
            starts, ends, begins = map(np.array, zip(*spans, strict=True))
            return [Located(np.arange(5), begins, starts, ends)]

        def encode_words(self, sentences):
            return [[np.array([1])] * len(words) for words in sentences]

    assert words_found(Japanese(), ["東京都は 広い。"])[0].words == ["東京都", "は", "広い", "。"]


def test_marked_ranges_become_tags_and_come_back():
    spans = [(0, 2), (2, 5), (6, 8), (8, 9), (9, 12)]
    marked = [(0, 5, "PER"), (6, 8, "PER"), (9, 12, "LOC")]
    tags, inexact = bio_tags(spans, marked)
    assert (tags, inexact) == (["B-PER", "I-PER", "B-PER", "O", "B-LOC"], 0)
    assert bio_labels(["PER", "LOC"]) == ("O", "B-LOC", "I-LOC", "B-PER", "I-PER")


def test_ranges_that_tags_cannot_say_are_counted():
    spans = [(0, 2), (2, 5), (6, 8)]
    assert bio_tags(spans, [(0, 1, "A")]) == (["B-A", "O", "O"], 1)
    assert bio_tags(spans, [(0, 5, "A"), (2, 5, "B")]) == (["B-A", "I-A", "O"], 1)
    assert bio_tags(spans, [(5, 6, "A")]) == (["O"] * 3, 1)


def test_ranges_are_brought_back_to_the_characters_of_the_text(tokenizer):
    text = "The OLD  boat, and a Gull."
    labels = TaskState(bio_labels(["PER"]))
    gold = [(4, 13, "PER"), (21, 25, "PER")]
    (found,) = SPANS.features(tokenizer, [example(text, gold)], labels)
    tags = [labels.labels[i] for i in found.target]
    (answer,) = SPANS.answers([fake(labels.labels, tags)], [found], labels)
    assert [(e["start"], e["end"], e["label"]) for e in answer["entities"]] == gold
    assert [e["text"] for e in answer["entities"]] == ["OLD  boat", "Gull"]
    assert [m.name for m in SPANS.measures([example(text, gold)], [answer])] == ["span_f1"]
    assert SPANS.measures([example(text, gold)], [answer])[0].score == 1


def test_a_text_of_control_characters_gets_an_answer(tokenizer):
    (found,) = SPANS.features(tokenizer, [example("\u200b\u0001")], TAGS)
    assert len(found.places[0]) == 1


@pytest.mark.parametrize(
    "given",
    [
        {"start": 4, "end": 8, "label": "X"},
        {"span": [4, 8], "type": "X", "name": "boat"},
        {"start": "4", "end": "8", "label": "X", "text": "boat"},
        [4, 8, "X"],
    ],
)
def test_marks_are_read_in_the_usual_forms(given):
    assert entities_in({"e": [given]}, "e", "The boat.") == [(4, 8, "X")]


@pytest.mark.parametrize(
    "given",
    [
        {"start": 4, "end": 99, "label": "X"},
        {"start": -1, "end": 3, "label": "X"},
        {"start": 4, "end": 4, "label": "X"},
        {"start": 4, "end": 8, "label": ""},
        {"start": 4, "end": 8, "label": "X", "name": "rope"},
        {"start": 4, "label": "X"},
        {"start": None, "end": 8, "label": "X"},
        [4, 8],
        7,
    ],
)
def test_marks_that_fit_no_text_are_the_users_mistake(given):
    with pytest.raises(UserError, match=r"\. "):
        entities_in({"e": [given]}, "e", "The boat.")


def test_tags_are_counted_against_words():
    task = Tagging()
    with pytest.raises(UserError, match=r"2 words and 1 tags\. "):
        task.gold({"words": "a b", "tags": ["O"]}, task.inputs({"words": "a b"}))
    assert task.gold({"tags": "O B-X"}, ("a", "b")) == ["O", "B-X"]
    with pytest.raises(UserError, match="no column called 'words'"):
        task.gold({"text": "a b", "tags": ["O", "O"]}, task.inputs({"text": "a b", "tags": ["O", "O"]}))
    for row in ({"words": []}, {"words": None}, {"text": " "}):
        with pytest.raises(Unusable):
            task.inputs(row)


def test_types_can_be_left_out():
    task = Tagging(left_out_types=["OPTIONAL"])
    assert task.gold({"tags": ["B-OPTIONAL", "I-OPTIONAL", "B-PER"]}, ("a", "b", "c")) == ["O", "O", "B-PER"]
    marked = Tagging(spans_column="e", left_out_types=["X"])
    assert marked.gold({"e": [[0, 1, "X"], [1, 2, "Y"]]}, "ab") == [(1, 2, "Y")]


@pytest.mark.parametrize(
    ("task", "gold"),
    [
        (Tagging(), ["O", "O"]),
        (SPANS, []),
        (Tagging(measure="entity_f1"), ["NOUN", "VERB"]),
    ],
)
def test_nothing_to_learn_is_the_users_mistake(task, gold):
    with pytest.raises(UserError, match=r"\. "):
        task.learn([example("a b", gold)])


def test_the_measure_follows_the_tags_unless_it_is_said():
    names = lambda task, tags: [m.name for m in task.measures([example("a b", tags)], [{"tags": tags}])]  # noqa: E731
    assert names(Tagging(), ["B-PER", "O"])[0] == "entity_f1"
    assert names(Tagging(measure="token_accuracy"), ["B-PER", "O"])[0] == "token_accuracy"
    assert names(Tagging(), ["NOUN", "VERB"]) == ["token_accuracy"]


def test_company_in_a_batch_changes_no_answer(tokenizer, encoders):
    task = Tagging(max_length=16)
    asked = [example(["boat"] * size) for size in (1, 40, 5, 17)]
    network = start_network(task, encoders("N") / "model", TAGS, Reading())
    features = task.features(tokenizer, asked, TAGS)
    together = raw_outputs(task, network, features)
    alone = [raw_outputs(task, network, [each])[0] for each in features]
    assert [raw.shape for raw in together] == [(1, 3), (40, 3), (5, 3), (17, 3)]
    for a, b in zip(together, alone, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-5)


@pytest.fixture(scope="module")
def tagger(encoders, tmp_path_factory):
    """Return the run folder of a tagger of invented names, proved to open in plain transformers."""
    folder = tmp_path_factory.mktemp("tagging")
    for name, rows in (("train", invent_rows(150, 1)), ("test", invent_rows(60, 2))):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    settings = {
        "models": {"N": encoders("N")},
        "train": str(folder / "train.jsonl"),
        "test": str(folder / "test.jsonl"),
        "task": {"kind": "tagging", "max_length": 32},
        "training": {"epochs": 8, "batch_tokens": 128, "peak_lr": 5e-3, "precision": "float32"},
        "seeds": [1],
        "output": folder / "run",
    }
    return finetune(build(FinetuneConfig, settings))


def test_names_are_learnt_and_found_in_a_bare_text(tagger):
    results = tagger.results
    assert results["measure"] == "entity_f1"
    assert results["models"][0]["scores"]["entity_f1"]["mean"] > 0.9
    assert results["verified"]["largest_difference"] < 1e-5
    (answer,) = mamebert.load(tagger.folder / "models" / "N")("The old boat  holds the rope.")
    found = [(each["text"], each["label"]) for each in answer["entities"]]
    assert found == [("old boat", "harbour"), ("rope", "harbour")]
    (words,) = mamebert.load(tagger.folder / "models" / "N")([["The", "old", "boat", "holds", "the", "rope", "."]])
    assert words["tags"] == answer["tags"]
    assert words["entities"][0] == {"start": 1, "end": 3, "label": "harbour"}


def test_the_most_frequent_tag_of_each_word_is_a_peer(tagger):
    (peer,) = tagger.results["baselines"]
    assert 0 < peer["scores"]["entity_f1"] < 1
    assert peer["scores"]["token_accuracy"] > 0.7  # adjectives belong to no world


def test_a_name_is_found_again_where_it_is_longest():
    train = Part(["Rob Roy met Roy in a.", "Rob."], [[(0, 7, "PER"), (12, 15, "CAT"), (19, 20, "X")], [(0, 3, "PER")]])
    valid = Part(["A man and Roy"], [[(10, 13, "CAT")]])
    found = dictionary(train, valid, Part(["Rob Roy in a boat with Roy, Ro", ""], [[], []]))
    assert found.answers == [[(0, 7, "PER"), (23, 26, "CAT")], []]
    assert found.chosen == {"shortest_name": 2.0, "num_features": 3.0}
