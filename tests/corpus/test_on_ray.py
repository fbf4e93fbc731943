"""The engine `ray`: the same bytes as in processes of this machine. Where Ray is not installed, only what is said."""

import hashlib
import os
import sys
from functools import partial
from itertools import count, islice
from math import factorial

import pytest

from mamebert.config import build
from mamebert.corpus.parallel import ordered_map
from mamebert.corpus.sentences import split_sentences
from mamebert.errors import UserError
from mamebert.stages.clean import CleanConfig, clean
from mamebert.stages.tokenize import TokenizeConfig, tokenize
from mamebert.stages.vocab import VocabConfig, vocab

on_two = partial(ordered_map, processes=2, engine="ray")


@pytest.fixture(scope="module")
def cluster():
    """Start a cluster of two cores, which whatever asks for Ray in this process then joins."""
    ray = pytest.importorskip("ray")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=100 * 2**20, log_to_driver=False)
        yield
        ray.shutdown()


def test_without_ray_there_is_a_sentence_before_anything_is_read(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    (tmp_path / "a.txt").write_text("Beans grow.\n")
    config = build(CleanConfig, {"sources": [str(tmp_path / "a.txt")], "output": tmp_path / "out", "engine": "ray"})
    with pytest.raises(UserError, match=r"need the package ray.*pip install 'mamebert\[ray\]'"):
        clean(config)


def test_a_cluster_that_does_not_answer_is_told_at_once(monkeypatch):
    pytest.importorskip("ray")
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:9")
    with pytest.raises(UserError, match=r"The Ray cluster of RAY_ADDRESS, 127\.0\.0\.1:9, cannot be joined"):
        next(on_two(factorial, [1, 2]))


def test_results_come_in_the_order_of_the_items(cluster):
    numbers = [5000, 1, 4000, 2, 3000, 3, 2000, 4]  # the first take longest
    assert list(on_two(factorial, numbers)) == [factorial(number) for number in numbers]


def test_endless_items_are_read_only_a_little_ahead(cluster):
    read = count()
    assert list(islice(on_two(factorial, read), 4)) == [1, 1, 2, 6]
    assert next(read) < 20


def test_errors_of_workers_reach_the_caller_as_they_were(cluster):
    with pytest.raises(UserError, match=r"^There is no pysbd language") as told:
        list(on_two(partial(split_sentences, language="ga", splitter="pysbd"), ["a", "b"]))
    assert type(told.value) is UserError


@pytest.mark.slow
def test_a_worker_that_dies_each_time_is_told_in_a_sentence(cluster):
    with pytest.raises(UserError, match="processes=1"):
        list(on_two(os._exit, [9, 9]))


@pytest.mark.slow
def test_clean_vocab_and_tokenize_make_the_same_bytes(cluster, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # paths are relative to where we are, for the workers too
    documents = [f"Bean {number} grows. The leaf is {'green' * (number % 7 + 1)}.\n\n" for number in range(20_000)]
    (tmp_path / "text.txt").write_text("".join(documents))
    for engine in ("local", "ray"):
        shared = {"engine": engine, "processes": 1 if engine == "local" else 2}
        given = {"sources": ["text.txt"], "shard_characters": 150_000}
        clean(build(CleanConfig, {**given, **shared, "output": f"{engine}/clean"}))
        words = {"corpus": f"{engine}/clean", "vocabulary": {"kind": "wordpiece", "size": 100}}
        vocab(build(VocabConfig, {**words, **shared, "output": f"{engine}/vocab"}))
        cut = {"corpus": f"{engine}/clean", "tokenizer": f"{engine}/vocab"}
        tokenize(build(TokenizeConfig, {**cut, **shared, "output": f"{engine}/tokens"}))
    local, ray = contents(tmp_path / "local"), contents(tmp_path / "ray")
    assert len([name for name in local if name.startswith("clean/documents")]) > 3
    assert local == ray


def contents(folder):
    """Return the hash of each file that a stage has made, but of those that tell times."""
    found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
    told = ("run.json", "metrics.jsonl", "report.html")
    return {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in found.items() if p.name not in told}
