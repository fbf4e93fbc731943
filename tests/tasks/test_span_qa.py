import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mamebert
from mamebert.config import build
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.labelled.rows import read_examples
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks.data.answer_spans import best_spans
from mamebert.tasks.data.features import Example, TaskState, Unusable
from mamebert.tasks.data.passage_windows import Shown, cut_windows, pieces_of, widest_context
from mamebert.tasks.span_qa import SpanQa
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.pieces import Located

CONTEXT = "The old boat meets the tide. A small gull leaves the pier; the wet net holds the rope."


@pytest.fixture(scope="module")
def tokenizer(world):
    return Tokenizer.open(world / "vocab" / "tokenizer")


def row(answer, context=CONTEXT, question="What?"):
    return {
        "question": question,
        "context": context,
        "answers": [{"text": answer, "answer_start": context.index(answer)}] if answer else [],
    }


def example(task, row, number=0):
    inputs = task.inputs(row)
    return Example(inputs, task.gold(row, inputs), number)


def perfect(features):
    """Return scores as of a model that has learnt the targets by heart: [CLS] where a window holds no answer."""
    scores = []
    for sequence, (start, end) in zip(features.sequences, features.target, strict=True):
        rows = np.zeros((len(sequence), 2))
        rows[start, 0] = rows[end, 1] = 9 if start else 5
        scores.append(rows)
    return np.concatenate(scores)


def located(ranges):
    starts, ends = np.array(ranges, np.int64).reshape(-1, 2).T
    return Located(np.arange(len(starts)), starts == starts, starts, ends)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 400), st.integers(1, 60), st.integers(1, 80))
def test_windows_hold_every_piece_and_the_widest_is_that_of_berts_own_code(num_pieces, room, stride):
    windows = cut_windows(num_pieces, room, stride)
    assert windows[0].start == 0
    assert windows[-1].end == num_pieces
    assert all(a.start < b.start <= a.end and a.end < b.end for a, b in pairwise(windows))
    assert all(end - start == room for start, end in windows[:-1])
    widest = widest_context(windows)
    for piece in range(0, num_pieces, 7):
        best, found = None, None  # _check_is_max_context of run_squad.py
        for number, (start, end) in enumerate(windows):
            if start <= piece < end:
                score = min(piece - start, end - 1 - piece) + 0.01 * (end - start)
                if best is None or score > best:
                    best, found = score, number
        assert widest[piece] == found


@pytest.mark.parametrize(
    ("span", "expected"), [((0, 3), (0, 0)), ((2, 5), (0, 1)), ((4, 8), (1, 2)), ((3, 4), None), ((8, 9), (2, 2))]
)
def test_an_answer_is_the_fewest_pieces_that_cover_its_characters(span, expected):
    assert pieces_of(located([(0, 3), (4, 7), (7, 9)]), *span) == expected


@pytest.mark.parametrize("answer", ["old boat", "The", "rope", "rope.", "gull leaves the pier; the wet", "eave", "m"])
@pytest.mark.parametrize("max_length", [16, 24, 64])
def test_perfect_scores_give_the_answer_back_from_the_windows(tokenizer, answer, max_length):
    task = SpanQa(max_length=max_length)
    asked = example(task, row(answer))
    (features,) = task.features(tokenizer, [asked], TaskState())
    assert all(len(sequence) <= max_length for sequence in features.sequences)
    assert (len(features.sequences) > 1) == (max_length < 64)
    if not features.target.any():  # only half a window is sure to be whole in one of them
        assert len(tokenizer.encode(answer).ids) > (max_length - features.notes.offset - 1) // 2
        return
    (found,) = task.answers([perfect(features)], [features], TaskState())
    assert CONTEXT[found["start"] : found["end"]] == found["text"]
    assert answer in found["text"]
    assert len(found["text"]) <= len(answer) + 6, "only the pieces at both ends may bring more than was asked"


def test_characters_are_those_of_the_passage_as_given(tokenizer):
    context = "ＴＨＥ  Ｏｌｄ\tbóat\u0301 meets\u3000the TIDE!"
    task = SpanQa(max_length=40)
    for answer in ("bóat\u0301", "TIDE", "Ｏｌｄ\tbóat\u0301"):
        (features,) = task.features(tokenizer, [example(task, row(answer, context))], TaskState())
        (found,) = task.answers([perfect(features)], [features], TaskState())
        assert found["text"] == answer == context[found["start"] : found["end"]]


def test_sequences_are_cls_question_sep_window_sep(tokenizer):
    task = SpanQa(max_length=20, max_question_tokens=4, stride=128)
    asked = example(task, row("rope", question="The tide leaves the old net and the boat."))
    (features,) = task.features(tokenizer, [asked], TaskState())
    question, passage = (tokenizer.encode(text).ids.tolist() for text in asked.inputs)
    assert features.num_truncated == len(question) - 4
    stitched: list[int] = []
    for sequence, kinds, window in zip(features.sequences, features.segments, features.notes.windows, strict=True):
        assert sequence[:6].tolist() == [tokenizer.cls_id, *question[:4], tokenizer.sep_id]
        assert sequence[-1] == tokenizer.sep_id
        assert kinds.tolist() == [0] * 6 + [1] * (len(sequence) - 6)
        stitched = stitched[: window.start] + sequence[6:-1].tolist()
    assert stitched == passage
    starts = [window.start for window in features.notes.windows]
    assert np.diff(starts).tolist() == [6] * (len(starts) - 1), "half of the 13 pieces a window has room for"


def brute_force(scores, shown, max_pieces):
    """Return every allowed stretch, as run_squad.py allows them, best first."""
    widest, at, found = widest_context(shown.windows), 0, []
    for number, (start, end) in enumerate(shown.windows):
        for first in range(start, end):
            for last in range(first, min(end, first + max_pieces)):
                if widest[first] == number:
                    rows = at + shown.offset - start
                    score = scores[rows + first, 0] + scores[rows + last, 1]
                    found.append((score, int(shown.places.starts[first]), int(shown.places.ends[last])))
        at += shown.offset + end - start + 1
    return sorted(found, reverse=True)


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**20), st.integers(1, 30), st.integers(2, 12), st.integers(1, 9))
def test_the_best_stretches_are_those_of_a_search_through_all(seed, num_pieces, room, max_pieces):
    places = located([(3 * i, 3 * i + 2) for i in range(num_pieces)])
    shown = Shown("x" * 3 * num_pieces, places, cut_windows(num_pieces, room, 128), offset=4)
    scores = np.random.default_rng(seed).normal(size=(sum(shown.sizes), 2))
    found = best_spans(scores, shown, 5, max_pieces)
    expected = brute_force(scores, shown, max_pieces)[:5]
    assert [(s.start, s.end) for s in found] == [(start, end) for _, start, end in expected]
    np.testing.assert_allclose([s.score for s in found], [score for score, _, _ in expected])


def test_argmax_answers_nothing_where_the_ends_do_not_go_together(tokenizer):
    best, naive = SpanQa(max_length=64), SpanQa(max_length=64, decoding="argmax")
    (features,) = best.features(tokenizer, [example(best, row("tide"))], TaskState())
    scores = perfect(features)
    assert naive.answers([scores], [features], TaskState())[0]["text"] == "tide"
    (start, end), first = features.target[0], features.notes.offset
    for likeliest_start, likeliest_end in ((0, end), (start, 1), (start, first), (0, 0)):
        misled = scores.copy()
        misled[likeliest_start, 0], misled[likeliest_end, 1] = 10, 10
        assert (misled.argmax(0) == [likeliest_start, likeliest_end]).all()
        assert naive.answers([misled], [features], TaskState())[0]["text"] == ""
        assert best.answers([misled], [features], TaskState())[0]["text"] == "tide"


def test_probabilities_are_shares_among_the_best(tokenizer):
    task = SpanQa(max_length=64, n_best=7, n_best_kept=7)
    (features,) = task.features(tokenizer, [example(task, row("tide"))], TaskState())
    (found,) = task.answers([perfect(features)], [features], TaskState())
    assert found["text"] == found["n_best"][0]["text"] == "tide"
    chances = [each["score"] for each in found["n_best"]]
    assert chances == sorted(chances, reverse=True)
    assert sum(chances) == pytest.approx(1)
    assert all(CONTEXT[each["start"] : each["end"]] == each["text"] for each in found["n_best"])


def test_no_answer_wins_above_the_threshold_that_validation_chose(tokenizer):
    task = SpanQa(max_length=64, unanswerable=True)
    rows = [row("tide"), row(""), row("rope"), {**row("gull"), "is_impossible": True}]
    examples = [example(task, each) for each in rows]
    features = task.features(tokenizer, examples, TaskState())
    assert [each.target.any() for each in features] == [True, False, True, False]
    raws = []
    for each, margin in zip(features, (1.0, 3.0, 2.0, 4.0), strict=True):  # of "no answer" over the best stretch
        scores = perfect(each)
        shift = scores[1:].max(0).sum() - scores[0].sum() + margin
        scores[0, 0] += shift
        raws.append(scores)
    learnt = task.choose(raws, features, examples, TaskState())
    assert learnt.chosen == {"null_threshold": pytest.approx(2.0)}
    assert json.loads(json.dumps(learnt.chosen)) == learnt.chosen
    answers = task.answers(raws, features, learnt)
    assert [answer["text"] for answer in answers] == ["tide", "", "rope", ""]
    assert [m.score for m in task.measures(examples, answers)] == [1, 1, 1, 1]
    assert {answer["text"] for answer in task.answers(raws, features, TaskState())} == {""}
    worst = [{"text": "boat"} for _ in rows]
    measured = {m.name: m.score for m in task.measures(examples, worst)}
    assert measured == {"f1": 0, "exact_match": 0, "f1_answerable": 0, "f1_unanswerable": 0}


def test_no_answer_is_judged_by_the_window_that_believes_in_it_least(tokenizer):
    task = SpanQa(max_length=24, unanswerable=True)
    (features,) = task.features(tokenizer, [example(task, row(""))], TaskState())
    assert len(features.sequences) > 2
    scores = np.zeros((features.num_tokens, 2))
    firsts = np.cumsum([0, *map(len, features.sequences)])[:-1]
    scores[firsts] = 9
    learnt = TaskState(chosen={"null_threshold": 17.0})
    assert task.answers([scores], [features], learnt)[0]["text"] == ""
    scores[firsts[1]] = 1
    assert task.answers([scores], [features], learnt)[0]["text"] != ""


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"answers": [{"text": "tide", "answer_start": 3}]}, "does not stand"),
        ({"answers": [{"text": "", "answer_start": 3}]}, "does not stand"),
        ({"answers": [{"text": "ope.", "answer_start": -4}]}, "does not stand"),
        ({"answers": []}, "no answer"),
        ({"answers": None}, "no answer"),
        ({"is_impossible": True}, "no answer"),
        ({"question": " \n"}, "no question"),
        ({"context": ""}, "no passage"),
    ],
)
def test_rows_that_teach_nothing_say_why(change, why):
    with pytest.raises(Unusable, match=why):
        example(SpanQa(), {**row("tide"), **change})


def test_one_answer_that_stands_is_enough_and_hugging_face_rows_are_read_too():
    told = [{"text": "tide", "answer_start": 2}, {"text": "boat", "answer_start": CONTEXT.index("boat")}]
    expected = [{"text": "boat", "start": 8, "end": 12}]
    assert example(SpanQa(), {**row("tide"), "answers": told}).gold == expected
    lists = {"text": ["boat"], "answer_start": [8]}
    assert example(SpanQa(), {**row("tide"), "answers": lists}).gold == expected


@pytest.mark.parametrize("answers", ["boat", ["boat"], [{"text": "boat"}], [{"text": "b", "answer_start": "x"}], 3])
def test_answers_in_another_form_are_a_users_mistake(answers):
    with pytest.raises(UserError, match=r"SQuAD's form\. Give"):
        example(SpanQa(), {**row("boat"), "answers": answers})


def test_an_unknown_column_is_named():
    with pytest.raises(UserError, match="context"):
        SpanQa(context_column="contxt").inputs(row("boat"))


@pytest.mark.parametrize(("unit", "expected"), [("auto", 0.5), ("character", 0.5), ("word", 0.0)])
def test_japanese_answers_are_compared_by_characters(unit, expected):
    task = SpanQa(unit=unit)
    examples = [example(task, row("東京", "首都は東京です。大阪ではありません。", "首都は？"))]
    assert task.measures(examples, [{"text": "東"}])[0].score == pytest.approx(2 / 3 if expected else 0)
    english = [example(task, row("the tide"))]
    scores = {m.name: m.score for m in task.measures(english, [{"text": "tide"}])}
    assert scores["exact_match"] == (unit != "character")


def test_a_passage_of_nothing_but_dropped_characters_gets_no_answer(tokenizer):
    task = SpanQa(max_length=32)
    with pytest.raises(Unusable, match="no passage"):
        task.inputs({"question": "What?", "context": "\x00\x01"})
    seen = task.inputs({"question": "What?", "context": "a"})  # of a tokenizer that drops what can be seen
    asked = Example(seen._replace(context="\x00\x01"), None, 0)
    (features,) = task.features(tokenizer, [asked], TaskState())
    scores = np.zeros((features.num_tokens, 2))
    for each in (task, SpanQa(max_length=32, decoding="argmax"), SpanQa(max_length=32, unanswerable=True)):
        (found,) = each.answers([scores], [features], TaskState())
        assert (found["text"], found["start"], found["end"]) == ("", 0, 0)
    assert task.answers([scores], [features], TaskState())[0]["score"] == 0


def test_an_answer_without_pieces_is_left_out_of_the_loss(tokenizer):
    task = SpanQa(max_length=32)
    asked = example(task, row("tide"))
    lost = replace(asked, inputs=asked.inputs._replace(context="\x00" + CONTEXT), gold=[{"start": 0, "end": 1}])
    assert (task.features(tokenizer, [lost], TaskState())[0].target == -100).all()


@pytest.fixture(scope="module")
def questions(tmp_path_factory):
    """Return a file of questions whose answer is the anchor; some passages have none."""
    rng = np.random.default_rng(5)
    nouns, adjectives = ["boat", "rope", "tide", "sail", "net", "gull", "pier"], ["old", "small", "wet", "bright"]
    lines = []
    for number in range(240):
        parts = [f"the {rng.choice(adjectives)} {noun}" for noun in rng.permutation(nouns)[: rng.integers(2, 7)]]
        answer = "anchor" if number % 3 else ""
        if answer:
            parts.insert(int(rng.integers(len(parts))), f"the {rng.choice(adjectives)} anchor")
        lines.append(json.dumps(row(answer, " meets ".join(parts) + ".", "which anchor")))
    path = tmp_path_factory.mktemp("qa") / "questions.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_rows_without_an_answer_are_left_out_unless_that_is_an_answer(questions):
    reader = build(Reader, {"kind": "files", "path": str(questions)})
    assert [len(found) for found in read_examples(SpanQa(), reader)] == [160, 1]
    assert [len(found) for found in read_examples(SpanQa(unanswerable=True), reader)] == [240, 0]


@pytest.mark.usefixtures("unproved")
def test_answers_are_learnt_and_the_saved_model_gives_them(tmp_path, encoders, questions):
    asked = {
        "model": encoders("N"),
        "source": str(questions),
        "split": {"train": 0.6, "valid": 0.2},
        "task": {"kind": "span_qa", "max_length": 32, "unanswerable": True},
        "training": {"epochs": 10, "batch_tokens": 256, "peak_lr": 4e-3, "precision": "float32"},
        "seeds": [1],
        "baselines": "word",
        "output": tmp_path / "qa",
    }
    run = finetune(build(FinetuneConfig, asked))
    results = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["results"]
    scores = {name: score["mean"] for name, score in results["models"][0]["scores"].items()}
    baselines = {each["name"]: each["scores"]["f1"] for each in results["baselines"]}
    assert len(baselines) == 2
    assert scores["f1"] > max(0.8, *baselines.values())
    assert min(scores["f1_unanswerable"], scores["f1_answerable"]) > 0.7
    told = [json.loads(line) for line in (run.folder / "answers" / "model.jsonl").read_text("utf-8").splitlines()]
    rows = [json.loads(line) for line in questions.read_text("utf-8").splitlines()]
    assert all(rows[each["row"]]["context"][each["start"] : each["end"]] == each["text"] for each in told)
    answer = mamebert.load(run.folder / "models" / "model")
    again = answer([(rows[each["row"]]["question"], rows[each["row"]]["context"]) for each in told])
    assert [each["text"] for each in again] == [each["text"] for each in told]
    assert answer([("", "the boat")]) == [{"unanswered": "no question"}]
