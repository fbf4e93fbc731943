from mamebert.evaluation.baselines.fitting import Part
from mamebert.evaluation.baselines.sequences import lead, most_frequent_tag

TRAIN = Part(
    [["the", "cat", "ran"], ["the", "run"], ["run", "a", "run"], ["the", "the"]],
    [["DET", "NOUN", "VERB"], ["DET", "NOUN"], ["VERB", "DET", "NOUN"], ["DET", "PRON"]],
)


def test_a_word_gets_the_tag_it_has_most():
    found = most_frequent_tag(TRAIN, Part([["the"]], [["DET"]]), Part([["run", "the"], []], [[], []]))
    assert found.answers == [["NOUN", "DET"], []]


def test_the_validation_rows_decide_what_unseen_words_resemble():
    by_all = most_frequent_tag(TRAIN, Part([["dog"]], [["DET"]]), Part([["tree"]], [[]]))
    train = Part([*TRAIN.inputs, ["dog"]], [*TRAIN.labels, ["NOUN"]])
    by_rare = most_frequent_tag(train, Part([["owl"]], [["NOUN"]]), Part([["tree"]], [[]]))
    assert (by_all.answers, by_all.chosen["unseen_as_seen_once"]) == ([["DET"]], 0)
    assert (by_rare.answers, by_rare.chosen["unseen_as_seen_once"]) == ([["NOUN"]], 1)


def test_the_first_sentences_are_answered_where_there_are_as_many():
    empty = Part([], [])
    found = lead(empty, empty, Part([["a.", "b.", "c.", "d."], ["a."], []], [[], [], []]))
    assert found.answers == [[0, 1, 2], [0], []]
    assert found.name == "first 3 sentences"
