from hypothesis import given
from hypothesis import strategies as st

from mamebert.config import build
from mamebert.labelled.leaks import MOST, Repeated, SeenTexts, plain, repeated, rows_in, shifted
from mamebert.stages.clean import CleanConfig, clean
from mamebert.tasks.classification import Classification
from mamebert.tasks.data.features import Example
from mamebert.tasks.tagging import Tagging


def examples(*rows):
    return [Example((text,), gold, number) for number, (text, gold) in enumerate(rows)]


def test_rows_are_the_same_whatever_their_case_spaces_and_marks():
    train = examples(("The old boat.", "a"), ("Bread!", "b"))
    test = examples(("the  OLD boat", "a"), ("Ｂｒｅａｄ", "a"), ("salt", "a"))
    assert repeated(test, train) == Repeated(2, 1)
    assert plain("Ｔhe old-boat.") == "theoldboat"


def test_a_shift_of_labels_is_told_where_chance_is_no_explanation():
    assert shifted({"a": 500, "b": 500}, {"a": 90, "b": 10}) == ("a", 0.5, 0.9)
    assert shifted({"a": 500, "b": 500}, {"a": 52, "b": 48}) is None
    assert shifted({"a": 5, "b": 5}, {"a": 4, "b": 1}) is None
    assert shifted({"rows": 5}, {"rows": 8}) is None


def test_rows_are_seen_where_one_document_has_their_sentences(tmp_path):
    first, second = "The first long sentence stands here. ", "Another long sentence follows it. "
    (tmp_path / "text.txt").write_text(f"Before. {first}{second}\n\nNothing else is written in this one.\n")
    (tmp_path / "other.txt").write_text(f"{first}\n\n{second}\n")
    config = {"sources": str(tmp_path / "text.txt"), "output": str(tmp_path / "clean")}
    corpus = clean(build(CleanConfig, config)).folder
    apart = clean(
        build(CleanConfig, {"sources": str(tmp_path / "other.txt"), "output": str(tmp_path / "apart")})
    ).folder
    rows = examples((first + second, "a"), (f"{first}A sentence that is nowhere to be found.", "a"), ("Before.", "b"))
    seen = SeenTexts(Classification(), rows)
    assert seen.behind(corpus) == 1
    assert seen.behind(apart) == 0
    assert seen.behind(tmp_path) is None
    (tmp_path / "run.json").write_text("{")
    assert seen.behind(tmp_path / "model") is None
    words = [Example(("The", "first", "long", "sentence", "stands", "here", "."), None, 0)]
    assert SeenTexts(Tagging(), words).behind(corpus) == 1


SENTENCES = st.sets(st.sampled_from(["a" * 10, "b" * 40, "c" * 12, "d" * 13, "e" * 25, "f" * 50]))


@given(st.lists(SENTENCES, max_size=12), st.lists(SENTENCES, max_size=12))
def test_rows_are_found_as_if_each_were_compared_with_every_document(rows, documents):
    def size(sentences):
        return sum(map(len, sentences))

    slowly = {
        n for n, row in enumerate(rows) if row and any(size(row & each) >= MOST * size(row) for each in documents)
    }
    assert rows_in(documents, rows) == slowly


def test_a_sentence_of_many_rows_does_not_have_each_compared_with_every_document():
    class Counted(set):
        compared = 0

        def __and__(self, other):
            Counted.compared += 1
            return set(self) & other

    everywhere = "A sentence that stands everywhere."
    rows = [Counted({everywhere, f"Of row {n} alone: {'x' * 40}."}) for n in range(200)]
    rows_in([{everywhere, f"Of document {n} alone."} for n in range(200)], rows)
    assert Counted.compared == 0
