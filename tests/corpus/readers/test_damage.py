"""Whatever bytes a file holds, a reader gives rows or a UserError that names the file."""

import gzip
import json
import lzma

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mamebert.config import build
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError

UNHEEDED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

UD = (
    "# text = a b\n1-2\tab\t_\t_\t_\t_\t_\t_\t_\t_\n1\ta\ta\tX\tX\t_\t2\tdep\t_\t_\n2\tb\tb\tX\tX\t_\t0\troot\t_\t_\n\n"
)
KNP = "# text = 豆を煮る\n1\t豆を\tよ\t語\t名詞\t*\tO\t0\t1D\n2\t煮る\tよ\t語\t動詞\t*\tO\t1\t-1D\n\n"
QUESTION = {"id": "q", "question": "豆?", "answers": [{"text": "豆", "answer_start": 0}], "is_impossible": False}
SQUAD = {"version": "2", "data": [{"title": "豆", "paragraphs": [{"context": "豆を煮る", "qas": [QUESTION]}]}]}
DREAM = [[["M: 豆?"], [{"question": "?", "choice": ["a", "b", "c"], "answer": "b"}], "1"]]
ROWS = [{"text": "豆", "label": 1, "more": {"a": [1, "x"]}}, {"text": "pod", "label": 0, "more": None}]

WIKI = (
    "<mediawiki><siteinfo><namespaces><namespace key='6'>F</namespace></namespaces></siteinfo><page><title>豆</title>"
    "<ns>0</ns><id>1</id><revision><text>''豆'' {{a|[[b]]}} &lt;ref>c&lt;/ref></text></revision></page></mediawiki>"
)

VALID = {
    "wikipedia": ({"kind": "wikipedia", "processes": 1}, WIKI),
    "squad": ({"kind": "squad"}, json.dumps(SQUAD, ensure_ascii=False)),
    "dream": ({"kind": "dream"}, json.dumps(DREAM, indent=1, ensure_ascii=False)),
    "conllu": ({"kind": "conllu"}, UD * 2),
    "conllu, skipping": ({"kind": "conllu", "broken_trees": "skip"}, UD * 2),
    "bunsetsu": ({"kind": "bunsetsu"}, KNP * 2),
    "bunsetsu, skipping": ({"kind": "bunsetsu", "broken_trees": "skip"}, KNP * 2),
    "conll": ({"kind": "conll", "comment": "#"}, "# text = ab\na B-X\nb I-X\n\n-DOCSTART- O\n\n豆 O\n"),
    "conll, iob1": ({"kind": "conll", "scheme": "iob1"}, "a\tI-X\nb\tI-X\n\n豆\tO\n"),
    "conll, replacing": ({"kind": "conll", "errors": "replace", "separator": "space"}, "a O\nb I-X\n\n豆 O\n"),
    "array": ({"kind": "files", "format": "json"}, json.dumps(ROWS, indent=1, ensure_ascii=False)),
    "lines": ({"kind": "files", "format": "json"}, "\n".join(json.dumps(row, ensure_ascii=False) for row in ROWS)),
    "nested": ({"kind": "files", "format": "jsonl", "columns": {"b": "more.a"}}, json.dumps(ROWS[0])),
    "chosen": ({"kind": "files", "format": "tsv", "where": {"label": 1}}, "text\tlabel\n豆\t1\n"),
    "csv": ({"kind": "files", "format": "csv"}, 'text,label\n"豆, ""pod""",1\n"two\nlines",0\n'),
    "tsv": ({"kind": "files", "format": "tsv"}, 'text\tlabel\n5" 豆\t1\n'),
    "no header": (
        {"kind": "files", "format": "tsv", "header": ["a", "b"], "extra_columns": "drop"},
        "豆\t1\npod\t0\tx\n",
    ),
    "txt": ({"kind": "files", "format": "txt"}, "豆\n\npod\n"),
    "parquet": ({"kind": "files", "format": "parquet"}, "PAR1豆PAR1"),
    "cp932": ({"kind": "files", "format": "csv", "encoding": "cp932"}, "text\nbean\n"),
    "utf-16": ({"kind": "conll", "encoding": "utf-16"}, "a O\n"),
}
PACKED = {".gz": gzip.compress, ".xz": lzma.compress}
# Bytes that mean something to one of the formats are likelier to do harm than others.
PIECES = st.one_of(
    st.binary(max_size=6),
    st.sampled_from(
        [*'\t\n\r ,"#-_.[]{}0189\0', "\r\n", "-DOCSTART-", '"\\ud800"', "\ufeff", "99999999999", "٣", "NaN"]
    ).map(str.encode),
)


@st.composite
def mutated(draw, content):
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 8)) | st.just(len(content)))
        content = content[:start] + draw(PIECES) + content[end:]
    return content


def rows_or_user_error(folder, name, suffix, content):
    path = folder / f"beans.any{suffix}"
    path.write_bytes(content)
    told = "beans.any and so on. "
    try:
        rows = list(build(Reader, {"path": str(path), **VALID[name][0]}).rows())
        json.dumps(rows, ensure_ascii=False).encode()
    except UserError as error:
        told = str(error)
    assert "beans.any" in told or "where" in VALID[name][0]  # what was chosen may lie in any of the files
    assert ". " in told


@pytest.mark.parametrize("name", VALID)
def test_the_undamaged_file_is_read(tmp_path, name):
    if name != "parquet":
        settings_, content = VALID[name]
        (tmp_path / "a").write_bytes(content.encode(settings_.get("encoding", "utf-8")))
        assert list(build(Reader, {"path": str(tmp_path / "a"), **settings_}).rows())


@pytest.mark.parametrize("name", VALID)
@given(data=st.data())
@settings(max_examples=30, suppress_health_check=UNHEEDED, deadline=None)
def test_mutated_files_give_rows_or_a_user_error(tmp_path, name, data):
    rows_or_user_error(tmp_path, name, "", data.draw(mutated(VALID[name][1].encode())))


@pytest.mark.parametrize("name", VALID)
@given(content=st.binary(max_size=60))
@example(content=b"")
@example(content=b"[" * 100_000)
@example(content=b'{"data": ' + b"[" * 980 + b"]" * 980 + b"}")
@example(content=b"1" * 5000)
@example(content=b"[1" + b"0" * 5000 + b"]")
@settings(max_examples=10, suppress_health_check=UNHEEDED, deadline=None)
def test_random_bytes_give_rows_or_a_user_error(tmp_path, name, content):
    rows_or_user_error(tmp_path, name, "", content)


@pytest.mark.parametrize("name", VALID)
@pytest.mark.parametrize("suffix", [".gz", ".xz"])
@given(data=st.data())
@settings(max_examples=6, suppress_health_check=UNHEEDED, deadline=None)
def test_damaged_archives_give_rows_or_a_user_error(tmp_path, name, suffix, data):
    rows_or_user_error(tmp_path, name, suffix, data.draw(mutated(PACKED[suffix](VALID[name][1].encode() * 40))))
