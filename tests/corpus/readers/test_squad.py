import json
import lzma

import pytest

from mamebert.corpus.readers.squad import Squad
from mamebert.errors import UserError


def squad(question=None, **more):
    asked = {"id": "q1", "question": "何を煮る?", "answers": [{"text": "豆", "answer_start": 2}], **(question or {})}
    return {"data": [{"title": "豆", "paragraphs": [{"context": "人は豆を煮る。", "qas": [asked]}]}], **more}


def rows(tmp_path, content):
    path = tmp_path / "beans.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return list(Squad(path=path).rows())


def test_a_question_is_a_row(tmp_path):
    assert rows(tmp_path, squad(version="1.1")) == [
        {
            "id": "q1",
            "title": "豆",
            "context": "人は豆を煮る。",
            "question": "何を煮る?",
            "answers": [{"text": "豆", "answer_start": 2}],
            "is_impossible": False,
        }
    ]


def test_a_question_may_have_no_answer(tmp_path):
    row = rows(tmp_path, squad({"answers": [], "is_impossible": True, "plausible_answers": []}))[0]
    assert (row["answers"], row["is_impossible"]) == ([], True)


@pytest.mark.parametrize("start", [0, -5, 7, 10**30])
def test_an_answer_that_stands_elsewhere_is_kept_and_counted(tmp_path, capsys, start):
    row = rows(tmp_path, squad({"answers": [{"text": "豆", "answer_start": start}]}))[0]
    assert row["answers"] == [{"text": "豆", "answer_start": start}]
    assert "beans.json: 1 answers do not stand" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"data": [\n{"a": }]}', "line 2, is not JSON"),
        ("", "line 1, is not JSON"),
        ("[1]", "at its top, "),
        ("{}", "at data, field required"),
        (squad({"question": 3}), r"at data\.0\.paragraphs\.0\.qas\.0\.question, "),
        (squad({"answers": [{"text": "豆", "answer_start": "2"}]}), r"answers\.0\.answer_start, "),
        (squad({"answers": [{"text": "豆", "answer_start": True}]}), r"answers\.0\.answer_start, "),
        (squad({"is_impossible": "yes"}), "is_impossible, "),
        ("[" * 100_000, "line 1, is not JSON"),
    ],
)
def test_damage_is_told_with_its_place(tmp_path, content, words):
    with pytest.raises(UserError, match=rf"beans\.json.*{words}"):
        rows(tmp_path, content)


def test_a_truncated_archive_is_told(tmp_path):
    path = tmp_path / "beans.json.xz"
    path.write_bytes(lzma.compress(json.dumps(squad()).encode())[:-30])
    with pytest.raises(UserError, match=r"beans\.json\.xz is damaged"):
        list(Squad(path=path).rows())
