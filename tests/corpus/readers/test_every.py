import os

import pytest

from mamebert.config import Config, build
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError


class Holder(Config):
    source: Reader
    """Where rows come from."""


@pytest.fixture
def every(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(f'{{"text": "{number}"}}\n' for number in range(7)))

    def made(**settings):
        return build(Holder, {"source": {"kind": "every", "of": str(tmp_path / "rows.jsonl"), **settings}}).source

    return made


def test_two_with_another_first_part_all_rows(every):
    assert [row["text"] for row in every().rows()] == ["0", "2", "4", "6"]
    assert [row["text"] for row in every(first=1).rows()] == ["1", "3", "5"]
    assert [row["text"] for row in every(step=3, first=2).first_rows(2)] == ["2", "5"]


def test_it_reads_the_text_of_its_source(every):
    assert every().fingerprint() == every(first=1).fingerprint() == every().of.fingerprint()
    assert every().num_bytes() == every().of.num_bytes()


def test_a_first_beyond_the_step_is_refused(every):
    with pytest.raises(UserError, match=r"first 2 is beyond the step 2. Give 0 to 1."):
        every(first=2)


@pytest.mark.parametrize("together", [1, 3])
@pytest.mark.parametrize("parts", [[(2, 0), (4, 1), (4, 3)], [(3, 0), (3, 1), (3, 2)]])
def test_parts_of_translations_have_no_row_in_common_in_any_language(tmp_path, together, parts):
    """Whatever stands in the rows: the parts of all languages are the same numbers, and each number is in one part."""
    numbers = {}
    for language in ("en", "ja"):
        file = tmp_path / f"{language}.tsv"
        file.write_text("".join(f"{language} {place // 2}\t{place}\n" for place in range(31)))
        for step, first in parts:
            of = {"kind": "files", "path": str(file), "header": ["text", "place"]}
            source = {"kind": "every", "of": of, "step": step, "first": first, "together": together}
            reader = build(Holder, {"source": source}).source
            numbers[language, step, first] = [int(row["place"]) for row in reader.rows()]
            assert reader.first_rows(4) == list(reader.rows())[:4]
    for part in parts:
        assert numbers["en", *part] == numbers["ja", *part]
    assert sorted(place for part in parts for place in numbers["en", *part]) == list(range(31))
    in_part = {place // together: part for part in parts for place in numbers["en", *part]}
    assert all(in_part[place // together] == part for part in parts for place in numbers["en", *part])


def test_rows_with_the_same_value_stay_together(tmp_path, every):
    rows = [("a", 1), ("a", 2), ("b", 3), ("c", 4), ("c", 5), ("a", 6)]
    (tmp_path / "t.jsonl").write_text("".join(f'{{"title": "{title}", "n": {n}}}\n' for title, n in rows))
    of = str(tmp_path / "t.jsonl")
    assert [row["n"] for row in every(of=of, same="title").rows()] == [1, 2, 4, 5]
    assert [row["n"] for row in every(of=of, same="title", first=1).rows()] == [3, 6]
    assert [row["n"] for row in every(of=of, same="title", first=1).first_rows(1)] == [3]
    with pytest.raises(UserError, match="no column called 'titel'"):
        list(every(of=of, same="titel").rows())
    with pytest.raises(UserError, match="Both together and same"):
        every(of=of, same="title", together=2)


@pytest.mark.realdata
def test_articles_of_xquad_are_parted_alike_in_all_languages():
    data = os.environ["MAMEBERT_DATA"]
    ids = {}
    for language in ("en", "de", "zh"):
        for step, first in ((2, 0), (4, 1), (4, 3)):
            of = {"kind": "squad", "path": f"{data}/xquad/xquad.{language}.json.xz"}
            source = {"kind": "every", "of": of, "step": step, "first": first, "same": "title"}
            rows = list(build(Holder, {"source": source}).source.rows())
            ids[language, step, first] = {row["id"] for row in rows}
    for part in ((2, 0), (4, 1), (4, 3)):
        assert ids["en", *part] == ids["de", *part] == ids["zh", *part]
    assert not ids["en", 2, 0] & (ids["de", 4, 1] | ids["zh", 4, 3])
