import json
import shutil

import pytest

from mamebert.cli.telling import prospect
from mamebert.recipes import look_ahead, plan
from mamebert.runs import Run
from mamebert.runs.record import read_record
from mamebert.stages.evaluate import evaluate
from mamebert.stages.evaluate.settings import EvaluateConfig
from mamebert.stages.report import ReportConfig, report

RECIPE = """
output = "{output}"
[scores]
command = "evaluate"
models.N = "{tuned}/models/N"
test = "{rows}"
[report]
runs = ["{tuned}", "@scores"]
"""


@pytest.fixture
def recipe(classifiers, world, tmp_path):
    """A recipe whose stages are finished, behind a fine-tuning that has got more seeds since."""
    tuned = tmp_path / "tuned"
    shutil.copytree(classifiers, tuned)
    (tmp_path / "recipe.toml").write_text(
        RECIPE.format(output=tmp_path / "out", tuned=tuned, rows=world / "rows.jsonl")
    )
    evaluated, reported = (stage.config() for stage in plan([str(tmp_path / "recipe.toml")]))
    evaluate(evaluated)
    report(reported)
    record = read_record(tuned)
    (tuned / "run.json").write_text(json.dumps({**record, "id": "grown", "replaces": [record["id"]]}))
    return tmp_path / "recipe.toml"


def test_an_evaluation_and_a_report_follow_a_fine_tuning_with_more_seeds(recipe, tmp_path, capsys):
    prospects = list(look_ahead(plan([str(recipe)])))
    told = [prospect(each, 6) for each in prospects]
    out, tuned = tmp_path / "out", tmp_path / "tuned"
    assert told == [
        f"scores  will be done again: models.N is new ({tuned / 'models' / 'N'})",
        f"report  will be done again: runs.0 is new ({tuned}), runs.1 is new ({out / 'scores'})",
    ]
    first = [Run.open(out / name).id for name in ("scores", "report")]
    config, page = (each.config for each in prospects)
    assert isinstance(config, EvaluateConfig)
    assert isinstance(page, ReportConfig)
    assert evaluate(config).id != first[0]
    assert report(page).id != first[1]
    told = capsys.readouterr().err
    assert f"evaluate is done again in {out / 'scores'}: models.N is new" in told
    assert f"report is done again in {out / 'report'}: runs.0 is new" in told
    assert [each.state for each in look_ahead(plan([str(recipe)]))] == ["finished", "finished"]
    assert sorted(each.name for each in out.iterdir()) == ["report", "scores"]
