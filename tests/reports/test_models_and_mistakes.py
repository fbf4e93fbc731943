import json

from mamebert.reports.page import make_page
from mamebert.reports.render import to_html, to_markdown
from mamebert.reports.story import Story
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
    assert "Wrong answers" not in told


def test_the_page_shows_what_is_taken_for_what_and_the_surest_mistakes(make, tmp_path):
    labels = make["finetuning"]()["results"]["labels"][:2]
    right = [{"row": n, "label": labels[0], "gold": labels[0], "probability": 0.9} for n in range(7)]
    wrong = [
        {"row": 70 + n, "label": labels[1], "gold": labels[0], "probability": p} for n, p in enumerate((0.6, 0.97))
    ]
    _, page = page_of(make, tmp_path, [*right, *wrong])
    told = to_markdown(page)
    assert f"| {labels[0]} | 7 | 2 |" in told
    assert "2 of 9 rows are answered wrongly" in told
    assert told.index("| 71 | 0.970 |") < told.index("| 70 | 0.600 |")
    assert "Wrong answers" in to_html(page)
