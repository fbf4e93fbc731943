import pytest

from mamebert.corpus.readers.conllu import Conllu
from mamebert.errors import UserError


def line(number, form, head, deprel="dep", misc="_"):
    return "\t".join([number, form, form.lower(), "NOUN", "NN", "Number=Sing", head, deprel, "_", misc])


SENTENCE = [
    "# sent_id = bean-1",
    line("1-2", "Don't", "_", misc="SpaceAfter=No"),
    line("1", "Do", "2", "aux"),
    line("2", "n't", "0", "root"),
    line("2.1", "eat", "_"),
    line("3", "!", "2", "punct"),
]


def rows(tmp_path, *sentences, **settings):
    path = tmp_path / "beans.conllu"
    path.write_text("\n\n".join("\n".join(each) for each in sentences), encoding="utf-8")
    return list(Conllu(path=path, **settings).rows())


def test_words_are_the_syntactic_words(tmp_path):
    assert rows(tmp_path, SENTENCE) == [
        {
            "sent_id": "bean-1",
            "text": "Don't!",
            "words": ["Do", "n't", "!"],
            "lemmas": ["do", "n't", "!"],
            "upos": ["NOUN"] * 3,
            "xpos": ["NN"] * 3,
            "feats": ["Number=Sing"] * 3,
            "deprels": ["aux", "root", "punct"],
            "heads": [2, 0, 2],
            "multiwords": [{"first": 1, "last": 2, "text": "Don't"}],
        }
    ]


def test_the_text_is_what_the_comment_says(tmp_path):
    assert rows(tmp_path, ["# text = Do  not!", *SENTENCE])[0]["text"] == "Do  not!"


@pytest.mark.parametrize(
    ("sentence", "words"),
    [
        ([line("1", "a", "_")], "the head '_', which is no number"),
        ([line("1", "a", "x")], "the head 'x'"),
        ([line("1", "a", "-1")], "the head '-1'"),
        ([line("1", "a", "0"), line("2", "b", "3")], "the head 3 of word 2 is outside the sentence"),
        ([line("1", "a", "0"), line("2", "b", "0")], "the sentence has 2 roots"),
        ([line("1", "a", "1")], "the sentence has no root"),
        ([line("1", "a", "0"), line("2", "b", "3"), line("3", "c", "2")], "heads of word 2 lead round in a circle"),
        ([line("2", "a", "0")], "ids that do not count its words from 1"),
        ([line("1", "a", "0"), line("1", "b", "1")], "ids that do not count"),
        ([line("a", "a", "0")], "the id 'a'"),
        ([line("1-3", "ab", "_"), line("1", "a", "0")], "multiword tokens that overlap or lie outside"),
        (["1\ta\ta"], "has 3 columns where 10 should be"),
        ([line("1", "", "0")], "nothing in column 2"),
    ],
)
def test_damage_is_told_with_its_line(tmp_path, sentence, words):
    with pytest.raises(UserError, match=rf"beans\.conllu, .*line 8.*{words}.*\. \w"):
        rows(tmp_path, SENTENCE, sentence)


def test_sentences_that_are_no_trees_are_left_out_and_counted_when_told(tmp_path, capsys):
    broken = [line("1", "a", "0"), line("2", "b", "0")]
    assert len(rows(tmp_path, SENTENCE, broken, SENTENCE, broken_trees="skip")) == 2
    assert "1 sentences left out" in capsys.readouterr().err
