from collections import namedtuple

import pytest

from mamebert.corpus.documents import write_shard
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.tokenizer.sampling import Sample
from mamebert.tokenizer.vocabularies.wordpiece import Wordpiece

JAPANESE = [
    "小さな豆が庭で育っている。",
    "彼女は毎朝、駅まで歩いて行きます。",
    "東京の冬は空気が乾いて寒い。",
    "ﾊﾝｶｸのカタカナと１２３も読めますか？",
    "この計算機は文字を数字に変えて学習する。",
    "雨が降ったので、試合は来週に延期された。",
]
SPACED = [
    "A small bean grows quickly in the garden.",
    "Itheann an cailín úll dearg gach lá sa bhaile mór.",
    "Tá an aimsir go hálainn inniu, a chairde!",
    "Väike õunapuu kasvab järve ääres.",
    "The café serves naïve guests (and their dogs).",
]

Trained = namedtuple("Trained", "folder ours theirs")


def train(folder, sentences, **settings):
    write_shard(folder / "documents" / "00000.parquet", [sentences[i::4] * 3 for i in range(4) if sentences[i::4]])
    sample = Sample.draw([folder / "documents" / "00000.parquet"], 10**6, seed=0, processes=1)
    Wordpiece(min_frequency=1, **settings).train(sample, folder / "tokenizer")
    return folder / "tokenizer"


def open_both(folder):
    from transformers import AutoTokenizer

    return Trained(folder, Tokenizer.open(folder), AutoTokenizer.from_pretrained(folder, local_files_only=True))


@pytest.fixture(scope="session")
def spaced(tmp_path_factory):
    return open_both(train(tmp_path_factory.mktemp("spaced"), SPACED, size=150, limit_alphabet=60))


@pytest.fixture(scope="session")
def lowered(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lowered")
    return open_both(train(folder, SPACED, size=120, limit_alphabet=60, lowercase=True, strip_accents=True))


@pytest.fixture(scope="session")
def japanese(tmp_path_factory):
    pytest.importorskip("fugashi")
    return open_both(train(tmp_path_factory.mktemp("japanese"), JAPANESE, size=120, limit_alphabet=80, words="mecab"))


@pytest.fixture(scope="session")
def japanese_lowered(tmp_path_factory):
    pytest.importorskip("fugashi")
    folder = tmp_path_factory.mktemp("japanese_lowered")
    texts = [*JAPANESE, "BERTとPythonのABC。"]
    return open_both(train(folder, texts, size=150, limit_alphabet=100, words="mecab", lowercase=True))


@pytest.fixture(params=["spaced", "lowered", "japanese", "japanese_lowered"])
def trained(request):
    return request.getfixturevalue(request.param)


KINDS = ["spaced", "lowered", "japanese", "japanese_lowered"]
