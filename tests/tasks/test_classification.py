import numpy as np
import pytest
import torch

from mamebert.errors import UserError
from mamebert.tasks import Parts
from mamebert.tasks.bases.text_task import kept_sizes
from mamebert.tasks.classification import Classification
from mamebert.tasks.data.features import Example, TaskState, Unusable, pack
from mamebert.tasks.multi_label import MultiLabel
from mamebert.tasks.regression import Regression
from mamebert.tokenizer.encoding import Tokenizer

LONG = "The wet boat meets the rope. The old tide leaves the gull. " * 12


@pytest.fixture(scope="module")
def tokenizer(world):
    return Tokenizer.open(world / "vocab" / "tokenizer")


def examples(*golds, texts=("A gull.",)):
    return [Example(tuple(texts), gold, row) for row, gold in enumerate(golds)]


def answered(*labels):
    return [{"label": label, "probability": 1.0} for label in labels]


def test_a_pair_is_cls_first_sep_second_sep_with_segments(tokenizer):
    first, second = (tokenizer.encode(text).ids.tolist() for text in ("The gull.", "A wet boat."))
    task = Classification(second_columns=["second"])
    (found,) = task.features(tokenizer, examples("a", texts=("The gull.", "A wet boat.")), TaskState(("a", "b")))
    assert found.sequences[0].tolist() == [tokenizer.cls_id, *first, tokenizer.sep_id, *second, tokenizer.sep_id]
    assert found.segments[0].tolist() == [0] * (len(first) + 2) + [1] * (len(second) + 1)


def test_a_long_text_is_read_from_its_beginning(tokenizer):
    whole = tokenizer.encode(LONG).ids.tolist()
    (found,) = Classification(max_length=16).features(tokenizer, examples("a", texts=(LONG,)), TaskState(("a", "b")))
    assert found.sequences[0].tolist() == [tokenizer.cls_id, *whole[:14], tokenizer.sep_id]
    assert found.num_truncated == len(whole) - 14


def read_in_chunks(tokenizer, text, chunks=8, max_length=16):
    task = Classification(max_length=max_length, chunks=chunks)
    return task.features(tokenizer, examples("a", texts=(text,)), TaskState(("a", "b")))[0]


def test_chunks_show_every_piece_and_are_of_one_length(tokenizer):
    whole = tokenizer.encode(LONG).ids.tolist()
    found = read_in_chunks(tokenizer, LONG, chunks=99)
    shown = [each.tolist()[1:-1] for each in found.sequences]
    assert {len(each) for each in shown} == {14}
    assert [n for each in shown[:-1] for n in each] == whole[: 14 * (len(shown) - 1)]
    assert shown[-1] == whole[-14:]
    assert found.num_truncated == 0
    assert read_in_chunks(tokenizer, LONG, chunks=2).num_truncated == len(whole) - 28


def test_a_text_that_fits_is_read_as_without_chunks(tokenizer):
    (alone,) = Classification(max_length=16).features(tokenizer, examples("a"), TaskState(("a", "b")))
    found = read_in_chunks(tokenizer, "A gull.")
    assert [each.tolist() for each in found.sequences] == [each.tolist() for each in alone.sequences]
    assert Classification(chunks=8).learnt_from(found, np.random.default_rng(0)) is found


def test_training_reads_one_chunk_at_any_place(tokenizer):
    found, task = read_in_chunks(tokenizer, LONG, chunks=99), Classification(chunks=99)
    whole = tokenizer.encode(LONG).ids.tolist()
    places = set()
    for seed in range(20):
        one = task.learnt_from(found, np.random.default_rng(seed))
        (ids,), (place,) = one.sequences, one.places
        assert (ids[0], ids[-1], place.tolist()) == (tokenizer.cls_id, tokenizer.sep_id, [0])
        starts = [n for n in range(len(whole) - 13) if whole[n : n + 14] == ids[1:-1].tolist()]
        assert starts
        places.add(starts[0])
    assert len(places) > 5
    assert one.target.tolist() == found.target.tolist()


def test_an_answer_goes_by_the_mean_logits_of_all_chunks(tokenizer):
    found, task = read_in_chunks(tokenizer, LONG, chunks=2), Classification(chunks=2)
    batch = pack([found], [0])
    logits = torch.tensor([[4.0, 0.0], [0.0, 1.0]])
    (raw,) = task.raws(logits, batch)
    assert raw.tolist() == [[2.0, 0.5]]
    expected = torch.nn.functional.cross_entropy(torch.tensor([[2.0, 0.5]]), torch.tensor([0]))
    assert task.loss(logits, batch, 1).total.item() == pytest.approx(expected.item())


@pytest.mark.parametrize(
    ("task", "gold", "learnt", "expected"),
    [
        (Regression(max_length=16, chunks=3), 2.0, TaskState(("label",), {"spread": [2.0]}), (1.5 - 2.0) ** 2 / 4),
        (MultiLabel(max_length=16, chunks=3), ["a"], TaskState(("a",)), np.log1p(np.exp(-1.5))),
    ],
    ids=["regression", "multi-label"],
)
def test_numbers_and_sets_of_labels_are_read_in_chunks_too(tokenizer, task, gold, learnt, expected):
    (found,) = task.features(tokenizer, [Example((LONG,), gold, 0)], learnt)
    assert len(found.sequences) == 3
    assert len(task.learnt_from(found, np.random.default_rng(0)).sequences) == 1
    outputs, batch = torch.tensor([[1.0], [3.0], [0.5]], dtype=torch.float64), pack([found], [0])
    assert task.raws(outputs, batch)[0].tolist() == [[1.5]]
    assert task.loss(outputs, batch, 1).total.item() == pytest.approx(expected)


def test_chunks_are_open_until_a_model_is_fine_tuned(tmp_path):
    assert Classification().chunks is None
    assert Classification().starting_from(tmp_path).chunks == 8
    assert Classification(chunks=1).starting_from(tmp_path).chunks == 1
    assert Classification(second_columns=["b"]).starting_from(tmp_path).chunks is None
    with pytest.raises(UserError, match="A pair of texts is not read in chunks"):
        Classification(second_columns=["b"], chunks=2)


@pytest.mark.parametrize("room", range(9))
def test_the_longer_of_two_texts_loses_its_last_until_both_fit(room):
    for sizes in ((a, b) for a in range(8) for b in range(8)):
        first, second = sizes
        while first + second > room:  # as BERT's own code does it
            first, second = (first - 1, second) if first > second else (first, second - 1)
        assert kept_sizes(sizes, room) == [first, second]


def test_numbers_are_labels_too_and_empty_ones_none():
    task = Classification()
    assert [task.gold({"label": value}, None) for value in (0, 1.5, "x", False)] == ["0", "1.5", "x", "False"]
    for value in (None, ""):
        with pytest.raises(Unusable, match="no label"):
            task.gold({"label": value}, None)


def test_labels_are_sorted_unless_their_order_is_given():
    rows = examples("b", "a", "b")
    assert Classification().learn(rows) == TaskState(("a", "b"), {"rows": [1, 2]})
    assert Classification(label_order=["b", "c", "a"]).learn(rows) == TaskState(("b", "c", "a"), {"rows": [2, 0, 1]})
    with pytest.raises(UserError, match="no label called 'b'"):
        Classification(label_order=["a", "c"]).learn(rows)
    with pytest.raises(UserError, match="names a label twice"):
        Classification(label_order=["a", "b", "a"]).learn(rows)
    with pytest.raises(UserError, match="needs two classes"):
        Classification().learn(examples("a", "a"))


def test_a_label_never_seen_is_counted_teaches_nothing_and_is_answered_wrongly(tokenizer):
    task, learnt = Classification(), TaskState(("a", "b"), {"rows": [1, 1]})
    rows = examples("a", "new", "b")
    assert task.unseen(rows, learnt) == {"a label that no training row has": 1}
    assert task.unseen(rows[:1], learnt) == {}
    batch = pack(task.features(tokenizer, rows, learnt), [1])
    logits = torch.randn(1, 2, requires_grad=True)
    task.loss(logits, batch, 1).total.backward()
    assert not logits.grad.any()
    assert task.measures(rows, answered("a", "b", "b"))[0].score == pytest.approx(2 / 3)


@pytest.mark.parametrize("weights", ["none", "balanced"])
def test_the_loss_is_that_of_torch_with_its_weights(tokenizer, weights):
    task, golds = Classification(class_weights=weights), "aababcaa"
    rows = examples(*golds)
    learnt = task.learn(rows)
    batch = pack(task.features(tokenizer, rows, learnt), range(8))
    logits = torch.randn(8, 3)
    targets = torch.tensor(["abc".index(gold) for gold in golds])
    per_class = torch.tensor([8 / (3 * golds.count(label)) for label in "abc"]) if weights == "balanced" else None
    expected = torch.nn.functional.cross_entropy(logits, targets, per_class, reduction="sum") / 8
    torch.testing.assert_close(task.loss(logits, batch, 8).total, expected)


def test_the_measure_asked_for_comes_first():
    rows, found = examples("1", "0", "1", "0"), answered("1", "1", "1", "0")
    names = [each.name for each in Classification(measure="mcc").measures(rows, found)]
    assert names == ["mcc", "accuracy", "macro_f1"]
    first, *others = Classification(measure="f1", positive_label="1").measures(rows, found)
    assert (first.name, first.score) == ("f1", pytest.approx(0.8))
    assert [each.name for each in others] == ["accuracy", "macro_f1", "mcc"]
    with pytest.raises(UserError, match=r"f1 is that of one label\. Name it in task\.positive_label"):
        Classification(measure="f1")
    with pytest.raises(UserError, match="no label called 'yes'"):
        Classification(positive_label="yes").learn(rows)


def test_pairs_and_single_texts_have_their_own_simple_peers():
    rng = np.random.default_rng(0)
    words = ["bean", "leaf", "root", "seed", "boat", "rope", "tide", "sail"]

    def made(num_rows):
        rows = []
        for row in range(num_rows):
            first = " ".join(rng.choice(words, 4))
            gold = "same" if rng.random() < 0.5 else "other"
            rows.append(Example((first, first if gold == "same" else " ".join(rng.choice(words, 4))), gold, row))
        return rows

    parts = Parts(made(60), made(20), made(30))
    peers = list(Classification(second_columns=["second"]).baselines(parts, "word", 0))
    scores = {peer.name: Classification().measures(parts.test, peer.answers)[0].score for peer in peers}
    assert list(scores) == ["most frequent class", "TF-IDF + linear SVM", "word overlap + logistic regression"]
    assert scores["word overlap + logistic regression"] > 0.9 > scores["TF-IDF + linear SVM"]
    single = Parts(*([Example(e.inputs[:1], e.inputs[0].split()[0], e.row) for e in part] for part in parts))
    names = [peer.name for peer in Classification().baselines(single, "word", 0)]
    assert names == ["most frequent class", "TF-IDF + linear SVM", "naive Bayes"]
    assert [peer.name for peer in Classification().baselines(single, "none", 0)] == ["most frequent class"]
