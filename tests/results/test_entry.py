import json

import pytest
from pydantic import ValidationError

from mamebert.results.compress import CompressResults
from mamebert.results.finetune import FinetuneResults
from mamebert.results.labelled import LabelledResults, Spread, TestedModel
from mamebert.results.pretrain import Epoch, Parameters, PretrainResults


def test_what_a_stage_does_not_declare_it_cannot_write():
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        PretrainResults(**{"toknes": 5})
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        PretrainResults(epochs=[{"epoch": 1, "perplexity": 2.0}])
    with pytest.raises(ValueError, match="no attribute 'toknes'"):
        PretrainResults().toknes = 5


@pytest.mark.parametrize("wrong", [{"tokens": "5"}, {"tokens": 5.5}, {"tokens": True}, {"name": 5}, {"epochs": None}])
def test_what_a_stage_writes_is_of_the_declared_kind(wrong):
    with pytest.raises(ValidationError):
        PretrainResults(**wrong)
    results = PretrainResults()
    with pytest.raises(ValidationError):
        setattr(results, *next(iter(wrong.items())))


def test_what_was_put_into_a_list_is_checked_when_it_is_written():
    results = PretrainResults(epochs=[Epoch(epoch=1)])
    results.epochs.append({"epoch": "second"})
    with pytest.raises(ValidationError, match="epochs"):
        results.written()


def test_only_what_was_filled_in_is_written_and_null_is_something():
    results = FinetuneResults(models=[], measure="accuracy")
    results.models.append(TestedModel(name="bean", epoch=None, scores={"accuracy": Spread(mean=0.5, spread=None)}))
    assert results.written() == {
        "measure": "accuracy",
        "models": [{"name": "bean", "epoch": None, "scores": {"accuracy": {"mean": 0.5, "spread": None}}}],
    }


def test_what_is_written_is_json_that_reads_as_it_was():
    results = PretrainResults(fill_mask=[{"text": "A [MASK].", "candidates": [("bean", 0.5)]}], mfu=float("nan"))
    written = results.written()
    assert written["fill_mask"] == [{"text": "A [MASK].", "candidates": [["bean", 0.5]]}]
    assert PretrainResults.read(json.loads(json.dumps(written))).fill_mask == results.fill_mask


def test_keys_of_other_versions_are_ignored_and_missing_ones_have_their_default():
    old = {"name": "H2-L1-N", "partial_epoch": True, "epochs": [{"epoch": 1, "mood": "good"}], "kept": None}
    read = PretrainResults.read(old)
    assert (read.name, read.epochs, read.kept, read.parameters) == ("H2-L1-N", [Epoch(epoch=1)], [], None)
    assert LabelledResults.read({}).models == []


def test_something_of_another_kind_is_told_in_one_line_with_its_place():
    with pytest.raises(ValueError, match=r"^models\.0\.parameters\.total: [^\n]+$"):
        FinetuneResults.read({"models": [{"parameters": {"total": "many"}}]})


def test_every_field_has_a_default_so_that_any_old_run_opens():
    for kind in (PretrainResults, FinetuneResults, CompressResults, Parameters):
        assert kind.read({}) == kind()
