"""Files that unpack to a thousand times their size, and names behind which no file ends: memory stays bounded."""

import bz2
import gzip
import json
import lzma
import os
import shutil
import tracemalloc
from functools import partial

import pyarrow as pa
import pytest

from mamebert.corpus.readers import Reader
from mamebert.errors import UserError

MEGABYTES = 40
PACK = {
    ".gz": partial(gzip.open, mode="wb", compresslevel=1),
    ".bz2": partial(bz2.open, mode="wb", compresslevel=1),
    ".xz": partial(lzma.open, mode="wb", preset=0),
    ".zst": partial(pa.CompressedOutputStream, compression="zstd"),
}


def bomb(path, begin=b"", block=b"a" * 1_000_000):
    with PACK[path.suffix](str(path)) as file:
        file.write(begin)
        for _ in range(MEGABYTES):
            file.write(block)
    assert path.stat().st_size < MEGABYTES * 10_000
    return Reader.model_validate(str(path))


def peak_of(work):
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("suffix", PACK)
def test_a_line_without_end_is_read_in_documents_of_bounded_size(tmp_path, suffix):
    reader = bomb(tmp_path / f"a.txt{suffix}")
    lengths = []
    peak = peak_of(lambda: lengths.extend(len(row["text"]) for row in reader.rows()))
    assert sum(lengths) == MEGABYTES * 1_000_000
    assert max(lengths) <= 1_000_000
    assert peak < 30_000_000


@pytest.mark.parametrize(
    ("name", "begin", "told"),
    [
        ("a.jsonl.gz", b'{"text": "', "line 1, is longer than 16,000,000 characters"),
        ("a.conll.bz2", b"", "line 1, is longer than 16,000,000 characters"),
        ("a.csv.zst", b'text,label\n"', "line 2, is longer than 16,000,000 characters"),
    ],
)
def test_a_record_without_end_is_a_sentence(tmp_path, name, begin, told):
    reader = bomb(tmp_path / name, begin)

    def read():
        with pytest.raises(UserError, match=told):
            list(reader.rows())

    assert peak_of(read) < 120_000_000  # the longest line, and a copy of it


@pytest.mark.parametrize("suffix", PACK)
def test_an_archive_that_ends_too_early_is_a_sentence(tmp_path, suffix):
    path = tmp_path / f"a.txt{suffix}"
    bomb(path, begin=os.urandom(3_000).hex().encode())
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(UserError, match=r"a\.txt\.\w+ is damaged.*Get the file again"):
        list(Reader.model_validate(str(path)).rows())


def test_folders_that_hold_themselves_are_read_once(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("Beans grow.\n")
    (tmp_path / "in" / "sub" / "loop").symlink_to(tmp_path / "in")
    assert [row["text"] for row in Reader.model_validate(str(tmp_path / "in")).rows()] == ["Beans grow."]


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_has_no_end_is_refused_before_it_is_read(tmp_path, kind):
    path = tmp_path / "a.txt"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    for name in (path, tmp_path):
        with pytest.raises(UserError, match="is a device or a pipe, which cannot be read twice"):
            Reader.model_validate(str(name)).first_rows(3)
    os.unlink(path)
    path.symlink_to("a.txt")
    with pytest.raises(UserError, match="no file or folder"):
        Reader.model_validate(str(path)).first_rows(3)
    with pytest.raises(UserError, match="is a link to what is not there"):
        Reader.model_validate(str(tmp_path)).first_rows(3)


@pytest.mark.parametrize(
    ("begin", "block", "told"),
    [
        (b'[{"text": "', b"a" * 1_000_000, "line 1: an item of the array is longer than 16,000,000 characters"),
        (b"", b"[" * 1_000_000, "line 1, is not JSON"),
        (b"[\n", b" " * 1_000_000, "line 2, is not JSON"),
        (b'[\n{"a": tru ', b"a" * 1_000_000, "line 2, is not JSON .Expecting value"),
    ],
)
def test_an_array_of_json_without_end_is_a_sentence(tmp_path, begin, block, told):
    reader = bomb(tmp_path / "a.json.gz", begin, block)

    def read():
        with pytest.raises(UserError, match=told):
            list(reader.rows())

    assert peak_of(read) < 250_000_000


def test_a_long_array_of_json_is_read_in_little_memory(tmp_path):
    row = b'{"text": "' + b"bean " * 4_000 + b'"},\n'
    reader = bomb(tmp_path / "a.json.gz", b"[\n", row * 50)
    with gzip.open(tmp_path / "a.json.gz") as begun, gzip.open(tmp_path / "b.json.gz", "wb", 1) as file:
        shutil.copyfileobj(begun, file)
        file.write(b'{"text": "end"}\n]\n')
    reader = Reader.model_validate(str(tmp_path / "b.json.gz"))
    counts = []
    peak = peak_of(lambda: counts.append(sum(1 for _ in reader.rows())))
    assert counts == [MEGABYTES * 50 + 1]
    assert peak < 10_000_000


@pytest.mark.parametrize("size", [10, 999_990, 999_999, 1_000_000, 3_000_000])
def test_items_of_an_array_may_lie_across_windows(tmp_path, size):
    rows = [{"text": "bean"}, {"text": "b" * size, "label": -1.5e-3, "is": [True, None]}, {"text": "\\u00e9" * 9}]
    (tmp_path / "a.json").write_text("[" + ",".join(map(json.dumps, rows)) + "]")
    assert list(Reader.model_validate(str(tmp_path / "a.json")).rows()) == rows


def test_many_small_files_are_not_held_in_memory(tmp_path):
    for folder in range(20):
        (tmp_path / f"{folder:03}").mkdir()
        for number in range(50):
            (tmp_path / f"{folder:03}" / f"{number:03}.txt").write_text(f"Bean {folder} {number}\n")
    reader = Reader.model_validate(str(tmp_path))
    assert [source.name for source in reader.fingerprint()] == ["1000 files, 000.txt ... 049.txt"]
    found = []
    peak = peak_of(lambda: found.append((sum(1 for _ in reader.rows()), reader.num_bytes())))
    assert found[0][0] == 1_000
    assert peak < 300_000
