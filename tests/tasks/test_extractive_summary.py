import json
from itertools import chain

import numpy as np
import pytest
import torch

import mamebert
from mamebert.config import build
from mamebert.encoder.readings import Reading
from mamebert.evaluation.metrics.rouge import rouge_units
from mamebert.evaluation.metrics.summaries import oracle_sentences, without_repetition
from mamebert.stages.finetune import finetune
from mamebert.stages.finetune.settings import FinetuneConfig
from mamebert.tasks import Parts
from mamebert.tasks.data.features import Example, Features, TaskState, Unusable, pack
from mamebert.tasks.extractive_summary import ExtractiveSummary
from mamebert.tasks.network.answering import raw_outputs
from mamebert.tasks.network.task_network import start_network
from mamebert.tokenizer.encoding import Tokenizer

SENTENCES = ["The wet boat meets the rope.", "A gull!", "The old tide leaves the small net.", "The pier holds."]
TEXT = f"{SENTENCES[0]} {SENTENCES[1]}\n\n {SENTENCES[2]}  {SENTENCES[3]}\n"
SUMMARY = "The pier holds.The wet boat meets the rope."
scorers = pytest.mark.parametrize("scorer", ["linear", "transformer", "lstm"])


@pytest.fixture(scope="module")
def tokenizer(world):
    return Tokenizer.open(world / "vocab" / "tokenizer")


def example(task, text=TEXT, summary=SUMMARY, number=0):
    row = {"text": text, "summary": summary}
    inputs = task.inputs(row)
    return Example(inputs, task.gold(row, inputs), number)


def features_of(task, tokenizer, *examples):
    return task.features(tokenizer, examples or [example(task)], TaskState())


def answer_of(task, tokenizer, probabilities, text=TEXT):
    features = features_of(task, tokenizer, example(task, text))
    scores = np.log(probabilities) - np.log1p(-np.array(probabilities))
    return task.answers([scores], features, TaskState())[0]


def test_sentences_keep_their_characters_in_the_text():
    document = ExtractiveSummary().inputs({"text": TEXT})
    assert document.sentences == SENTENCES
    assert all(document.text[a:b] == sentence for (a, b), sentence in zip(document.spans, SENTENCES, strict=True))


def test_each_sentence_stands_between_its_own_cls_and_sep_in_alternating_segments(tokenizer):
    (found,) = features_of(ExtractiveSummary(max_length=64), tokenizer)
    pieces = [tokenizer.encode(sentence).ids.tolist() for sentence in SENTENCES]
    blocks = [[tokenizer.cls_id, *each, tokenizer.sep_id] for each in pieces]
    assert found.sequences[0].tolist() == list(chain.from_iterable(blocks))
    assert found.segments[0].tolist() == [i % 2 for i, block in enumerate(blocks) for _ in block]
    assert found.sequences[0][found.places[0]].tolist() == [tokenizer.cls_id] * 4
    assert found.target.tolist() == [1, 0, 0, 1]
    assert found.num_truncated == 0


def test_what_does_not_fit_is_cut_counted_and_never_chosen(tokenizer):
    task = ExtractiveSummary(max_length=20)
    sizes = [len(tokenizer.encode(sentence).ids) for sentence in SENTENCES]
    (found,) = features_of(task, tokenizer)
    num_read = len(found.places[0])
    assert 2 <= num_read < 4
    assert found.num_truncated == sum(sizes) + 2 * num_read - len(found.sequences[0])
    assert found.target.tolist() == [1, 0, 0, 1][:num_read]
    answer = task.answers([np.zeros(num_read)], [found], TaskState())[0]
    assert [each["text"] for each in answer["sentences"]] == SENTENCES[:num_read]


def test_windows_lose_no_sentence_and_cut_only_what_is_longer_than_a_window(tokenizer):
    task = ExtractiveSummary(max_length=16, when_long="windows")
    long = "The old boat meets the wet rope and the small net and the gull."
    whole, with_long = features_of(task, tokenizer, example(task), example(task, f"{TEXT} {long}"))
    pieces = [tokenizer.encode(sentence).ids.tolist() for sentence in [*SENTENCES, long]]
    shown = [
        sequence[start + 1 : end - 1].tolist()
        for sequence, places in zip(with_long.sequences, with_long.places, strict=True)
        for start, end in zip(places, [*places[1:], len(sequence)], strict=True)
    ]
    assert shown == [each[:14] for each in pieces]
    assert (whole.num_truncated, with_long.num_truncated) == (0, len(pieces[-1]) - 14)
    assert len(whole.sequences) > 1
    assert all(
        len(sequence) <= 16 and kinds[0] == 0 for sequence, kinds in zip(whole.sequences, whole.segments, strict=True)
    )


def test_a_first_line_without_an_end_mark_is_a_heading():
    leave, keep = ExtractiveSummary(heading="leave_out"), ExtractiveSummary()
    headed = "\nThe boat\n\n" + TEXT
    assert leave.inputs({"text": headed}).sentences == SENTENCES
    assert keep.inputs({"text": headed}).sentences == ["The boat", *SENTENCES]
    for text in (TEXT, '"A gull!"\nThe boat', "Only the boat"):
        assert leave.inputs({"text": text}) == keep.inputs({"text": text})


def test_labels_are_the_oracle_whatever_stands_between_the_summarys_sentences(tokenizer):
    for summary in (SUMMARY, SUMMARY.replace(".", ". "), SUMMARY.upper()):
        task = ExtractiveSummary(max_length=64)
        (found,) = features_of(task, tokenizer, example(task, summary=summary))
        units = [rouge_units(sentence, "word") for sentence in SENTENCES]
        assert np.flatnonzero(found.target).tolist() == oracle_sentences(units, rouge_units(summary, "word"), 3)
        assert found.target.tolist() == [1, 0, 0, 1]
    one = ExtractiveSummary(max_length=64, num_sentences=1)
    assert features_of(one, tokenizer)[0].target.tolist() == [1, 0, 0, 0]


def test_the_best_sentences_are_answered_in_the_order_of_the_text(tokenizer):
    answer = answer_of(ExtractiveSummary(max_length=64, num_sentences=2), tokenizer, [0.2, 0.6, 0.1, 0.9])
    assert answer["summary"] == f"{SENTENCES[1]} {SENTENCES[3]}"
    assert [each["score"] for each in answer["sentences"]] == pytest.approx([0.6, 0.9])
    assert [TEXT[each["start"] : each["end"]] for each in answer["sentences"]] == [SENTENCES[1], SENTENCES[3]]


def test_a_sentence_that_repeats_three_words_of_a_better_one_is_left_out(tokenizer):
    text = "The wet boat holds. The wet boat leaves. The gull meets the net."
    for run, expected in ((3, [0, 2]), (4, [0, 1]), (0, [0, 1])):
        task = ExtractiveSummary(max_length=64, num_sentences=2, blocked_run=run)
        answer = answer_of(task, tokenizer, [0.9, 0.8, 0.1], text)
        chosen = [each["text"] for each in answer["sentences"]]
        assert chosen == [task.inputs({"text": text}).sentences[i] for i in expected]
    assert without_repetition(np.array([1.0, 0.9]), ["abc", "xabc"], run=3) == [0]


def test_a_summary_may_take_a_share_of_the_sentences(tokenizer):
    for share, size in ((0.1, 1), (0.25, 1), (0.3, 2), (0.5, 2), (1.0, 4)):
        task = ExtractiveSummary(max_length=64, share=share, blocked_run=0)
        assert len(answer_of(task, tokenizer, [0.1, 0.2, 0.3, 0.4])["sentences"]) == size


def test_right_scores_give_the_rouge_of_the_oracle_and_no_less_than_the_first_sentences(tokenizer):
    task = ExtractiveSummary(max_length=64, num_sentences=2, blocked_run=0)
    examples = [
        example(task, summary=summary) for summary in (SUMMARY, "A gull leaves the net.", "The tide holds a boat.")
    ]
    features = features_of(task, tokenizer, *examples)
    answers = task.answers([np.where(each.target, 9.0, -9.0) for each in features], features, TaskState())
    first, oracle = task.baselines(Parts(examples, examples, examples), "word", 0)
    assert (first.name, first.knows_answers, oracle.knows_answers) == ("first 2 sentences", False, True)
    # The oracle stops where no sentence helps, right scores fill up; here each summary wants two.
    assert [each["summary"] for each in answers] == [each["summary"] for each in oracle.answers]
    found, lead = (task.measures(examples, each) for each in (answers, first.answers))
    assert [measure.name for measure in found] == ["rouge_1", "rouge_2", "rouge_l"]
    assert found[0].score > lead[0].score
    assert [lead_answer["summary"] for lead_answer in first.answers] == [" ".join(SENTENCES[:2])] * 3


def test_japanese_is_counted_in_characters_and_joined_without_spaces():
    task = ExtractiveSummary(language="ja", num_sentences=1)
    row = {"text": "船が出る。網が残る。", "summary": "網、残る"}
    asked = example(task, **row)
    assert asked.inputs.sentences == ["船が出る。", "網が残る。"]
    _, oracle = task.baselines(Parts([asked], [asked], [asked]), "char", 0)
    assert oracle.answers[0]["summary"] == "網が残る。"
    assert task.measures([asked], oracle.answers)[0].score == pytest.approx(2 * 3 / (3 + 4))
    both = ExtractiveSummary(language="ja", num_sentences=2, blocked_run=0)
    shown = Features([], [], notes=asked.inputs)  # which sentences are answered, no token tells
    assert both.answers([np.zeros(2)], [shown], TaskState())[0]["summary"] == row["text"]


@pytest.mark.parametrize(
    ("row", "why"), [({"text": "\n "}, "no text"), ({"summary": None}, "no summary"), ({"summary": " ."}, "no summary")]
)
def test_rows_that_teach_nothing_say_why(row, why):
    with pytest.raises(Unusable, match=why):
        example(ExtractiveSummary(), **row)


def test_the_loss_is_summed_over_the_sentences_of_a_document(tokenizer):
    task = ExtractiveSummary(max_length=64)
    features = features_of(task, tokenizer, example(task), example(task, "A gull. The boat.", "The boat."))
    scores = torch.randn(6)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(
        scores, torch.tensor([1.0, 0, 0, 1, 0, 1]), reduction="sum"
    )
    torch.testing.assert_close(task.loss(scores, pack(features, [0, 1]), 2).total, expected / 2)


@scorers
@pytest.mark.parametrize("reading", [Reading(), Reading(layers=[-1, -2], lstm_size=3)], ids=["last", "lstm"])
def test_a_sentence_knows_the_others_of_its_document_alone(encoders, scorer, reading):
    folder = encoders("N") / "model"
    task = ExtractiveSummary(max_length=16, when_long="windows", scorer=scorer)
    torch.manual_seed(2)
    network = start_network(task, folder, TaskState(), reading)
    with torch.no_grad():
        for parameter in network.head.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    changed = TEXT.replace("The pier holds.", "The bean meets a leaf.")  # it stands in another window than the first
    features = features_of(
        task, Tokenizer.open(folder), *(example(task, text) for text in (TEXT, "A gull. The boat.", changed))
    )
    assert len(features[0].sequences) > 1
    together = raw_outputs(task, network, features)
    for raw, each in zip(together, features, strict=True):
        np.testing.assert_allclose(raw, raw_outputs(task, network, [each])[0], atol=1e-5)
    alike = np.allclose(together[0][0], together[2][0], atol=1e-6)
    assert alike == (scorer == "linear" and not reading.lstm_size)


@scorers
@pytest.mark.usefixtures("unproved")
def test_summaries_are_learnt_and_the_saved_model_makes_them(tmp_path, encoders, scorer):
    rng = np.random.default_rng(2)
    nouns, lines = ["boat", "rope", "tide", "sail", "net", "gull", "pier"], []
    for _ in range(100):
        sentences = [f"The old {a} meets the {b}." for a, b in (rng.permutation(nouns)[:2] for _ in range(4))]
        for place in rng.permutation(4)[:2]:
            sentences[place] = f"The {rng.choice(['bean', 'leaf', 'root'])} leaves the leaf."
        told = [sentence for sentence in sentences if "leaves" in sentence]
        lines.append({"text": " ".join(sentences), "summary": "".join(told)})
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    settings = {
        "model": encoders("N"),
        "source": str(tmp_path / "rows.jsonl"),
        "split": {"train": 0.6, "valid": 0.2},
        "task": {
            "kind": "extractive_summary",
            "max_length": 10,  # so that each sentence is a sequence of its own, which tiny encoders tell apart best
            "when_long": "windows",
            "num_sentences": 2,
            "scorer": scorer,
            "blocked_run": 0,
        },
        "training": {"epochs": 4, "peak_lr": 4e-3, "precision": "float32"},
        "batch_rows": 8,
        "seeds": [1],
        "output": tmp_path / "summary",
    }
    run = finetune(build(FinetuneConfig, settings))
    results = json.loads((run.folder / "run.json").read_text(encoding="utf-8"))["results"]
    first, oracle = (each["scores"]["rouge_1"] for each in results["baselines"])
    assert [each.get("knows_answers", False) for each in results["baselines"]] == [False, True]
    assert oracle == pytest.approx(1)
    assert results["models"][0]["scores"]["rouge_1"]["mean"] > max(0.95, first)
    (answer,) = mamebert.load(run.folder / "models" / "model")(lines[0]["text"])
    assert answer["summary"].replace(" ", "") == lines[0]["summary"].replace(" ", "")
