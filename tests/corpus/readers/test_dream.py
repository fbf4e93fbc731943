import json

import pytest

from mamebert.corpus.readers.dream import Dream
from mamebert.errors import UserError

ASKED = {"question": "What is red?", "choice": ["The pod.", "The bean.", "The pot."], "answer": "The bean."}


def rows(tmp_path, content):
    (tmp_path / "beans.json").write_text(json.dumps(content), encoding="utf-8")
    return list(Dream(path=tmp_path / "beans.json").rows())


def test_a_question_is_a_row_with_the_number_of_its_answer(tmp_path):
    found = rows(tmp_path, [[["M: A red bean?", "W: Yes."], [ASKED, {**ASKED, "answer": "The pod."}], "7-1"]])
    assert found[0] == {
        "id": "7-1/0",
        "text": "M: A red bean?\nW: Yes.",
        "question": "What is red?",
        "choices": ["The pod.", "The bean.", "The pot."],
        "answer": 1,
    }
    assert [row["answer"] for row in found] == [1, 0]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ([[["M: Hi."], [{**ASKED, "answer": "The leaf."}], "7-1"]], r"at 0\.1\.0, .*not one of the choices"),
        ([[["M: Hi."], [{**ASKED, "choice": "a"}], "7-1"]], r"at 0\.1\.0\.choice, "),
        ([[["M: Hi."], "7-1"]], r"at 0\."),
        ({}, "at its top"),
    ],
)
def test_damage_is_told_with_its_place(tmp_path, content, words):
    with pytest.raises(UserError, match=rf"beans\.json is not in the layout of DREAM: .*{words}"):
        rows(tmp_path, content)
