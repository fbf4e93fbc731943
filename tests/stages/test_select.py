"""The passages of a corpus that are nearest to the texts of a task."""

import json

import pytest

from mamebert.config import build
from mamebert.corpus.documents import document_shards, read_shard
from mamebert.errors import UserError
from mamebert.labelled.leaks import clean_runs_behind
from mamebert.stages.clean import CleanConfig, clean
from mamebert.stages.select import SelectConfig, select
from mamebert.stages.tokenize import TokenizeConfig, tokenize
from mamebert.stages.vocab import VocabConfig, _normal_form

KINDS = {
    "sea": "The boat sailed over the deep sea. A sailor saw a whale there. The waves were high that night.",
    "field": "The farmer ploughed his field. Wheat grew on the field all summer. A cow stood in the grass.",
    "town": "The tram stopped in the town. A shop sold bread there. Many people lived near the market.",
}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    folder = tmp_path_factory.mktemp("select")
    texts = [text for number in range(12) for text in (f"{each} It was day {number}." for each in KINDS.values())]
    (folder / "text.txt").write_text("\n\n".join(texts))
    (folder / "rows.jsonl").write_text(
        "".join(json.dumps({"text": text}) + "\n" for text in ("A whale and a boat on the sea", "deep waves", "zzz"))
    )
    cleaned = clean(
        build(
            CleanConfig,
            {
                "sources": str(folder / "text.txt"),
                "output": folder / "clean",
                "processes": 1,
                "cleaning": {"normalise": "NFC"},
                "shard_characters": 1000,
            },
        )
    )
    return cleaned.folder


def selected(corpus, output, **changes):
    settings = {"corpus": corpus, "source": str(corpus.parent / "rows.jsonl"), "output": output, "processes": 1}
    return select(build(SelectConfig, {**settings, **changes}))


def texts_of(run):
    return [" ".join(document) for shard in document_shards(run.folder) for document in read_shard(shard)]


def test_what_is_near_the_task_is_kept_once_and_counted(corpus, tmp_path):
    run = selected(corpus, tmp_path / "out", top_passages=5)
    texts = texts_of(run)
    assert 5 <= len(texts) <= 10
    assert len(set(texts)) == len(texts)
    assert all("whale" in text for text in texts)
    assert run.results["queries"] == 3
    assert run.results["queries_without_any"] == 1
    assert run.results["corpus"]["passages"] == 36
    assert run.results["kept"]["characters"] == sum(len(text) for text in texts)
    assert run.results["worst_rank"] <= 5
    assert "whale" in run.results["samples"][0]["passage"]


def test_documents_are_cut_into_passages_between_sentences(corpus, tmp_path):
    run = selected(corpus, tmp_path / "out", top_passages=1, passage_characters=60)
    assert run.results["corpus"]["passages"] == 60  # of every document but those whose rest is less than half a passage
    assert all(len(text) < 100 and text.endswith(".") for text in texts_of(run))


def test_no_more_is_kept_than_asked_and_the_best_ranks_first(corpus, tmp_path):
    every = selected(corpus, tmp_path / "every", top_passages=8)
    some = selected(corpus, tmp_path / "some", top_passages=8, max_characters=500)
    assert sum(map(len, texts_of(some))) <= 500
    assert set(texts_of(some)) < set(texts_of(every))
    assert some.results["worst_rank"] < every.results["worst_rank"]
    assert some.results["found"] == every.results["found"]


def test_the_number_of_shards_and_processes_changes_nothing(corpus, tmp_path):
    one = selected(corpus, tmp_path / "one")
    two = selected(corpus, tmp_path / "two", processes=2)
    assert texts_of(one) == texts_of(two)


def test_what_is_selected_goes_on_as_clean_text(corpus, tmp_path, world):
    run = selected(corpus, tmp_path / "out")
    assert _normal_form(run.folder) == "NFC"
    settings = {"corpus": run.folder, "tokenizer": world / "vocab", "output": tmp_path / "tokens", "processes": 1}
    shards = tokenize(build(TokenizeConfig, settings))
    # The vocabulary is of another corpus; the one that was selected from was not read.
    assert set(clean_runs_behind(shards.folder)) == {run.folder, world / "clean"}
    assert build(VocabConfig, {"corpus": run.folder, "output": tmp_path / "vocab"})


def test_a_task_of_another_language_and_a_column_that_is_not_there_are_sentences(corpus, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"text": "猫"}\n')
    with pytest.raises(UserError, match="has a word of the task's texts"):
        selected(corpus, tmp_path / "out", source=str(rows))
    with pytest.raises(UserError, match="There is no column called 'body'"):
        selected(corpus, tmp_path / "out", text_columns=["body"])
