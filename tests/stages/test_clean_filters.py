import json
import os
from itertools import islice

import pytest

from mamebert.config import build
from mamebert.corpus.documents import document_shards, read_shard
from mamebert.corpus.dropped import Dropped
from mamebert.corpus.filters.filtering import Filtering
from mamebert.corpus.filters.settings import Filters
from mamebert.corpus.readers import Reader
from mamebert.errors import UserError
from mamebert.reports.page.sections.corpus import tell
from mamebert.reports.page.story import Story
from mamebert.stages.clean import CleanConfig, clean

MENU = "Home and news and weather and sport"
NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")


def cleaned(tmp_path, **settings):
    return clean(build(CleanConfig, {"output": tmp_path / "out", "processes": 1, **settings}))


def documents(run):
    return [document for shard in document_shards(run.folder) for document in read_shard(shard)]


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """Pages, each with a menu; every third has a tag in it, every fifth is no text."""
    path = tmp_path_factory.mktemp("noisy") / "pages.jsonl"
    with path.open("w") as file:
        for n in range(900):
            name = " ".join(NUMBERS[int(digit)] for digit in str(n))
            seen = " ".join(f"{each.title()} of {name} men saw the boat and the nets." for each in NUMBERS[:6])
            text = f"{MENU}\nThe boat called {name} came in with the tide. {seen}"
            text += "\n<br> Click here!" if n % 3 == 0 else ""
            file.write(json.dumps({"text": text if n % 5 else f"{MENU}\n{n} {n} {n}"}) + "\n")
    return str(path)


def test_what_is_dropped_is_counted_with_examples(tmp_path, noisy):
    run = cleaned(tmp_path, sources=noisy, filters={"preset": "basic", "max_documents_per_line": 3}, max_documents=600)
    dropped, examples = run.results["dropped"], run.results["dropped_examples"]
    assert dropped["lines_boilerplate"] > 600
    assert set(examples["lines_boilerplate"]) == {MENU}
    assert dropped["sentences_by_markup"] > 200
    assert examples["sentences_by_markup"] == ["<br> Click here!"]
    assert dropped["documents_emptied"] > 100  # digits alone, their menu gone
    assert 0 < len(examples["sentences_by_digits"]) <= 5
    assert sum(MENU in document for document in documents(run)) == 3
    assert run.results["rules"]["sentences.max_digits"] == 0.4
    assert run.results["rules"]["max_documents_per_line"] == 3


def test_counts_and_text_do_not_depend_on_the_number_of_processes(tmp_path, noisy, monkeypatch):
    monkeypatch.setattr("mamebert.corpus.batches.BATCH_CHARACTERS", 40_000)
    monkeypatch.setattr("mamebert.stages.clean.START_SECONDS", 0.0)
    filters = {
        "preset": "web",
        "sentences": {"min_language_confidence": 0},
        "documents": {"language": "any", "max_repeated_ngrams": 1},
    }
    one, two = (
        cleaned(tmp_path / str(n), sources=noisy, filters=filters, processes=n, shard_characters=100_000)
        for n in (1, 2)
    )
    assert one.id == two.id
    for key in ("dropped", "dropped_examples", "samples"):
        assert one.results[key] == two.results[key]
    for first, second in zip(document_shards(one.folder), document_shards(two.folder), strict=True):
        assert first.read_bytes() == second.read_bytes()


def test_copies_that_differ_in_what_is_dropped_are_duplicates(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("The boat came in. <br>12\n\nThe boat came in.\n\nThe boat came in.\n<br>13\n")
    run = cleaned(tmp_path, sources=str(path), filters={"preset": "basic"})
    assert documents(run) == [["The boat came in."]]
    assert run.results["dropped"]["documents_duplicate"] == 2


def test_a_language_that_cannot_be_told_is_refused_before_work(tmp_path, noisy):
    with pytest.raises(UserError, match="no language of py3langid called 'qqq'"):
        cleaned(tmp_path, sources=noisy, language="qqq", filters={"preset": "strict"})


def test_where_nothing_is_left_the_reasons_are_told(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("12 34\n")
    with pytest.raises(UserError, match=r"none is left \(1 documents emptied, 1 sentences by digits\)"):
        cleaned(tmp_path, sources=str(path), filters={"preset": "basic"})


def test_the_page_shows_examples(tmp_path, noisy):
    run = cleaned(tmp_path, sources=noisy, filters={"preset": "basic"}, max_documents=20)
    section = tell(Story([run]))[0]
    assert "<br> Click here!" in str(section)
    assert "max_digits" not in str(section)


@pytest.mark.realdata
@pytest.mark.parametrize(("name", "basic", "strict"), [("health_covid", 0.99, 0.98), ("noisy_qed", 0.99, 0.98)])
def test_presets_keep_irish_and_drop_noise(name, basic, strict):
    data = os.environ.get("MAMEBERT_DATA")
    if not data:
        pytest.skip("MAMEBERT_DATA is not set")
    source = build(Reader, {"kind": "files", "path": f"{data}/raw-irish/ga_{name}.txt.xz"})
    lines = (line for row in source.rows() for line in row["text"].split("\n"))
    sentences = [line.strip() for line in islice(lines, 0, None, 20) if line.strip()]
    kept = []
    for preset in ("basic", "strict"):
        rules = build(Filters, {"preset": preset}).resolved("ga")
        kept.append(Filtering(rules, "ga").kept([sentences], Dropped())[0])
    assert set(kept[1]) < set(kept[0]) < set(sentences)
    good = name == "health_covid"
    for some, bound in zip(kept, (basic, strict), strict=True):
        assert (len(some) / len(sentences) >= bound) == good
