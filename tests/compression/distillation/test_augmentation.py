"""Training rows made of others by putting words in the place of words."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from mamebert.compression.distillation.augmentation import Augmentation, Replaceable, rewritten
from mamebert.compression.distillation.substitute_words import Guesser, content_words, near_words
from mamebert.compression.methods.tinybert import Tinybert
from mamebert.encoder.packing import Packed
from mamebert.errors import UserError
from mamebert.tasks import Task
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.training.settings import Training
from mamebert.word2vec.table import VectorTable

TEXT = "The old boat meets the gull."


@pytest.fixture
def masked_lm(encoder, tmp_path):
    """The folder of a small pretrained encoder."""
    encoder.goal.save(encoder.network, encoder.folder, tmp_path / "masked_lm")
    return tmp_path / "masked_lm"


def spelt(text: str, tokenizer: Tokenizer) -> list[str]:
    (located,) = tokenizer.encode_with_offsets([text])
    return [text[word.start : word.end] for word in content_words(text, located)]


def test_stop_words_and_marks_are_no_content(encoder):
    assert spelt(TEXT, encoder.tokenizer) == ["old", "boat", "meets", "gull"]


def test_words_in_hiragana_alone_are_no_content(encoder):
    assert spelt("の", encoder.tokenizer) == []
    assert spelt("犬", encoder.tokenizer) == ["犬"]


def test_a_word_is_guessed_beside_the_whole_text(encoder):
    """One by one, without batches: [CLS] masked [SEP] original [SEP], in two segments."""
    tokenizer, network = encoder.tokenizer, encoder.network.eval()
    ids = tokenizer.encode(TEXT).ids
    (found,) = Guesser(network, tokenizer, 5).guesses([ids], [[2]])
    masked = ids.copy()
    masked[2] = tokenizer.mask_id
    halves = [[tokenizer.cls_id, *masked, tokenizer.sep_id], [*ids, tokenizer.sep_id]]
    segments = np.repeat([0, 1], [len(half) for half in halves])
    packed = Packed.of([np.concatenate(halves)], [segments])
    with torch.no_grad():
        (scores,) = network.cls.predictions(network.bert(packed)[[3]])
    best = [i for i in scores.topk(5).indices.tolist() if i != ids[2] and i not in tokenizer.special_ids]
    words = [tokenizer.tokens[i] for i in best if not tokenizer.tokens[i].startswith("##")]

    assert found == {2: [word for word in words if any(map(str.isalnum, word))]}


def test_batches_and_their_order_change_no_guess(encoder, monkeypatch):
    texts = [encoder.tokenizer.encode(text).ids for text in (TEXT, "A small pot.", f"{TEXT} {TEXT}")]
    places = [[1, 2, 5], [1, 2], [2, 9]]
    guesser = Guesser(encoder.network, encoder.tokenizer, 5)
    together = guesser.guesses(texts, places)
    monkeypatch.setattr("mamebert.compression.distillation.substitute_words.BATCH_TOKENS", 1)

    assert guesser.guesses(texts, places) == together
    assert [sorted(each) for each in together] == places


def test_several_masks_in_one_pass_answer_every_place(encoder):
    ids = encoder.tokenizer.encode(f"{TEXT} {TEXT}").ids
    guesser = Guesser(encoder.network, encoder.tokenizer, 5, at_once=2)

    assert list(guesser._passes([ids], [[1, 2, 5, 8, 9]])) == [(0, [1, 8]), (0, [2, 9]), (0, [5])]
    assert sorted(guesser.guesses([ids], [[1, 2, 5, 8, 9]])[0]) == [1, 2, 5, 8, 9]


def test_words_behind_what_can_be_read_twice_are_left_alone(encoder):
    guesser = Guesser(encoder.network, encoder.tokenizer, 5)
    long = np.tile(encoder.tokenizer.encode(TEXT).ids, 20)
    (found,) = guesser.guesses([long], [[1, guesser.longest - 1, guesser.longest, 100]])

    assert sorted(found) == [1, guesser.longest - 1]


def test_words_of_several_pieces_lie_where_their_pieces_do():
    """Six words around a circle; the fourth piece points where the second word does."""
    angles = np.array([0, 0, 40, 180, 41])
    vectors = np.stack([np.cos(np.deg2rad(angles)), np.sin(np.deg2rad(angles))], 1).astype(np.float32)
    tokens = ["[PAD]", "east", "north", "west", "##ern"]
    learnt = np.array([False, True, True, True, True])
    table = VectorTable(vectors, learnt, np.full(5, 100), tokens, "")

    assert near_words(table, ["northern"], [["no", "##ern"]], 2) == [["north", "east"]]
    assert near_words(table, ["North"], [["n", "##orth"]], 2) == [["east", "west"]], "a word is not near to itself"
    assert near_words(table, ["unheard"], [["un", "##heard"]], 2) == [[]]


def test_words_are_replaced_at_the_rate():
    words = [Replaceable(4 * i, 4 * i + 3, ["new"]) for i in range(1000)]
    text = rewritten(" ".join(["old"] * 1000), words, 0.4, np.random.default_rng(0)).split()

    assert len(text) == 1000
    assert 350 < text.count("new") < 450
    assert set(text) == {"new", "old"}


def test_words_of_another_length_leave_the_rest_in_place():
    words = [Replaceable(4, 7, ["ancient"]), Replaceable(23, 27, ["bird"])]

    assert rewritten(TEXT, words, 1.0, np.random.default_rng(0)) == "The ancient boat meets the bird."


def test_versions_follow_the_rows_and_keep_their_answers(rows_bench, masked_lm):
    method = Augmentation(masked_lm=masked_lm, copies=2)
    method.check(rows_bench)
    rows = rows_bench.examples()[:5]
    few = rows_bench.with_examples(rows)
    made = method.augment(few)
    versions = made[len(rows) :]

    assert made[: len(rows)] == rows
    assert 0 < len(versions) <= 2 * len(rows)
    assert {example.gold for example in versions} <= {example.gold for example in rows}
    of_row = {example.row: example for example in rows}
    assert all(of_row[each.row].gold == each.gold for each in versions)
    assert all(of_row[each.row].inputs != each.inputs for each in versions)
    assert len({(each.row, each.inputs) for each in versions}) == len(versions)
    assert method.augment(few) == made, "the same seed gives the same rows"


def test_a_student_learns_from_augmented_rows(classifier, rows_bench, masked_lm, quick):
    rows = rows_bench.examples()[:8]
    two = Training(steps=2, **quick)
    method = Tinybert(
        num_hidden_layers=2, augmentation=Augmentation(masked_lm=masked_lm, copies=2), intermediate=two, prediction=two
    )
    few = rows_bench.with_examples(rows)
    method.check(classifier, few)
    student = method.compress(classifier, few)

    assert len(rows) < student.notes["augmented_rows"] <= 3 * len(rows)


def test_what_has_no_texts_to_change_is_refused(text_bench, rows_bench, masked_lm):
    method = Augmentation(masked_lm=masked_lm)
    with pytest.raises(UserError, match="Leave augmentation out"):
        method.check(text_bench)
    rows_bench.teacher.goal = replace(rows_bench.teacher.goal, task=Task.find("tagging")())
    with pytest.raises(UserError, match="Right answers of tagging lie at places in the text"):
        method.check(rows_bench)


def test_missing_folders_are_told_before_any_work(rows_bench, masked_lm, tmp_path):
    with pytest.raises(UserError, match="There is no folder"):
        Augmentation(masked_lm=tmp_path / "nothing").check(rows_bench)
    with pytest.raises(UserError, match="holds no vectors"):
        Augmentation(masked_lm=masked_lm, vectors=tmp_path).check(rows_bench)
