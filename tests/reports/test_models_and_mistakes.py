import json

from mamebert.reports.card.model_card import model_card
from mamebert.reports.page.page import make_page
from mamebert.reports.page.story import Story
from mamebert.reports.text.render import to_html, to_markdown
from mamebert.runs import Run


def page_of(make, tmp_path, answers):
    folder = make["write_run"](tmp_path / "task", **make["finetuning"]())
    (folder / "models" / "N").mkdir(parents=True)
    (folder / "models" / "N" / "config.json").write_text("{}")
    (folder / "answers").mkdir()
    for name in ("N", "W"):
        (folder / "answers" / f"{name}.jsonl").write_text("".join(json.dumps(each) + "\n" for each in answers))
    return folder, make_page(Story([Run.open(folder)]))


def test_the_page_says_where_models_are_and_how_to_call_them(make, tmp_path):
    folder, page = page_of(make, tmp_path, [])
    told = to_markdown(page)
    assert f"mamebert predict {folder / 'models' / 'N'} --file FILE" in told
    assert f'mamebert.load("{folder / "models" / "N"}")' in told
    assert not any(title in told for title in ("Right and wrong answers", "Calibration", "Lengths of rows"))


def test_of_several_models_the_best_pretrained_one_is_shown_in_use(make, tmp_path):
    run = make["finetuning"]()
    run["results"]["models"].append({**run["results"]["models"][-1], "name": "W-random", "random_weights": True})
    folder = make["write_run"](tmp_path / "task", **run)
    for name in ("N", "W", "W-random"):
        (folder / "models" / name).mkdir(parents=True)
        (folder / "models" / name / "config.json").write_text("{}")
    told = to_markdown(make_page(Story([Run.open(folder)])))
    assert f"mamebert predict {folder / 'models' / 'W'} --file FILE" in told


def test_page_and_card_tell_what_is_to_be_known_of_the_rows(make, tmp_path):
    run = make["finetuning"]()
    for model in run["results"]["models"]:
        model["unknown_rate"] = {"N": 0.021, "W": 0.002}[model["name"]]
    run["results"] |= {
        "rows": {"train": 800, "valid": 100, "test": 100},
        "unusable_rows": {"train": {"no label": 3}},
        "repeated_rows": {"test": {"rows": 20, "with_another_answer": 4}},
        "label_shift": {"test": {"label": "spam", "train": 0.5, "test": 0.1}},
        "unseen": {"test": {"a label that no training row has": 2}},
    }
    folder = make["write_run"](tmp_path / "task", **run)
    (folder / "models" / "N").mkdir(parents=True)
    page = to_markdown(make_page(Story([Run.open(folder)])))
    card = model_card(Run.open(folder), folder / "models" / "N", "finetune")
    for told in (page, card):
        assert "Left out of train: 3 with no label." in told
        assert "20 rows of test (20.0 %) are in the training part too, so its scores flatter the models" in told
        assert "spam is 10.0 % of test and 50.0 % of train." in told
        assert "Counted as wrong in test: 2 with a label that no training row has." in told
    assert "0.20 % of the pieces of the rows are unknown words, which are read as [UNK] by W." in unspaced(page)
    assert "2.1 % of the pieces of the rows are unknown words, which are read as [UNK]." in unspaced(card)
    assert "0.20 %" not in card


def unspaced(text):
    return text.replace("\\[", "[").replace("\\]", "]")


def test_the_page_shows_what_is_taken_for_what_and_the_surest_mistakes(make, tmp_path):
    labels = make["finetuning"]()["results"]["labels"][:2]
    right = [{"row": n, "label": labels[0], "gold": labels[0], "probability": 0.9} for n in range(7)]
    wrong = [
        {"row": 70 + n, "label": labels[1], "gold": labels[0], "probability": p} for n, p in enumerate((0.6, 0.97))
    ]
    _, page = page_of(make, tmp_path, [*right, *wrong])
    told = to_markdown(page)
    assert f"| {labels[0]} | **7 (78 %)** | 2 (22 %) | 9 |" in told
    assert f"| ✓ {labels[0]} | ✗ {labels[1]} | 71 | 0.970 |" in told
    assert "2 of 9 rows are answered wrongly" in told
    assert told.index("| 71 | 0.970 |") < told.index("| 70 | 0.600 |")
    assert "Right and wrong answers" in to_html(page)


def test_wrong_answers_come_with_their_texts_and_plain_row_numbers(make, tmp_path):
    labels = make["finetuning"]()["results"]["labels"][:2]
    asked = {"asked": "one <b>two</b>\n" + "three " * 40 + "\u202e"}
    wrong = [{"row": 12345, "label": labels[1], "gold": labels[0], "probability": 0.6, **asked}]
    _, page = page_of(make, tmp_path, wrong)
    assert "| 12345 | 0.600 |" in to_markdown(page)
    assert "one &lt;b&gt;two&lt;/b&gt; three" in to_html(page)
    assert " …</td>" in to_html(page)
    assert "\u202e" not in to_html(page)
    assert "<b>two" not in to_html(page)


def test_commands_within_a_sentence_are_code_and_show_no_backticks(make, tmp_path):
    _, page = page_of(make, tmp_path, [])
    assert "<code>mamebert evaluate</code>" in to_html(page)
    assert "`mamebert evaluate`" not in to_html(page)
    assert "with `mamebert evaluate`," in to_markdown(page)


def test_the_page_shows_calibration_of_all_models_and_draws_the_best(make, tmp_path):
    labels = make["finetuning"]()["results"]["labels"][:2]
    answers = [{"row": n, "label": labels[n % 4 == 0], "gold": labels[0], "probability": 0.75} for n in range(40)]
    _, page = page_of(make, tmp_path, [*answers, {"row": 41, "label": labels[0], "gold": labels[0]}])
    told = to_markdown(page)
    assert "| 0.73 to 0.80 | 40 | 0.750 | 0.750 | +0.000 |" in told
    assert told.count("| **0.000** | 0.750 | 0.750 | 40 |") == 2
    assert to_html(page).count("expected calibration error 0.000") == 1


def test_answers_with_odd_probabilities_and_lines_of_other_kinds_are_read_all_the_same(make, tmp_path):
    labels = make["finetuning"]()["results"]["labels"][:2]
    odd = [{"row": 1, "label": labels[1], "gold": labels[0], "probability": p} for p in ("x", None, 7, float("nan"))]
    _, page = page_of(make, tmp_path, [*odd, [1], {"label": ["a"], "gold": "a"}])
    told = to_markdown(page)
    assert "4 of 4 rows are answered wrongly" in told
    assert "Calibration" not in told


def test_labels_that_a_folder_from_elsewhere_spells_otherwise_are_no_mistakes(make, tmp_path):
    label = make["finetuning"]()["results"]["labels"][0]
    _, page = page_of(make, tmp_path, [{"row": 1, "label": f" {label}\u200b", "gold": label, "probability": 0.9}])
    assert "answered wrongly" not in to_markdown(page)


def test_lengths_of_rows_are_told_once_for_models_that_see_the_same(make, tmp_path):
    run = make["finetuning"]()
    parts = {"train": {"counts": [0, 3, 1], "median": 7.0, "longest": 15, "cut": 1}, "test": {"counts": [1, 1, 0]}}
    for model in run["results"]["models"]:
        model["lengths"] = {"max_length": 8, "edges": [0, 4, 8, 16], "parts": parts}
    told = to_markdown(make_page(Story([Run.open(make["write_run"](tmp_path / "task", **run))])))
    assert told.count("| 9 to 16 | 1 | 0 |") == 1
    assert "| Rows that are cut | 1 (25.0 %) | – |" in told
    assert "Of 1 of 4 rows (25.0 %) only the first 8 tokens are read." in told
    odd = {"edges": [4, 0], "parts": {"train": {"counts": [3]}}}
    run["results"]["models"] = [{**model, "lengths": odd} for model in run["results"]["models"]]
    told = to_markdown(make_page(Story([Run.open(make["write_run"](tmp_path / "odd", **run))])))
    assert "Lengths of rows" not in told
