import time
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mamebert.checkpoints.verify import NotTheSame
from mamebert.config import build
from mamebert.corpus.token_shards import TokenShards
from mamebert.encoder.fixed_embeddings import TokenEmbeddings
from mamebert.errors import UserError
from mamebert.objectives import Objective
from mamebert.runs import Run
from mamebert.stages.pretrain import pretrain, pretraining
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.stages.tokenize import TokenizeConfig, tokenize
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.word2vec.table import VectorTable

TABLE = "bert.embeddings.word_embeddings.weight"


@pytest.fixture
def settings(two_epochs):
    return two_epochs


def config(settings, **changes):
    return build(PretrainConfig, {**settings, **changes})


def test_w_keeps_the_scaled_table_bit_for_bit(world, encoders):
    table = torch.from_numpy(VectorTable.open(world / "vectors").scaled(TokenEmbeddings().scale))
    saved = load_file(encoders("W") / "model" / "model.safetensors")
    assert torch.equal(saved[TABLE], table)
    assert Run.open(encoders("W")).results["embeddings_unchanged"] is True
    assert Run.open(encoders("N")).results["embeddings_unchanged"] is None


def test_w_trains_exactly_the_table_less(encoders):
    n, w = (Run.open(encoders(name)).results["parameters"] for name in "NW")
    rows, width = load_file(encoders("N") / "model" / "model.safetensors")[TABLE].shape
    assert w["frozen"] == rows * width
    assert n["trainable"] - w["trainable"] == rows * width - n["frozen"]  # N's positions stay as they start
    assert n["total"] == w["total"]


def test_a_table_that_is_not_frozen_learns(settings, world, unproved):
    embeddings = {"vectors": str(world / "vectors"), "frozen": False}
    folder = pretrain(config(settings, embeddings=embeddings)).folder
    table = torch.from_numpy(VectorTable.open(world / "vectors").scaled(TokenEmbeddings().scale))
    assert not torch.equal(load_file(folder / "model" / "model.safetensors")[TABLE], table)


def test_an_encoder_knows_from_the_start_how_often_words_occur(settings):
    def loss_before_training(start):
        return PretrainingSteps(config(settings, output_bias=start)).measure()["heldout_mlm_loss"]

    assert loss_before_training("zero") == pytest.approx(np.log(80), abs=0.05)
    assert loss_before_training("frequencies") < np.log(80) - 0.5


def test_order_gain_is_in_every_evaluation_and_of_all_held_out_text_at_the_end(encoders, capsys):
    run = Run.open(encoders("N"))
    found = [line["order_gain"] for line in run.metrics() if "heldout_mlm_loss" in line]
    assert len(found) == 3  # steps 5 and 10, and the end
    assert run.results["order_gain"] == run.results["epochs"][-1]["order_gain"] == found[-1]
    assert abs(found[-1]) < 0.3
    assert "hardly knows the order of words" in (run.folder / "model" / "README.md").read_text()


def test_bits_per_character_are_the_loss_over_the_characters_held_out(encoders, world):
    tokenizer, held_out = Tokenizer.open(world / "tokens" / "tokenizer"), TokenShards.open(world / "tokens", "heldout")
    ids = held_out.tokens(0, held_out.num_tokens)
    assert tokenizer.unk_id not in ids
    text = tokenizer.decode(ids.tolist())
    for line in (*Run.open(encoders("N")).metrics(), *Run.open(encoders("N")).results["epochs"]):
        if "heldout_mlm_loss" in line:
            bits = line["heldout_mlm_loss"] * len(ids) / len("".join(text.split())) / np.log(2)
            assert line["heldout_bits_per_character"] == pytest.approx(bits)


def test_on_the_way_order_gain_is_of_the_first_batches_and_at_the_end_of_all(settings, monkeypatch):
    asked = []
    monkeypatch.setattr(Objective, "shuffled", lambda self, batch, seed: asked.append(seed) or batch)
    work = PretrainingSteps(config(settings))
    work.held_out = work.held_out * 5
    assert work.measure()["order_gain"] == pytest.approx(0, abs=1e-6)
    assert asked == [0, 1]
    work.count.epoch, work.count.batch = 1, len(work.epoch(1))
    work.measure()
    assert asked == [0, 1, 0, 1, 2, 3, 4]


def test_positions_may_start_as_sinusoids_and_a_run_without_them_is_the_run_that_it_was(settings, world):
    started = PretrainingSteps(config(settings, positions={"init": "sinusoidal"})).network.state_dict()
    plain = PretrainingSteps(config(settings)).network.state_dict()
    changed = [name for name in plain if not torch.equal(plain[name], started[name])]
    assert changed == ["bert.embeddings.position_embeddings.weight"]
    said_nothing = {name: value for name, value in settings.items() if name != "positions"}
    assert "positions" not in config(said_nothing).model_dump()
    assert config(settings, positions={"init": "normal"}).model_dump()["positions"]["init"] == "normal"  # else decided
    with pytest.raises(UserError, match="positions are for new weights"):
        config(settings, start=world / "clean", positions={"norm": 1})


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("no mask in here", r"There is no \[MASK\]"), ("[MASK] " * 80, "the encoder reads 64")],
)
def test_a_probe_that_cannot_be_filled_is_told_before_training(settings, text, sentence, snapshots):
    with pytest.raises(UserError, match=sentence):
        pretrain(config(settings, probe_texts=[text]))
    assert not snapshots(settings)


def test_evaluations_and_snapshots_do_not_count_as_training_time(settings, unproved, monkeypatch):
    measure, pauses = PretrainingSteps.measure, []

    def slow(self):
        pauses.append(0.2)
        time.sleep(0.2)
        return measure(self)

    monkeypatch.setattr(PretrainingSteps, "measure", slow)
    began = time.monotonic()
    results = pretrain(config(settings)).results
    assert results["training_seconds"] <= time.monotonic() - began - sum(pauses)
    assert len(pauses) == 4  # steps 2 and 4, and two ends of epochs, of which step 6 is one
    assert sum(e["seconds"] for e in results["epochs"]) == pytest.approx(results["training_seconds"], abs=0.01)


def test_models_kept_on_the_way_are_whole_and_in_order(encoders):
    run = Run.open(encoders("N"))
    (kept,) = run.results["kept"]
    assert kept["step"] == 6
    assert 0 < kept["epoch"] < 1
    early, final = (load_file(run.folder / f / "model.safetensors") for f in (kept["folder"], "model"))
    assert early.keys() == final.keys()
    assert not torch.equal(early[TABLE], final[TABLE])


def test_a_model_that_transformers_reads_otherwise_is_never_called_finished(settings, monkeypatch, snapshots):
    def differs(folders):
        raise NotTheSame("logits differ")

    monkeypatch.setattr(pretraining, "verify", differs)
    with pytest.raises(NotTheSame):
        pretrain(config(settings))
    assert not Path(settings["output"]).exists()
    assert snapshots(settings)  # nothing was lost


def test_without_held_out_text_there_is_no_held_out_loss(settings, world, tmp_path, unproved, capsys):
    tokens = tokenize(
        build(
            TokenizeConfig,
            {
                "corpus": world / "clean",
                "tokenizer": world / "vocab",
                "heldout_rate": 0,
                "processes": 1,
                "output": tmp_path / "tokens",
            },
        )
    )
    results = pretrain(config(settings, shards=tokens.folder)).results
    assert "heldout_mlm_loss" not in results["epochs"][-1]
    assert "no held-out loss" in capsys.readouterr().err


def test_pretraining_learns(settings, unproved):
    settings["training"] = {"steps": 80, "batch_tokens": 512, "peak_lr": 5e-3, "precision": "float32"}
    settings["snapshot_seconds"] = 100
    run = Run.open(pretrain(config(settings)).folder)
    losses = [m["mlm_loss"] for m in run.metrics() if "mlm_loss" in m]
    assert np.mean(losses[-10:]) < np.mean(losses[:5]) - 0.2


def test_recipes_that_mask_differently_are_asked_the_same(settings):
    few = PretrainingSteps(config(settings))
    settings["objective"] = {"max_length": 32, "mask_rate": 0.4, "mask_token_rate": 0.5, "mask_unit": "word"}
    settings["training"] = {**settings["training"], "batch_tokens": 512}
    many = PretrainingSteps(config(settings))
    for a, b in zip(few.held_out, many.held_out, strict=True):
        assert torch.equal(a.packed.ids, b.packed.ids)
        assert torch.equal(a.chosen, b.chosen)
