import pytest

from mamebert.reports.page.page import make_page
from mamebert.reports.page.story import Story
from mamebert.reports.text.names import in_a_sentence, measure_name, task_name, value_of
from mamebert.reports.text.render import to_markdown
from mamebert.runs import Run

SETS = {
    "news": ("classification", "accuracy", 0.80, 0.60, 0.75),
    "names": ("tagging", "entity_f1", 0.50, 0.30, 0.58),
    "answers": ("span_qa", "f1", 0.40, 0.39, 0.10),
    "trees": ("dependency_parsing", "las", 0.70, 0.40, 0.20),
}


def scores(measure, value, spread=0.01):
    return {measure: {"mean": value, "spread": spread}, "second_best": {"mean": value / 2, "spread": spread}}


def compared(a, b, difference, p):
    return {"a": a, "b": b, "difference": difference, "interval": [0.0, 0.2], "p": p}


def one_set(kind, measure, pretrained, random, peer, name="bean"):
    chance = 0.3 if kind == "classification" else 0.01
    model = {"path": f"runs/{name}", "epoch": None, "seeds": [{"seed": i} for i in (1, 2, 3)], "truncated_share": 0.25}
    other_rows = {"in Irish": scores(measure, pretrained / 2)}
    results = {
        "task": kind,
        "measure": measure,
        "columns": ["text"],
        "rows": {"train": 90, "valid": 10, "test": 50, "in Irish": 7},
        "split": {part: {"rows": size} for part, size in (("train", 90), ("valid", 10), ("test", 50))},
        "models": [
            {**model, "name": name, "scores": scores(measure, pretrained), "tests": other_rows},
            {**model, "name": f"{name}-random", "random_weights": True, "scores": scores(measure, random)},
        ],
        "baselines": [{"name": "most frequent", "scores": {measure: peer}, "seconds": 0.1}],
        "comparisons": [
            compared(name, f"{name}-random", pretrained - random, 0.0001),
            compared(name, "most frequent", pretrained - peer, chance),
        ],
        "unusable_rows": {"train": {"no text": 3}},
    }
    return {"command": "finetune", "results": results}


@pytest.fixture
def story(tmp_path, make):
    return lambda **names: Story(
        [
            Run.open(make["write_run"](tmp_path / name, **one_set(*about, **({"name": names[name]} if names else {}))))
            for name, about in SETS.items()
        ]
    )


def markdown(story):
    return to_markdown(make_page(story))


def test_one_table_has_all_sets_winners_first_and_what_cannot_be_told_is_marked(story):
    lines = markdown(story()).splitlines()
    start = lines.index("**All sets**")
    assert lines[start + 2 : start + 8] == [
        "| Data set | Task | Measure | Best simple baseline | Pretrained | That baseline | Random weights | "
        "Test rows |",
        "| :--- | :--- | :--- | :--- | ---: | ---: | ---: | ---: |",
        "| news | Classification | Accuracy | most frequent | **0.800 ± 0.010** | ≈ 0.750 | 0.600 ± 0.010 | 50 |",
        "| names | Tagging | Entity F1 | most frequent | 0.500 ± 0.010 | **0.580** | 0.300 ± 0.010 | 50 |",
        "| answers | Span QA | F1 | most frequent | **0.400 ± 0.010** | 0.100 | ≈ 0.390 ± 0.010 | 50 |",
        "| trees | Dependency parsing | LAS | most frequent | **0.700 ± 0.010** | 0.200 | 0.400 ± 0.010 | 50 |",
    ]


def test_encoders_of_other_names_are_named_in_the_row(story):
    text = markdown(story(news="ja", names="en", answers="ja", trees="ja"))
    assert "| Measure | Best simple baseline | Encoder | Pretrained | That baseline | Random weights |" in text
    assert "| names | Tagging | Entity F1 | most frequent | en | 0.500 ± 0.010 |" in text


def test_several_encoders_have_columns_of_their_own(tmp_path, make):
    folders = []
    for name, about in SETS.items():
        run = one_set(*about)
        if name != "news":
            run["results"]["models"].insert(0, {**run["results"]["models"][0], "name": "pea"})
        folders.append(make["write_run"](tmp_path / name, **run))
    text = markdown(Story([Run.open(folder) for folder in folders]))
    assert "| bean | pea | That baseline | bean, random weights | Test rows |" in text
    assert (
        "| news | Classification | Accuracy | most frequent | **0.800 ± 0.010** | – | ≈ 0.750 | 0.600 ± 0.010 | 50 |"
        in text
    )


def test_the_verdict_counts_the_sets_that_are_won(story):
    page = make_page(story())
    assert page.verdict == [
        "4 sets of labelled rows, 4 kinds of task.",
        "Against the same shape from random weights, the pretrained encoder is ahead on 3 of 4 sets, and cannot be "
        "told from it on 1.",
        "Against the best simple baseline, the pretrained encoder is ahead on 2 of 4 sets, behind on 1 (names), and "
        "cannot be told from it on 1.",
    ]
    assert [fact.value for fact in page.facts] == ["3 of 4 sets", "2 of 4 sets"]


def test_each_set_has_its_measures_other_tests_differences_and_rows(story):
    text = markdown(story())
    assert "**names: Tagging from text, 50 test rows**" in text
    assert "| Model | Entity F1 | Second best | Seeds |" in text
    assert "| bean, random weights | 0.3000 ± 0.0100 | 0.1500 | 3 |" in text
    assert "**names: Tagging from text: entity F1 on other test rows**" in text
    assert "| in Irish | 7 | **0.2500 ± 0.0100** | – |" in text
    assert "| bean − most frequent | -0.0800 | +0.0000 to +0.2000 | 0.010 |" in text
    assert "Left out of train: 3 with no text." in text
    assert "25.0 % of the rows are longer" in text


def test_an_evaluation_is_told_by_its_p_value(tmp_path, make):
    models = [
        {"name": name, "scores": {"spearman": value}, "tests": {}} for name, value in (("new", 0.7), ("old", 0.6))
    ]
    pair = {"a": "new", "b": "old", "difference": 0.1, "interval": [-0.1, 0.3], "p": 0.4}
    results = {
        "task": "regression",
        "measure": "spearman",
        "columns": ["a", "b"],
        "rows": {"test": 9},
        "models": models,
    }
    folder = make["write_run"](tmp_path / "sts", "evaluate", {**results, "comparisons": [pair]})
    text = markdown(Story([Run.open(folder)]))
    assert "Regression from a + b: spearman new 0.700 and old 0.600." in text
    assert "| new − old | +0.1000 | -0.1000 to +0.3000 | 0.400 |" in text
    assert "## Spearman" in text


def test_names_are_those_of_papers():
    told = [measure_name(n) for n in ("accuracy", "entity_f1", "las", "exact_match", "rouge_l", "rouge_2", "recall@5")]
    assert told == ["Accuracy", "Entity F1", "LAS", "Exact match", "ROUGE-L", "ROUGE-2", "Recall@5"]
    assert [in_a_sentence(n) for n in ("accuracy", "f1", "mcc", "macro_f1")] == ["accuracy", "F1", "MCC", "macro F1"]
    assert task_name("span_qa") == "Span QA"
    assert value_of("mean_km", 123.4, 5.0).replace("\u00a0", " ") == "123 ± 5 km"
