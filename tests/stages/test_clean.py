import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from time import monotonic, sleep

import pytest

from mamebert.config import build
from mamebert.corpus.documents import document_shards, read_shard
from mamebert.errors import UserError
from mamebert.stages.clean import CleanConfig, clean

BEAN = "Beans are seeds. They grow in pods!\nSome are red.\n"
BEANS = f"{BEAN}\nPeas are green.\n\n{BEAN}"


def cleaned(tmp_path, **settings):
    return clean(build(CleanConfig, {"output": tmp_path / "out", "processes": 1, **settings}))


def documents(run):
    return [document for shard in document_shards(run.folder) for document in read_shard(shard)]


@pytest.fixture
def beans(tmp_path):
    path = tmp_path / "beans.txt"
    path.write_text(BEANS)
    return str(path)


def test_text_becomes_documents_of_sentences_without_duplicates(tmp_path, beans):
    run = cleaned(tmp_path, sources=beans)
    assert documents(run) == [["Beans are seeds.", "They grow in pods!", "Some are red."], ["Peas are green."]]
    results = run.results
    assert (results["documents_read"], results["documents"], results["sentences"]) == (3, 2, 4)
    assert results["characters"] == sum(len(s) for document in documents(run) for s in document)
    assert results["dropped"] == {"documents_duplicate": 1}
    assert set(results["samples"]) <= {s for document in documents(run) for s in document}


def test_every_source_is_counted_and_remembered(tmp_path, beans):
    (tmp_path / "more.jsonl").write_text(json.dumps({"text": "Lentils are flat."}) + "\n")
    run = cleaned(tmp_path, sources=[beans, {"kind": "files", "path": str(tmp_path / "more.jsonl")}])
    assert [source["documents"] for source in run.results["sources"]] == [2, 1]
    assert [source["name"] for source in run.sources] == ["beans.txt", "more.jsonl"]


def test_duplicate_paragraphs_can_be_dropped_across_documents(tmp_path):
    (tmp_path / "a.txt").write_text("Cook them.\nOne.\n\nCook them.\nTwo.\n\nOne.\nTwo.\n")
    run = cleaned(tmp_path, sources=str(tmp_path / "a.txt"), duplicates="paragraphs")
    assert documents(run) == [["Cook them.", "One."], ["Two."]]
    assert run.results["dropped"] == {"documents_duplicate": 1, "paragraphs_duplicate": 1}


def test_a_line_that_stands_twice_in_a_document_is_kept_once(tmp_path):
    (tmp_path / "a.txt").write_text("Cook them.\nCook them.\nOne.\n")
    run = cleaned(tmp_path, sources=str(tmp_path / "a.txt"), duplicates="paragraphs")
    assert documents(run) == [["Cook them.", "One."]]
    assert run.results["dropped"] == {"paragraphs_duplicate": 1}


def test_duplicates_can_stay(tmp_path, beans):
    assert len(documents(cleaned(tmp_path, sources=beans, duplicates="none"))) == 3


def test_japanese_is_normalised_and_split_by_its_own_marks(tmp_path):
    (tmp_path / "a.txt").write_text("　「ﾏﾒだ。煮よう。」と言った。ＯＫ！甘い。", encoding="utf-8")
    run = cleaned(tmp_path, sources=str(tmp_path / "a.txt"), language="ja", cleaning={"normalise": "NFKC"})
    assert documents(run) == [["「マメだ。煮よう。」と言った。", "OK!", "甘い。"]]


def test_columns_are_joined_and_a_missing_one_is_told(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"title": "Beans", "body": "They grow."}\n{"title": "Peas", "body": null}\n')
    sources = str(tmp_path / "a.jsonl")
    assert documents(cleaned(tmp_path, sources=sources, text_columns=["title", "body"])) == [
        ["Beans", "They grow."],
        ["Peas"],
    ]
    with pytest.raises(UserError, match=r"no column called 'bdy'. Did you mean 'body'"):
        cleaned(tmp_path / "b", sources=sources, text_columns=["bdy"])


@pytest.mark.parametrize("row", ['{"id": 7}', '{"text": ["in", "pieces"]}', '{"text": {"en": "Beans."}}'])
def test_rows_without_text_are_counted_where_others_have_it(tmp_path, row):
    (tmp_path / "a.jsonl").write_text(f'{{"text": "Beans grow."}}\n{row}\n{{"text": "Peas too."}}\n{row}\n')
    run = cleaned(tmp_path, sources=str(tmp_path / "a.jsonl"))
    assert documents(run) == [["Beans grow."], ["Peas too."]]
    assert run.results["dropped"] == {"rows_without_text": 2}


@pytest.mark.parametrize(("row", "told"), [('{"id": 7}', "no column called 'text'"), ('{"text": []}', "holds lists")])
def test_a_column_in_which_no_row_has_text_is_refused(tmp_path, row, told):
    (tmp_path / "a.jsonl").write_text(f"{row}\n" * 9)
    with pytest.raises(UserError, match=told):
        cleaned(tmp_path, sources=str(tmp_path / "a.jsonl"))


def many_documents(tmp_path, number=3000):
    path = tmp_path / "many.txt"
    path.write_text("\n\n".join(f"Bean {n % (number - 7)} grows. " * 20 for n in range(number)))
    return str(path)


def test_the_result_does_not_depend_on_the_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("mamebert.stages.clean.START_SECONDS", 0.0)
    sources = many_documents(tmp_path)
    runs = [cleaned(tmp_path / str(n), sources=sources, shard_characters=200_000, processes=n) for n in (1, 2)]
    assert runs[0].results["dropped"] == {"documents_duplicate": 7}
    assert len(document_shards(runs[0].folder)) > 3
    for one, two in zip(*(document_shards(run.folder) for run in runs), strict=True):
        assert one.read_bytes() == two.read_bytes()
    assert runs[0].id == runs[1].id
    assert runs[0].results["samples"] == runs[1].results["samples"]


def test_near_duplicates_are_dropped_whatever_the_number_of_processes(tmp_path, monkeypatch):
    monkeypatch.setattr("mamebert.corpus.batches.BATCH_CHARACTERS", 20_000)
    monkeypatch.setattr("mamebert.stages.clean.START_SECONDS", 0.0)
    beans = [" ".join(f"bean{n * 31 + word}" for word in range(100)) for n in range(150)]
    near = [f"Another{bean[5:]}." for bean in beans[:40]]
    path = tmp_path / "a.txt"
    path.write_text("\n\n".join([*beans, *near, *beans[:5]]))
    settings = {"sources": str(path), "near_duplicates": {"threshold": 0.8}, "shard_characters": 50_000}
    one, two = (cleaned(tmp_path / str(n), processes=n, **settings) for n in (1, 2))
    assert one.results["dropped"] == {"documents_duplicate": 5, "documents_near_duplicate": 40}
    assert all(" … ≈ bean" in each for each in one.results["dropped_examples"]["documents_near_duplicate"])
    assert one.results["dropped_examples"] == two.results["dropped_examples"]
    assert documents(one) == documents(two) == [[bean] for bean in beans]
    assert not (one.folder / "met").exists()


def test_max_documents_stops_early(tmp_path):
    run = cleaned(tmp_path, sources=many_documents(tmp_path), max_documents=11)
    assert len(documents(run)) == run.results["documents"] == 11


def test_a_finished_run_is_not_done_again(tmp_path, beans):
    first = cleaned(tmp_path, sources=beans)
    written = document_shards(first.folder)[0].stat().st_mtime_ns
    again = cleaned(tmp_path, sources=beans)
    assert again.finished
    assert document_shards(again.folder)[0].stat().st_mtime_ns == written


def test_settings_that_came_later_and_ask_for_nothing_are_not_written_so_that_runs_of_before_stay(tmp_path, beans):
    def written(**settings):
        return build(CleanConfig, {"output": tmp_path / "out", "sources": beans, **settings}).model_dump(mode="json")

    assert not {"filters", "near_duplicates"} & written().keys()
    asked = {"filters": {"preset": "strict"}, "near_duplicates": {"threshold": 0.9}}
    assert asked.keys() <= written(**asked).keys()
    assert build(CleanConfig, written(**asked)) == build(
        CleanConfig, {"output": tmp_path / "out", "sources": beans, **asked}
    )


def test_changed_text_is_another_run(tmp_path, beans):
    cleaned(tmp_path, sources=beans)
    Path(beans).write_text("Other beans.")
    with pytest.raises(UserError, match="another output"):
        cleaned(tmp_path, sources=beans)


def test_a_run_killed_on_the_way_gives_the_same_when_started_again(tmp_path):
    sources, out = many_documents(tmp_path, 9_000), tmp_path / "out"
    settings = {"output": str(out), "sources": sources, "shard_characters": 100_000, "processes": 2}
    code = f"""
import mamebert.stages.clean
from mamebert.stages.clean import CleanConfig, clean
mamebert.stages.clean.START_SECONDS = 0.0
if __name__ == "__main__":
    clean(CleanConfig.model_validate({settings!r}))
"""
    (tmp_path / "go.py").write_text(code)
    process = subprocess.Popen([sys.executable, tmp_path / "go.py"], start_new_session=True, stderr=subprocess.DEVNULL)
    deadline = monotonic() + 60
    while not list(out.with_name("out.partial").glob("documents/00003.parquet")) and monotonic() < deadline:
        sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    while _alive_in_group(process.pid) and monotonic() < deadline:
        sleep(0.05)
    assert not _alive_in_group(process.pid)  # no worker outlives its parent
    resumed = clean(build(CleanConfig, settings))
    whole = cleaned(tmp_path / "whole", sources=sources, shard_characters=100_000)
    pairs = list(zip(document_shards(resumed.folder), document_shards(whole.folder), strict=True))
    assert len(pairs) > 4
    assert all(one.read_bytes() == two.read_bytes() for one, two in pairs)


def _alive_in_group(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_nothing_to_clean_is_told(tmp_path):
    (tmp_path / "empty.txt").write_text("\n\n")
    (tmp_path / "short.txt").write_text("Bean.\n\n\u200b\n\nPea.\n\nBean.\n")
    with pytest.raises(UserError, match="no file or folder"):
        cleaned(tmp_path, sources=str(tmp_path / "none.txt"))
    with pytest.raises(UserError, match="hold no document"):
        cleaned(tmp_path / "a", sources=str(tmp_path / "empty.txt"))
    told = r"Of 4 documents none is left \(1 documents duplicate, 1 documents empty, 2 documents too short\)"
    with pytest.raises(UserError, match=told):
        cleaned(tmp_path / "b", sources=str(tmp_path / "short.txt"), cleaning={"min_characters_per_document": 50})


def test_a_disk_that_is_too_small_is_told_before_starting(tmp_path, beans, monkeypatch):
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(10, 10, 0))
    with pytest.raises(UserError, match="documents need about"):
        cleaned(tmp_path, sources=beans)


def test_wrong_settings_are_told(tmp_path, beans):
    with pytest.raises(UserError, match="Did you mean 'sources'"):
        cleaned(tmp_path, source=beans)
    with pytest.raises(UserError, match=r"no language code 'jp'.*'ja' say"):
        cleaned(tmp_path, sources=beans, language="jp")
    with pytest.raises(UserError, match=r"reader kind called 'livedor'. Did you mean 'livedoor'"):
        cleaned(tmp_path, sources={"kind": "livedor", "path": beans})
