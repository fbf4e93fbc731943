import io
import os
import tarfile
from collections import Counter
from pathlib import Path

import pytest

from mamebert.corpus.readers.livedoor import Livedoor
from mamebert.errors import UserError

ARTICLES = {
    "text/mame-news/mame-news-2.txt": "http://example.com/2\n2011-02-02T00:00:00+0900\n豆の値段\n値段が上がった。\n\n来年も上がる。\n",
    "text/mame-news/mame-news-1.txt": "http://example.com/1\n2011-01-01T00:00:00+0900\n豆の話\n豆は甘い。\n",
    "text/aji/aji-1.txt": "http://example.com/3\n2011-03-03T00:00:00+0900\n味の話\n塩をふる。\n",
    "text/aji/LICENSE.txt": "license\n",
    "text/README.txt": "read me\n",
    "text/CHANGES.txt": "changes\n",
}


def packed(path, articles=ARTICLES, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in articles.items():
            data = content if isinstance(content, bytes) else content.encode()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return path


def test_articles_come_sorted_and_licences_are_no_articles(tmp_path):
    rows = list(Livedoor(path=packed(tmp_path / "ldcc.tar.gz")).rows())
    assert [row["file"] for row in rows] == ["aji/aji-1.txt", "mame-news/mame-news-1.txt", "mame-news/mame-news-2.txt"]
    assert rows[2] == {
        "category": "mame-news",
        "title": "豆の値段",
        "body": "値段が上がった。\n\n来年も上がる。",
        "text": "豆の値段\n値段が上がった。\n\n来年も上がる。",
        "url": "http://example.com/2",
        "date": "2011-02-02T00:00:00+0900",
        "file": "mame-news/mame-news-2.txt",
    }


@pytest.mark.parametrize("mode", ["w", "w:xz", "w:bz2"])
def test_archive_and_unpacked_folder_are_the_same_source(tmp_path, mode):
    archive = Livedoor(path=packed(tmp_path / "ldcc.tar", mode=mode))
    for name, content in ARTICLES.items():
        path = tmp_path / "ldcc" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
    for folder in (tmp_path / "ldcc", tmp_path / "ldcc" / "text"):
        assert list(Livedoor(path=folder).rows()) == list(archive.rows())
        assert Livedoor(path=folder).fingerprint() == archive.fingerprint()


def test_what_is_not_the_corpus_is_told(tmp_path):
    (tmp_path / "bad.tar.gz").write_bytes(b"no archive")
    for path, words in (
        (tmp_path / "none.tar", "no Livedoor corpus at"),
        (tmp_path / "bad.tar.gz", "cannot be read as a tar archive"),
        (packed(tmp_path / "other.tar", {"a.txt": "x"}, "w"), "holds no Livedoor article"),
        (packed(tmp_path / "short.tar", {"text/a/a-1.txt": "one line"}, "w"), "has no URL, date and title"),
        (packed(tmp_path / "bytes.tar", {"text/a/a-1.txt": b"u\nd\nt\n\xff"}, "w"), "not UTF-8 at byte 6"),
    ):
        with pytest.raises(UserError, match=words):
            list(Livedoor(path=path).rows())


def test_a_truncated_archive_is_told(tmp_path):
    path = packed(tmp_path / "ldcc.tar.xz", mode="w:xz")
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(UserError, match="cannot be read as a tar archive"):
        list(Livedoor(path=path).rows())


@pytest.mark.realdata
@pytest.mark.skipif("MAMEBERT_DATA" not in os.environ, reason="needs MAMEBERT_DATA")
def test_the_real_corpus_has_7367_articles_in_nine_categories():
    path = Path(os.environ["MAMEBERT_DATA"]) / "livedoor" / "ldcc-text.tar.xz"
    counts = Counter(row["category"] for row in Livedoor(path=path).rows())
    assert sum(counts.values()) == 7367
    assert sorted(counts.values()) == [511, 770, 842, 864, 870, 870, 870, 870, 900]
