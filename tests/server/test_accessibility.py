"""The page as axe-core sees it, where MAMEBERT_AXE names its axe.min.js (`npm pack axe-core`): nothing serious."""

import json
import os
from pathlib import Path

import pytest
from tests.server.browser import CHROMIUM, browser

AXE = os.environ.get("MAMEBERT_AXE", "")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine"),
    pytest.mark.skipif(not AXE, reason="MAMEBERT_AXE names no axe.min.js"),
    pytest.mark.slow,
]
VIEWS = "[...document.querySelectorAll('#views button')].map(e => e.textContent)"
FOUND = """axe.run(document, {resultTypes: ['violations']}).then(told => told.violations
    .map(each => [each.id, each.impact, each.nodes.map(node => node.target.join(' '))]))"""


@pytest.fixture(scope="module")
def page(everything, tmp_path_factory):
    with browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1100, 360])
def test_axe_finds_nothing_serious_in_any_view_with_its_answer(page, everything, scheme, width):
    page.open(everything.url, width=width, scheme=scheme)
    page.run(Path(AXE).read_text("utf-8"))
    page.run("document.body.append(new Image())")  # it does find what is wrong
    assert ["image-alt", "critical", ["img"]] in page.run(FOUND)
    page.run("document.body.lastElementChild.remove()")
    found = []
    for model in everything.ask("/v1/models").json["data"]:
        page.choose(model["id"])
        for view in page.run(VIEWS):
            page.choose(model["id"], view)
            page.ask()
            found += [(model["id"], view, *each) for each in page.run(FOUND)]
    print(json.dumps(found, indent=1))
    assert [each for each in found if each[3] in ("serious", "critical")] == []
