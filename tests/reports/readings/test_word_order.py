"""What an encoder is told of word order, on the page and in its card."""

import pytest

from mamebert.reports.card.model_card import model_card
from mamebert.reports.readings.word_order import bags_of_words_told
from mamebert.results.pretrain import PretrainResults
from mamebert.runs import Run
from mamebert.stages.report import ReportConfig, report

BAG = "H8-L1-N (0.012) hardly knows the order of words: shuffling them costs less than 0.3 nats a masked word"


@pytest.fixture
def page(make, tmp_path):
    """Return a function giving the page of one encoder, and its card."""

    def made(gain):
        run = make["pretraining"]("H8-L1-N")
        if gain is not None:
            run["results"]["order_gain"] = run["results"]["epochs"][-1]["order_gain"] = gain
            for line in run["metrics"]:
                if "heldout_mlm_loss" in line:
                    line["order_gain"] = gain * line["step"] / 600
        folder = make["write_run"](tmp_path / "N", **run)
        told = report(ReportConfig(output=tmp_path / "page", runs=[folder])).folder / "report.md"
        card = model_card(Run.open(folder), folder / "model", "pretrain")
        return told.read_text(encoding="utf-8").replace("\u00a0", " "), card.replace("\u00a0", " ")

    return made


def test_a_bag_of_words_is_told_so_on_the_page_and_in_its_card(page):
    for text in page(0.012):
        assert BAG in text
        assert "| Order gain |" in text


def test_an_encoder_that_knows_order_is_told_no_such_thing(page):
    for text in page(0.51):
        assert "hardly knows" not in text
        assert "0.510" in text


def test_runs_without_the_figure_are_told_without_it(page):
    for text in page(None):
        assert "rder gain" not in text.replace("Order gain, of which", "")


def test_several_are_told_in_one_sentence():
    gains = {"N": PretrainResults(order_gain=0.01), "W": PretrainResults(order_gain=0.2), "X": PretrainResults()}
    told = bags_of_words_told({**gains, "Y": PretrainResults(order_gain=0.3)})
    assert told.startswith("N (0.010) and W (0.200) hardly know the order of words")
    assert bags_of_words_told({"X": PretrainResults()}) == ""
