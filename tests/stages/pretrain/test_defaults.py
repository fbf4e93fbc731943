import json
from pathlib import Path

import pytest

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.stages.pretrain.settings import PretrainConfig

PAPERS = {
    "encoder": {"hidden_size": 128, "initializer_range": 0.02, "hidden_dropout_prob": 0.1},
    "objective": {"mask_rate": 0.15},
    "positions": {"init": "normal"},
    "training": {"steps": 1, "peak_lr": 1e-3},
}


def settled(**settings):
    return build(PretrainConfig, {"output": "x", "shards": "y", "training": {"steps": 1}, **settings}).settled()


def shaped(**encoder):
    return settled(encoder=encoder, objective="masked_lm")


@pytest.mark.parametrize(("width", "deviation", "rate"), [(64, 0.069, 2e-3), (128, 0.049, 2e-3), (256, 0.034, 1e-3)])
def test_a_small_encoder_begins_with_what_lets_it_learn_order(width, deviation, rate):
    found = shaped(hidden_size=width)
    assert (found.encoder.initializer_range, found.encoder.hidden_dropout_prob) == (deviation, 0)
    assert found.positions.frozen
    assert found.objective.mask_rate == 0.4
    assert (found.positions.init, found.positions.heads) == ("sinusoidal", "neighbours")
    assert found.training.peak_lr == rate


def test_with_word_vectors_the_other_first_weights_are_as_small_as_berts():
    found = settled(encoder={"hidden_size": 128}, embeddings={"vectors": "z"})
    assert (found.encoder.initializer_range, found.positions.heads, found.positions.frozen) == (
        0.02,
        "neighbours",
        False,
    )


@pytest.mark.parametrize("shape", [{"hidden_size": 768, "num_hidden_layers": 12}, {"num_hidden_layers": 24}])
def test_a_large_one_begins_as_bert_does(shape):
    assert shaped(**shape) == build(
        PretrainConfig,
        {"output": "x", "shards": "y", "encoder": shape, "objective": "masked_lm", "training": {"steps": 1}},
    )


def test_what_is_given_wins():
    found = settled(**PAPERS)
    for group, values in PAPERS.items():
        for name, value in values.items():
            assert getattr(getattr(found, group), name) == value
    assert found.positions.heads == "anywhere"


@pytest.mark.parametrize("settings", [{}, PAPERS])
def test_what_is_decided_is_written_and_stays_when_it_is_read_again(settings):
    once = settled(**settings)
    written = json.loads(json.dumps(once.model_dump(mode="json")))
    again = build(PretrainConfig, written)
    assert again.settled().model_dump() == again.model_dump() == once.model_dump()


@pytest.mark.parametrize(("width", "deviation"), [(64, 0.069), (128, 0.049), (256, 0.034)])
def test_rotary_positions_have_no_table_to_start_and_begin_with_larger_weights(width, deviation):
    found = shaped(preset="modernbert", hidden_size=width)
    assert "positions" not in found.model_dump()
    assert found.encoder.initializer_range == deviation


def test_a_narrow_table_and_a_reader_from_left_to_right_begin_as_bert_does():
    assert "positions" not in shaped(hidden_size=128, embedding_size=32).model_dump()
    assert "positions" not in settled(objective="left_to_right_lm").model_dump()


def test_only_what_was_measured_asks_for_more_tokens():
    asking = {kind for kind in Objective.names() if Objective.find(kind).asks_small_for_more}
    assert asking == {"masked_lm", "masked_lm_nsp", "masked_lm_sop", "masked_lm_sso"}
    assert settled(objective="replaced_token_detection").objective.mask_rate == 0.15


def test_neighbours_want_a_table_as_wide_as_the_encoder():
    with pytest.raises(UserError, match="as wide as the encoder"):
        settled(encoder={"embedding_size": 32}, positions={"init": "sinusoidal", "heads": "neighbours"})


def test_a_recipe_holds_the_numbers_of_the_paper_of_bert():
    import tomllib

    folder = Path(__file__).parents[3] / "recipes" / "encoders"
    table = tomllib.loads((folder / "as_bert.toml").read_text("utf-8"))["encoder"]
    found = settled(**{name: table[name] for name in ("encoder", "objective", "positions", "training")})
    assert (found.encoder.initializer_range, found.objective.mask_rate) == (0.02, 0.15)
    assert (found.positions.init, found.positions.heads, found.training.peak_lr) == ("normal", "anywhere", 1e-4)
