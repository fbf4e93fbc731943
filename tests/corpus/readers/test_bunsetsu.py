import pytest

from mamebert.config import build
from mamebert.corpus.readers.bunsetsu import Bunsetsu
from mamebert.errors import UserError


def line(surface, bunsetsu, head):
    return "\t".join(["1", surface, "よみ", "語", "名詞", "普通名詞", "O", bunsetsu, head])


def rows(tmp_path, *lines, **settings):
    path = tmp_path / "beans.tsv"
    path.write_text("# columns: many\n\n# text = 豆を煮る\n" + "\n".join(lines) + "\n", encoding="utf-8")
    return list(Bunsetsu(path=path, **settings).rows())


def test_bunsetsu_are_words_with_heads_from_one(tmp_path):
    assert rows(tmp_path, line("豆", "0", "1D"), line("を", "0", "1D"), line("煮る", "1", "-1D")) == [
        {
            "text": "豆を煮る",
            "words": ["豆を", "煮る"],
            "heads": [2, 0],
            "deprels": ["D", "D"],
            "morphemes": [["豆", "を"], ["煮る"]],
        }
    ]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([("豆", "0", "x")], "the head 'x'"),
        ([("豆", "0", "12")], "the head '12'"),
        ([("豆", "0", "1D"), ("を", "0", "2D")], "bunsetsu '0' with the head '2D' where number 1 should be"),
        ([("豆", "1", "-1D")], "where number 0 should be"),
        ([("豆", "0", "5D")], "the head 6 of word 1 is outside"),
        ([("豆", "0", "-1D"), ("煮る", "1", "-1D")], "2 roots"),
    ],
)
def test_damage_is_told_with_its_line(tmp_path, lines, words):
    with pytest.raises(UserError, match=rf"beans\.tsv, sentence at line 4.*{words}.*\. \w"):
        rows(tmp_path, *(line(*each) for each in lines))


def test_the_columns_that_are_needed_must_be_named():
    with pytest.raises(UserError, match="must name surface, bunsetsu, head"):
        build(Bunsetsu, {"path": "a.tsv", "columns": ["surface", "head"]})
