import re
from itertools import count

import pytest

from mamebert.reports.page.comparison import arenas
from mamebert.reports.page.page import make_page
from mamebert.reports.page.story import Story
from mamebert.reports.text.render import to_html, to_markdown
from mamebert.runs import Run


@pytest.fixture
def story(tmp_path, make):
    """Return a maker of stories from compressions: (chain, settings of the invented record)."""

    numbers = count()

    def build(*made, finetuned=None):
        folders = [
            make["write_run"](tmp_path / f"run-{next(numbers)}", **make["compression"](chain, **more))
            for chain, more in made
        ]
        if finetuned:
            folders.append(make["write_run"](tmp_path / "bean", **finetuned))
        return Story([Run.open(folder) for folder in folders])

    return build


def markdown(story):
    return to_markdown(make_page(story))


def row(text, start):
    return next(line for line in text.splitlines() if line.startswith(f"| {start} |"))


def test_a_row_has_quality_size_speed_and_memory(story, make):
    text = markdown(story((["distil"], {"scores": (0.80, 0.82, 0.84)})))
    assert "## Smaller models" in text
    told = (
        "Model | Accuracy | Teacher kept | Parameters | FLOPs | On disk | p50 | p95 | Texts/s | Peak memory | Its own"
    )
    assert f"| {told} |" in text
    assert row(text, "2 distil") == (
        "| 2 distil | 0.820 ± 0.020 | 97.6 % | 1.45 M | 55 M | **5.8 MB** | **4 ms** | **6.8 ms** | **350** | 417 MB | "
        "**17.4 MB** |"
    )
    assert row(text, "1 bean").startswith("| 1 bean | 0.840 |  | 5.81 M | 210 M | 23.2 MB | 8 ms |")


def test_other_forms_have_rows_with_their_own_scores(story, make):
    forms = [make["form"](score=0.80), make["form"]("onnx_int8", "model.onnx", 1_600_000, 2.0, 0.79)]
    text = markdown(story((["distil"], {"forms": forms})))
    assert row(text, "2 distil, onnx_int8").startswith(
        "| 2 distil, onnx_int8 | 0.790 |  |  |  | **1.6 MB** | **2 ms** |"
    )


def test_a_difference_that_may_be_chance_is_marked(story):
    assert "| ≈ 0.820" in row(markdown(story((["distil"], {"p": 0.2}))), "2 distil")
    assert "≈" not in markdown(story((["distil"], {"p": 0.01})))


def test_what_papers_report_stands_beside_what_was_done_here(story, make):
    text = markdown(story((["distil"], {}), (["distil", "q8bert"], {})))
    found = [line for line in text.splitlines() if line.startswith(("| distil |", "| q8bert |"))]
    assert found == [
        "| distil | Sanh et al., 2019 | 40 % smaller, 60 % faster, 97 % of GLUE kept | 2 distil | "
        "97.6 % of the accuracy, 4× smaller, 2× faster |",
        "| q8bert | Zafrir et al., 2019 | 4x smaller at 99 % of accuracy | 3 distil + q8bert | "
        "97.6 % of the accuracy, 4× smaller, 2× faster |",
    ]


def test_the_verdict_names_the_smallest_and_the_fastest_that_are_good_enough(story, make):
    page = make_page(
        story(
            (["distil"], {"scores": (0.83, 0.83), "forms": [make["form"](size=11_600_000, p50=2.0)]}),
            (["q8bert"], {"scores": (0.82, 0.82), "forms": [make["form"](size=5_800_000, p50=9.0)]}),
            (["drop_layers"], {"scores": (0.60, 0.60), "forms": [make["form"](size=1_000_000, p50=1.0)]}),
        )
    )
    assert page.title == "Smaller models of bean"
    assert [sentence.replace("\u00a0", " ") for sentence in page.verdict] == [
        "bean: 2 classes: the teacher bean (accuracy 0.840, 23.2 MB) was made smaller in 3 ways. 2 of 3 keep 97 % of "
        "it; of these, q8bert is the smallest (4× smaller) and distil is the fastest (4× faster)."
    ]
    assert [fact.value.replace("\u00a0", " ") for fact in page.facts] == ["4× smaller", "4× faster"]


def test_running_text_and_table_have_the_same_times(story, make):
    """Two runs had measured one teacher, at 8 and at 16 ms; the table shows the first."""
    slow = make["compression"](["q8bert"])
    for form in slow["results"]["teacher"]["forms"]:
        form["latency_ms"] = {"p50": 16.0, "p95": 20.0}
    both = story((["distil"], {}))
    folder = make["write_run"](both.runs[0].final.parent / "slow", **slow)
    text = markdown(Story([*both.runs, Run.open(folder)]))
    assert row(text, "1 bean").startswith("| 1 bean | 0.840 |  | 5.81 M | 210 M | 23.2 MB | 8 ms |")
    assert "2× faster" in text
    assert "4× faster" not in text


def test_one_model_alone_is_told_in_full(story):
    told = make_page(story((["distil"], {}))).verdict[0].replace("\u00a0", " ")
    assert told.endswith("made smaller in one way. distil: 97.6 % of the accuracy, 4× smaller, 2× faster.")


def test_that_none_is_good_enough_is_said(story):
    page = make_page(story((["drop_layers"], {"scores": (0.60, 0.60)}), (["q8bert"], {"scores": (0.5, 0.5)})))
    told = page.verdict[0].replace("\u00a0", " ")
    assert told.endswith("None keeps 97 % of it: most, 71.4 %, is kept by drop_layers.")


def test_runs_of_one_data_set_share_a_table_and_others_have_their_own(story):
    told = story((["distil"], {}), (["q8bert"], {}), (["distil"], {"test": 2000, "teacher": "mame"}))
    told.runs[0].results["rows"]["train"] = 5  # learnt from less, judged by the same
    assert [len(arena.compressions) for arena in arenas(told)] == [2, 1]
    text = markdown(told)
    assert "**bean: 2 classes, 400 test rows**" in text
    assert "**mame: 2 classes, 2,000 test rows**" in text


def test_the_fine_tuning_gives_the_teacher_its_spread_and_its_neighbours(story, make, tmp_path):
    fine = make["finetuning"](["bad", "good"], (0.83, 0.84, 0.85), (0.79, 0.80, 0.81), 0)
    fine["results"]["rows"] = {"train": 600, "valid": 400, "test": 400}
    for model, name in zip(fine["results"]["models"], ("bean", "pea"), strict=True):
        model |= {"name": name, "parameters": {"total": 5_000_000}}
    told = story((["distil"], {}), finetuned=fine)
    told.runs[0].results["teacher"]["path"] = str(tmp_path / "bean" / "models" / "bean")
    text = markdown(told)
    assert row(text, "1 bean").startswith("| 1 bean | 0.840 ± 0.010 |")
    assert row(text, "pea").startswith("| pea | 0.800 ± 0.010 |  | 5 M | – |")
    assert not re.search(r"^\| bean \| 0\.840 ± 0\.010", text, re.MULTILINE)


def test_a_loss_is_better_lower_and_told_as_a_difference(story):
    told = story((["distil"], {}), (["drop_layers"], {}))
    for run, loss in zip(told.runs, (3.1, 3.4), strict=True):
        results = run.results
        results |= {"task": "masked_lm", "measure": "heldout_mlm_loss", "rows": {}, "labels": [], "comparisons": []}
        results["teacher"]["scores"] = {"heldout_mlm_loss": 2.9}
        results["models"][0] |= {"scores": {"heldout_mlm_loss": {"mean": loss, "spread": 0.0}}, "kept": None}
        results["models"][0]["seeds"] = [{"seed": 1}]
    page = make_page(told)
    text = to_markdown(page)
    assert row(text, "2 distil").startswith("| 2 distil | **3.100** | +0.200 |")
    assert page.verdict[0].endswith("The lowest loss is that of distil (+0.200).")


def test_the_drawings_are_named_and_have_a_text_for_each_point(story):
    html = to_html(make_page(story((["distil"], {}), (["drop_layers"], {"scores": (0.7, 0.7)}))))
    assert html.count('<svg class="plot"') == 2
    assert "Nothing here is both cheaper and better than" in html
    assert html.count("<title>2 distil") == 2


@pytest.mark.parametrize(
    "lost",
    [
        {"teacher": {}},
        {"teacher": {"name": "x", "forms": [{}]}, "chain": []},
        {"chain": [{}], "rows": {}, "comparisons": [{}]},
        {"labels": None, "verified": None},
    ],
)
def test_what_was_not_measured_is_left_open(story, lost):
    told = story((["distil"], {"forms": [{"name": "plain"}]}))
    told.runs[0].results |= lost
    text = markdown(told)
    assert "None" not in text
    assert "0.820" in text
    assert "–" in text


def test_why_a_form_was_not_measured_is_told(story, make):
    forms = [make["form"](), {"name": "onnx", "place": "model.onnx", "not_measured": "OSError: no room"}]
    assert "2 distil, onnx is not measured: OSError: no room" in markdown(story((["distil"], {"forms": forms})))
