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
