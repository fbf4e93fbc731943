"""The page in a real browser: click, type, read what is drawn."""

import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from tests.server.browser import CHROMIUM, browser

from mamebert.serving.load import load

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")
TEXT = "The old boat meets the rope."
JAPANESE, HEBREW = "雨の日に、古い本屋で一冊の詩集を見つけた。", "פגשתי את הסירה הישנה ליד המזח."


@pytest.fixture(scope="module")
def page(everything, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as found:
        found.open(everything.url)
        yield found


@pytest.fixture
def look(page, tmp_path):
    """Return a function that keeps a picture, where somebody wants to look at it."""
    folder = Path(os.environ.get("MAMEBERT_PICTURES", tmp_path))
    return lambda name: page.picture(folder / f"{name}.png")


def names(page):
    return page.run("[...document.querySelectorAll('#result .bars .name')].map(e => e.textContent)")


def numbers(page):
    return page.run("[...document.querySelectorAll('#result .bars .number')].map(e => e.textContent)")


def test_words_for_a_gap_are_bars(page, everything, toy_folders, look):
    page.choose("words", "Fill the gap")
    page.fill("text", "The old [MASK] meets the [MASK].")
    page.ask()
    masks = load(toy_folders["words"], "fill-mask")("The old [MASK] meets the [MASK].", top=8)[0]
    assert names(page) == [word for words in masks for word, _ in words]
    assert numbers(page) == [f"{100 * chance:.1f} %" for words in masks for _, chance in words]
    look("words")


def test_labels_are_bars(page, toy_folders, look):
    page.choose("long_documents")
    page.fill("text", TEXT)
    page.ask()
    (answer,) = load(toy_folders["long_documents"])(TEXT)
    assert names(page)[0] == answer["label"]
    assert numbers(page)[0] == f"{100 * answer['probability']:.1f} %"
    look("labels")


def test_what_is_marked_stands_in_the_text_whatever_its_letters(page, everything, look):
    page.choose("tagging")
    for text in (TEXT, JAPANESE, HEBREW, "\U0001f6f6 The boat \U0001f6f6 meets the rope."):
        page.fill("text", text)
        page.ask()
        marked = everything.ask("/models/tagging", {"inputs": text}).json
        shown = page.run("[...document.querySelectorAll('#result mark')].map(e => e.firstChild.textContent)")
        assert shown == [each["word"] for each in marked]
        assert shown or text != TEXT
        told = page.run("(() => { const p = document.querySelector('.marked').cloneNode(true);"
                        "p.querySelectorAll('small').forEach(e => e.remove()); return p.textContent; })()")  # fmt: skip
        assert told == text
        direction = page.run("getComputedStyle(document.querySelector('.marked')).direction")
        assert direction == ("rtl" if text == HEBREW else "ltr")
    page.fill("text", HEBREW)
    page.ask()
    look("hebrew")


def test_the_answer_is_marked_in_the_passage(page, toy_folders, look):
    page.choose("span_qa")
    page.fill("question", "What does the boat meet?")
    page.fill("context", TEXT)
    page.ask()
    (answer,) = load(toy_folders["span_qa"])([["What does the boat meet?", TEXT]])
    shown = page.run("[...document.querySelectorAll('#result mark')].map(e => e.textContent)")
    assert shown == ([answer["text"]] if answer["text"] else [])
    assert names(page)[0] == (answer["text"] or "(no answer)")
    look("answer")


def test_texts_are_compared_and_the_nearest_comes_first(page, look):
    page.choose("vectors", "Compare")
    page.fill("texts", f"{TEXT}\nA gull.\n{TEXT}")
    page.ask()
    cells = page.run("[...document.querySelectorAll('#result td')].slice(1).map(e => e.textContent)")
    assert len(cells) == 9
    assert cells[0] == cells[2] == cells[4] == cells[6] == "1.00"
    look("compare")
    page.choose("vectors", "Nearest")
    page.fill("query", TEXT)
    page.fill("texts", f"A gull.\n{TEXT}")
    page.ask()
    assert names(page) == [TEXT, "A gull."]
    assert numbers(page)[0] == "1.000"


def test_a_tree_has_an_arc_for_every_word(page, everything, look):
    page.choose("dependency_parsing")
    page.fill("text", TEXT)
    page.ask()
    (answer,) = everything.ask("/v1/parse", {"inputs": TEXT}).json["answers"]
    assert (
        page.run("[...document.querySelectorAll('svg text:not(.deprel)')].map(e => e.textContent)") == answer["words"]
    )
    assert page.run("document.querySelectorAll('svg path').length") == len(answer["heads"])
    look("tree")


def test_the_map_of_attention_follows_layer_and_head(page, everything, look):
    page.choose("words", "Attention")
    page.fill("text", TEXT)
    page.ask()
    page.wait("document.querySelector('.map') !== null")
    told = everything.ask("/v1/attention", {"text": TEXT}).json

    def shown():
        return page.run("[...document.querySelectorAll('.map tbody td span')].map(e => e.textContent)")

    def expected(layer, head):
        return [f"{100 * share:.1f} %" for row in told["attention"][layer][head] for share in row]

    def rounded(shares):
        return [float(each.removesuffix(" %")) for each in shares]

    assert rounded(shown()) == pytest.approx(rounded(expected(0, 0)), abs=0.11)
    page.run(
        "(() => { const s = document.getElementById('head'); s.value = '1'; s.dispatchEvent(new Event('change')); })()"
    )
    assert rounded(shown()) == pytest.approx(rounded(expected(0, 1)), abs=0.11)
    look("attention")


def test_choices_and_summaries_are_drawn(page):
    page.choose("multiple_choice")
    page.ask()
    assert names(page)[0] in ("the rope", "the bread", "the leaf")
    page.choose("extractive_summary")
    page.ask()
    assert page.run("document.querySelectorAll('#result mark').length") >= 1


def test_the_curl_line_asks_the_same(page, everything):
    page.choose("words", "Fill the gap")
    page.fill("text", 'It\'s an "old" [MASK] $HOME `id` \\ 船.')
    page.run("document.getElementById('curl').click()")
    page.wait("!document.getElementById('command').hidden")
    line = page.run("document.getElementById('command').textContent")
    assert line.startswith("curl ")
    said = subprocess.run(
        ["bash", "-c", line.replace("curl ", "curl -s ", 1)], capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout)["answers"][0]["text"] == 'It\'s an "old" [MASK] $HOME `id` \\ 船.'


def test_a_refusal_is_read_where_the_answer_would_be(page):
    page.choose("words", "Fill the gap")
    page.fill("text", "<img src=x onerror=alert(1)>")
    page.ask()
    told = page.run("document.querySelector('#result [role=alert]').textContent")
    assert "There is no [MASK] in '<img src=x onerror=alert(1)>'" in told
    assert page.run("document.querySelectorAll('#result img').length") == 0


def test_the_keyboard_alone_is_enough(page, everything):
    page.open(everything.url)
    page.run("document.getElementById('model').focus()")
    reached = []
    for _ in range(12):
        page.key("Tab")
        reached.append(page.run("document.activeElement.id || document.activeElement.textContent"))
        if reached[-1] == "go":
            break
    assert reached[-1] == "go", reached
    assert page.run("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.key("Enter", "\r")
    page.wait("document.querySelector('#result .bars') !== null")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_can_be_read_by_day_and_night(scheme, page, everything, look):
    page.open(everything.url, width=360, height=740, scheme=scheme)
    for model, view in (("words", "Fill the gap"), ("vectors", "Compare"), ("words", "Attention"), ("tagging", "Mark")):
        page.choose(model, view)
        page.ask()
        assert page.run("document.documentElement.scrollWidth") <= 360
        dim = page.run(CONTRAST)
        assert dim == []
        assert page.run(NAMELESS) == []
    look(f"phone-{scheme}")


# What is seen must stand out: WCAG 2.1's contrast of 4.5 between a text and what lies behind it.
CONTRAST = """(() => {
    const canvas = document.createElement('canvas').getContext('2d');
    const numbers = (colour) => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data];
    };
    const linear = (v) => (v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
    const light = (rgb) => {
        const [r, g, b] = rgb.map((v) => linear(v / 255));
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const behind = (e) => {
        for (; e; e = e.parentElement) {
            const c = numbers(getComputedStyle(e).backgroundColor);
            if (c[3] === 255) return c;
        }
        return [255, 255, 255, 255];
    };
    const isDim = (e) => {
        const both = [light(numbers(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
        return (both[0] + .05) / (both[1] + .05) < 4.5;
    };
    const hasText = (e) => e.offsetParent && [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    return [...document.querySelectorAll('body *')].filter(hasText).filter(isDim).map((e) => e.outerHTML.slice(0, 80));
})()"""
NAMELESS = """[...document.querySelectorAll('input, textarea, select, button')].filter((e) => e.offsetParent)
    .filter((e) => !(e.labels && e.labels.length) && !e.textContent.trim() && !e.getAttribute('aria-label'))
    .map((e) => e.outerHTML)"""


def test_nothing_comes_from_elsewhere(page, everything):
    page.open(everything.url)
    page.ask()
    asked = page.run("performance.getEntriesByType('resource').map(e => e.name)")
    assert all(each.startswith(everything.url) for each in asked)
    document = everything.ask("/")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", document.text)
    assert "default-src 'none'" in document.headers["content-security-policy"]
    assert "/* page.js */" not in document.text
