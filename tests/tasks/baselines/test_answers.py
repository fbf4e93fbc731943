import pytest

from mamebert.tasks import Parts
from mamebert.tasks.baselines.answers import most_similar_sentence, no_answer
from mamebert.tasks.data.features import Example
from mamebert.tasks.span_qa import SpanQa

ROWS = {
    "word": [
        (
            "Where does the Tay end?",
            "Rain falls often. The river Tay ends near Dundee, in the east. It is long.",
            "Dundee",
        ),
        ("How long is the Tay?", "It rains. The Tay is 188 km long. Dundee lies there.", "188"),
        (
            "Who painted the bridge?",
            "Bridges rust. The bridge was painted by Anne Mary Reid. They waited.",
            "Anne Mary Reid",
        ),
    ],
    "char": [
        ("首都はどこですか？", "雨が多い。首都は東京である。川は長い。", "東京"),
        ("橋が開通したのは何年ですか？", "川は長い。橋が開通したのは1998年である。", "1998年"),
        ("作者は誰ですか？", "雨が多い。作者はジャン・ポールという。海がある。", "ジャン・ポール"),
    ],
}


@pytest.fixture(params=["word", "char"])
def analyzer(request):
    return request.param


@pytest.fixture
def examples(analyzer):
    rows = [
        {"question": q, "context": c, "answers": [{"text": a, "answer_start": c.index(a)}]}
        for q, c, a in ROWS[analyzer]
    ]
    task = SpanQa()
    return [Example(task.inputs(row), task.gold(row, task.inputs(row)), i) for i, row in enumerate(rows)]


def test_the_name_in_the_likest_sentence_is_the_answer(examples, analyzer):
    task = SpanQa()
    (peer,) = task.baselines(Parts(examples, examples, examples), analyzer, seed=0)
    assert [answer["text"] for answer in peer.answers] == [answer for _, _, answer in ROWS[analyzer]]
    assert peer.chosen["answer"] == "name"


def test_the_whole_sentence_is_answered_where_validation_prefers_it(examples, analyzer):
    def longest(part, answers):
        return sum(len(answer["text"]) for answer in answers)

    peer = most_similar_sentence(Parts(examples, examples, examples), analyzer, longest)
    assert peer.chosen["answer"] == "sentence"
    assert all(right in each["text"] for each, (_, _, right) in zip(peer.answers, ROWS[analyzer], strict=True))
    assert all(
        each["text"] in context and each["text"] != context
        for each, (_, context, _) in zip(peer.answers, ROWS[analyzer], strict=True)
    )


def test_no_answer_is_a_peer_only_where_it_may_be_right(examples):
    parts = Parts(examples, examples, examples)
    assert list(SpanQa().baselines(parts, "none", 0)) == []
    (peer,) = SpanQa(unanswerable=True).baselines(parts, "none", 0)
    assert peer == no_answer(parts)
    assert [answer["text"] for answer in peer.answers] == [""] * 3
