import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

import mamebert
from mamebert.reports.page.page import make_page
from mamebert.reports.page.story import Story
from mamebert.reports.readings.paper_tables import SPLIT
from mamebert.reports.text.render import markdown_field, markdown_line, to_html, to_markdown
from mamebert.runs import Run

VOID = {"meta", "br", "hr", "img", "link", "input"}
LOADING = {"src", "srcset", "data", "poster", "background", "action", "xlink:href"}


class Reader(HTMLParser):
    """Checks that tags close, and keeps what a browser would load, tables and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.loads, self.tables, self.texts, self.anchors, self.ids, self.unnamed = (
            [],
            [],
            [],
            [],
            [],
            [],
            [],
        )
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.loads += [value for name, value in attributes if name in LOADING]
        self.loads += [given["href"]] if tag in ("link", "use", "image") and "href" in given else []
        self.loads += [tag] if tag in ("script", "iframe", "object", "embed", "img") else []
        self.anchors += [given["href"]] if tag == "a" else []
        self.ids += [given["id"]] if "id" in given else []
        if tag == "svg" and "aria-hidden" not in given and not given.get("aria-label"):
            self.unnamed.append(tag)
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append(0)
        if tag in ("td", "th"):
            self.tables[-1][-1] += int(given.get("colspan", 1))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] not in ("style", "title"):
            self.texts.append(text)


def page_of(folders, **more):
    return make_page(Story([Run.open(folder) for folder in folders]), **more)


@pytest.fixture
def html(runs):
    return to_html(
        page_of(runs.values(), command_line="mamebert run recipes/x.toml", recipe="[clean]\nsource = 'あ'\n")
    )


def test_the_page_loads_nothing_and_says_so_to_the_browser(html):
    assert Reader(html).loads == []
    assert not re.search(r"url\(|@import|https?://", html)
    assert "default-src 'none'" in html


def test_rows_are_as_wide_as_their_headers_and_links_lead_somewhere(html):
    page = Reader(html)
    assert len(page.tables) >= 12
    assert all(len(set(rows)) == 1 for rows in page.tables)
    assert page.anchors
    assert {anchor.removeprefix("#") for anchor in page.anchors} <= set(page.ids)
    assert len(page.ids) == len(set(page.ids))


def test_tables_have_captions_and_charts_have_words(html):
    assert html.count("<caption>") == html.count("<table>")
    assert Reader(html).unnamed == []
    assert "H256-L4-W goes from 0.7860 to 0.8260" in html


def test_japanese_stays_text_and_is_marked_as_japanese(html):
    text = "".join(Reader(html).texts)
    assert all(word in text for word in ("豆を[MASK]のは楽しい。", "煮る", "停留所", "##屋"))
    assert '<h4 lang="ja">豆を[MASK]のは楽しい。</h4>' in html


def test_text_from_a_corpus_cannot_become_markup(html, runs):
    assert "&lt;b&gt;山&lt;/b&gt; &amp; 川の話。" in html
    hostile = page_of(runs.values(), title="<script>alert(1)</script>", command_line="</code><script>")
    assert "<script" not in to_html(hostile)


def test_no_name_of_the_code_stands_where_a_reader_wants_a_word(html):
    sources = (file.read_text(encoding="utf-8") for file in Path(mamebert.__file__).parent.rglob("*.py"))
    classes = {name for source in sources for name in re.findall(r"^class ([A-Z][a-z]+[A-Z]\w+)", source, re.M)}
    assert "TaskState" in classes
    words = set(re.findall(r"\w+", " ".join(Reader(html).texts)))
    assert not words & classes
    assert "Learnt" in words


def test_both_themes_and_print_are_there(html):
    assert all(rule in html for rule in ("prefers-color-scheme: dark", "@media print", "width=device-width"))


def test_the_paper_stands_beside_a_livedoor_run(runs):
    text = to_markdown(page_of(runs.values()))
    assert "| dokujo-tsushin | 80 | 81 | 650 | 87 | 87 | 697 |" in text
    assert "LICENSE.txt" in text
    assert "| H1024-L4 | paper, Table 2 | 18h05m | 17h38m | 27m (2.5 %) |" in text
    assert "| 3 | **0.8110 ± 0.0090** | **0.8260 ± 0.0080** | 0.6922 | **0.7148** | 0.6765 | 0.6816 |" in text
    assert "mean of word2vec vectors + linear SVM † | 0.7610" in text


def test_the_paper_is_left_out_for_another_task(runs, tmp_path, make):
    other = make["write_run"](tmp_path / "other", **make["finetuning"](labels=[f"package-{i}" for i in range(9)]))
    text = to_markdown(page_of([runs["N"], runs["W"], other]))
    assert "paper, Table" not in text
    assert "paper's" not in text.lower()
    assert "| package-0 | 80 | 81 | 650 |" in text
    assert not any(name in text for name in SPLIT)


def test_models_kept_inside_an_epoch_stand_between_the_paper_s_rows(runs, tmp_path, make):
    run = make["finetuning"]()
    run["results"]["models"][0]["epoch"] = 0.5
    text = to_markdown(page_of([runs["N"], runs["W"], make["write_run"](tmp_path / "other", **run)]))
    assert re.search(r"^\| 0\.5 \| 0\.7710 ± 0\.0090 \| – \| – \|", text, re.MULTILINE)


@pytest.mark.parametrize(
    "command", ["clean", "select", "vocab", "tokenize", "vectors", "contrast", "pretrain", "finetune", "compress"]
)
@pytest.mark.parametrize(
    "results",
    [{}, {"models": [{}], "baselines": [{"name": "x"}], "epochs": [{}], "fill_mask": [{"text": "a"}], "split": {}}],
)
def test_a_run_that_wrote_down_little_still_makes_a_page(tmp_path, make, command, results):
    folder = make["write_run"](tmp_path / "run", command, results)
    page = page_of([folder])
    Reader(to_html(page))
    assert str(folder) in to_markdown(page)


def test_a_record_without_machine_or_metrics_still_makes_a_page(runs):
    for name in ("N", "W"):
        (runs[name] / "metrics.jsonl").unlink()
        path = runs[name] / "run.json"
        path.write_text(
            path.read_text(encoding="utf-8").replace('"machine"', '"x"').replace('"versions"', '"y"'), encoding="utf-8"
        )
    text = to_markdown(page_of(runs.values()))
    assert "Loss curves" not in text
    assert "Time per epoch" in text


def test_markdown_shows_text_as_it_is():
    assert markdown_field("a|b *c* `d`\nheld_out _x_") == r"a\|b \*c\* \`d\` held_out \_x\_"
    assert markdown_line("## 見出し") == r"\## 見出し"
    assert markdown_line("1. 一つ") == r"1\. 一つ"
    assert markdown_line("67.0 % of the rows") == "67.0 % of the rows"


def test_a_recipe_is_shown_as_typed_even_with_fences_and_empty_lines(runs):
    recipe = "a = 1\n\n\n\n```\nb = '|'"
    assert f"````\n{recipe}\n````" in to_markdown(page_of([runs["clean"]], recipe=recipe))


def test_the_page_tells_what_the_settings_left_open(tmp_path, make):
    told = make["finetuning"]()
    for model in told["results"]["models"]:
        model["decided"] = {"training.peak_lr": 1e-3 if model["name"] == "N" else 3e-5, "batch_rows": 16}
    markdown = to_markdown(page_of([make["write_run"](tmp_path / "task", **told)]))
    assert "left open" in markdown
    (both,) = [line for line in markdown.splitlines() if line.startswith("| batch_rows | 16 |")]
    assert both.endswith("| all |")
    rates = [line for line in markdown.splitlines() if line.startswith("| training.peak_lr |")]
    assert [line.split("|")[2].strip() for line in rates[:2]] == ["0.001", "3e-05"]
