"""Pretraining that goes on from an existing folder."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from mamebert.checkpoints.load import load_pretraining
from mamebert.config import build
from mamebert.encoder.packing import Packed
from mamebert.errors import UserError
from mamebert.files.disk import partial
from mamebert.runs import Run
from mamebert.stages.pretrain import estimate, pretrain, pretraining
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.stages.tokenize import TokenizeConfig, tokenize
from mamebert.stages.vocab import VocabConfig, vocab
from mamebert.tokenizer.encoding import Tokenizer

TABLE, BIAS = "bert.embeddings.word_embeddings.weight", "cls.predictions.bias"
BATCH = [np.array([2, 17, 30, 4, 41, 3]), np.array([2, 9, 3])]


@pytest.fixture
def settings(world, encoders, tmp_path):
    return {
        "start": str(encoders("N")),
        "shards": str(world / "tokens"),
        "output": str(tmp_path / "adapted"),
        "objective": {"kind": "masked_lm", "max_length": 32},
        "training": {"steps": 6, "batch_tokens": 256, "precision": "float32"},
        "pseudo_perplexity_tokens": 60,
        "evaluate_every": 3,
    }


@pytest.fixture(scope="module")
def other_shards(world, tmp_path_factory):
    """Return shards of the same text in another, smaller vocabulary."""
    folder = tmp_path_factory.mktemp("other")
    made = {"corpus": world / "clean", "processes": 1}
    small = {"size": 60, "min_frequency": 1}
    vocab(build(VocabConfig, {**made, "output": folder / "vocab", "vocabulary": small}))
    return _tokenized(world / "clean", folder / "vocab", folder / "tokens")


def _tokenized(corpus, tokenizer, output, **more):
    settings = {"corpus": corpus, "tokenizer": tokenizer, "output": output, "heldout_rate": 0.1, "processes": 1, **more}
    return tokenize(build(TokenizeConfig, settings)).folder


def config(settings, **changes):
    return build(PretrainConfig, {**settings, **changes})


def before_training(settings, **changes):
    return PretrainingSteps(config(settings, **changes).settled())


@pytest.fixture
def copied(encoders, tmp_path):
    """A copy of the folder started from, to be changed."""
    return shutil.copytree(encoders("N") / "model", tmp_path / "start", ignore=shutil.ignore_patterns("SHA256SUMS"))


def change(model, **settings):
    about = {**json.loads((model / "config.json").read_text()), **settings}
    (model / "config.json").write_text(json.dumps(about))


def test_no_step_is_no_change(settings, encoders):
    work = before_training(settings)
    saved = load_file(encoders("N") / "model" / "model.safetensors")
    named = dict(work.network.named_parameters())
    assert named.keys() == saved.keys()
    assert all(torch.equal(named[name], value) for name, value in saved.items())
    assert work.start.new_heads == []
    assert work.start.vocabulary.written() == {"tokens": 80, "copied": 80, "mean_of_pieces": 0, "drawn": 0}


@torch.no_grad()
@pytest.mark.parametrize("name", ["BertForPreTraining", "BertForMaskedLM", "BertModel"])
def test_a_folder_of_plain_transformers_gives_its_own_logits_before_the_first_step(settings, encoders, tmp_path, name):
    transformers = pytest.importorskip("transformers")
    shape = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40}
    torch.manual_seed(4)
    theirs = getattr(transformers, name)(
        transformers.BertConfig(vocab_size=80, max_position_embeddings=48, initializer_range=0.3, **shape)
    ).eval()
    theirs.save_pretrained(tmp_path / "theirs")
    for file in ("tokenizer.json", "tokenizer_config.json", "vocab.txt"):
        shutil.copy(encoders("N") / "model" / file, tmp_path / "theirs" / file)
    work = before_training(settings, start=str(tmp_path / "theirs"))
    assert work.config.encoder.hidden_size == 24
    assert work.config.encoder.max_position_embeddings == 48
    network = work.network.eval()
    hidden = network.bert(Packed.of(BATCH))
    outs = [theirs(torch.from_numpy(ids)[None]) for ids in BATCH]
    close = {"atol": 1e-5, "rtol": 1e-5}
    if name == "BertModel":
        torch.testing.assert_close(hidden, torch.cat([out.last_hidden_state[0] for out in outs]), **close)
        assert work.start.new_heads == ["masked words", "next sentence"]
        assert float(network.cls.predictions.bias.std()) > 0.5  # word frequencies, as in a new network
    else:
        logits = torch.cat([out["prediction_logits" if name == "BertForPreTraining" else "logits"][0] for out in outs])
        torch.testing.assert_close(network.cls.predictions(hidden), logits, **close)
    if name == "BertForMaskedLM":
        assert work.start.new_heads == ["pooler", "next sentence"]


def test_it_goes_on_learning_and_tells_where_it_came_from(settings, encoders, unproved, capsys):
    run = pretrain(config(settings))
    assert "Starting from" in capsys.readouterr().err
    results = Run.open(run.folder).results
    assert results["start"]["path"] == str(encoders("N"))
    found = results["pseudo_perplexity"]["heldout"]
    assert found["tokens"] + found["unknown"] == 60
    assert 1 < found["after"] < found["per_word_after"]
    assert found["after"] != found["before"]
    assert Run.open(run.folder).settings["encoder"]["hidden_size"] == 32
    assert run.inputs["start"]["id"] == Run.open(encoders("N")).id
    card = (run.folder / "model" / "README.md").read_text()
    assert "from scratch" not in card
    assert "encoder-N" in card
    assert f"{found['after']:.2f}" in card


def test_text_that_is_learnt_is_foreseen_better(settings, unproved):
    training = {"steps": 60, "batch_tokens": 512, "peak_lr": 5e-3, "precision": "float32"}
    changes = {"training": training, "pseudo_perplexity_tokens": 300, "general_shards": settings["shards"]}
    found = pretrain(config(settings, **changes)).results["pseudo_perplexity"]
    assert found["heldout"]["after"] < 0.95 * found["heldout"]["before"]
    assert found["general"] == found["heldout"]  # here it is the same text


def test_the_same_command_and_its_run_json_find_the_finished_run(settings, unproved):
    folder = pretrain(config(settings)).folder
    assert pretrain(config(settings)).finished
    assert pretrain(config(json.loads((folder / "run.json").read_text())["settings"])).finished


def test_a_run_that_was_stopped_ends_with_the_same_weights(settings, tmp_path, unproved, monkeypatch, everything):
    settings |= {"snapshot_seconds": 0, "encoder": {"hidden_dropout_prob": 0.2}}
    whole = everything(pretrain(config(settings)).folder)
    settings["output"] = str(tmp_path / "stopped")
    record, measured = pretraining.TrainingMonitor.record, []

    def stop(self, **line):
        record(self, **line)
        measured.append("heldout_pseudo_perplexity" in line)
        if line["step"] == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(pretraining.TrainingMonitor, "record", stop)
    with pytest.raises(KeyboardInterrupt):
        pretrain(config(settings))
    assert partial(Path(settings["output"])).exists()
    monkeypatch.setattr(pretraining.TrainingMonitor, "record", record)
    assert everything(pretrain(config(settings)).folder) == whole
    assert sum(measured) == 1


def test_a_fine_tuned_folder_gives_its_encoder_and_the_heads_are_new(settings, classifiers, capsys, unproved):
    run = pretrain(config(settings, start=str(classifiers / "models" / "N")))
    assert run.results["start"]["new_heads"] == ["masked words", "next sentence"]
    assert "new heads: masked words, next sentence" in capsys.readouterr().err


def test_rows_of_tokens_in_both_vocabularies_are_copied(settings, other_shards, encoders):
    work = before_training(settings, shards=str(other_shards), start_vocabulary="shared_rows")
    old, new = (Tokenizer.open(f) for f in (encoders("N") / "model", other_shards / "tokenizer"))
    saved = load_file(encoders("N") / "model" / "model.safetensors")
    counts = work.start.vocabulary.written()
    shared = [token for token in new.tokens if token in old.tokens]
    assert counts["copied"] == len(shared) < counts["tokens"] == 60 or counts["copied"] == 60
    for token in shared:
        a, b = old.tokens.index(token), new.tokens.index(token)
        assert torch.equal(work.network.bert.embeddings.word_embeddings.weight[b], saved[TABLE][a])
        assert work.network.cls.predictions.bias[b] == saved[BIAS][a]


def test_another_vocabulary_is_refused_with_both_ways_out(settings, other_shards, encoders):
    ways = rf"mamebert tokenize tokenizer={encoders('N')}/model\), or set start_vocabulary=shared_rows"
    with pytest.raises(UserError, match=ways):
        pretrain(config(settings, shards=str(other_shards)))


def test_text_tokenized_with_the_folders_own_tokenizer_fits(settings, world, encoders, tmp_path):
    tokens = _tokenized(world / "clean", encoders("N") / "model", tmp_path / "tokens")
    assert before_training(settings, shards=str(tokens)).start.vocabulary.copied == 80


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"encoder": {"hidden_size": 64}}, r"encoder\.hidden_size is 64, and .* has 32\. Leave out encoder"),
        ({"encoder": {"num_hidden_layers": 3}}, r"encoder\.num_hidden_layers is 3"),
        ({"encoder": {"num_attention_heads": 4}}, r"encoder\.num_attention_heads is 4"),
        ({"encoder": {"max_position_embeddings": 512}}, r"has 64 positions.*Set 64 or less"),
        ({"objective": {"kind": "masked_lm", "max_length": 100}}, r"max_length 100 is longer.*64\. Lower the first\.$"),
        ({"start": "nowhere"}, "There is no folder nowhere"),
        ({"start": None, "start_vocabulary": "shared_rows"}, "start_vocabulary belongs to start"),
        ({"pseudo_perplexity_tokens": 0, "general_shards": "x"}, "Nothing is asked of general_shards"),
    ],
)
def test_settings_that_contradict_the_folder_are_told(settings, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        pretrain(config(settings, **changes))
    assert not Path(settings["output"]).exists()


def test_dropouts_may_differ_and_positions_be_fewer(settings, encoders):
    given = {"hidden_dropout_prob": 0.3, "max_position_embeddings": 40, "hidden_size": 32}
    work = before_training(settings, encoder=given)
    assert work.config.encoder.hidden_dropout_prob == 0.3
    saved = load_file(encoders("N") / "model" / "model.safetensors")["bert.embeddings.position_embeddings.weight"]
    assert torch.equal(work.network.bert.embeddings.position_embeddings.weight, saved[:40])


def test_a_folder_of_another_family_is_refused(settings, copied):
    change(copied, model_type="xlnet")
    with pytest.raises(UserError, match="of type 'xlnet', not a BERT"):
        pretrain(config(settings, start=str(copied)))


@pytest.mark.parametrize(
    "gone", ["bert.encoder.layer.1.output.dense.weight", "cls.predictions.transform.dense.weight", TABLE]
)
def test_part_of_an_encoder_or_half_a_head_is_refused(settings, copied, gone):
    tensors = load_file(copied / "model.safetensors")
    del tensors[gone]
    save_file(tensors, copied / "model.safetensors")
    with pytest.raises(UserError, match=f"lacks the weights {gone}"):
        pretrain(config(settings, start=str(copied)))


@pytest.mark.parametrize(
    ("file", "sentence"),
    [("vocab.txt tokenizer.json tokenizer_config.json", "holds no tokenizer"), ("model.safetensors", "has no model")],
)
def test_a_folder_that_is_not_whole_is_told(settings, copied, file, sentence):
    for name in file.split():
        (copied / name).unlink()
    with pytest.raises(UserError, match=sentence):
        pretrain(config(settings, start=str(copied)))


def test_damaged_weights_are_told(settings, copied):
    (copied / "model.safetensors").write_bytes(b"\xff" * 50)
    with pytest.raises(UserError, match="is damaged"):
        pretrain(config(settings, start=str(copied)))


def test_a_table_larger_than_the_vocabulary_is_cut_to_it(settings, copied):
    tensors = load_file(copied / "model.safetensors")
    for name in (TABLE, BIAS):
        tensors[name] = torch.cat([tensors[name], tensors[name][:16]])  # filled up, as is often done for speed
    save_file(tensors, copied / "model.safetensors")
    change(copied, vocab_size=96)
    work = before_training(settings, start=str(copied))
    assert torch.equal(work.network.bert.embeddings.word_embeddings.weight, tensors[TABLE][:80])


def test_vectors_replace_the_table_of_the_folder_and_stay_fixed(settings, world, encoders, unproved, capsys):
    vectors = {"vectors": str(world / "vectors")}
    run = pretrain(config(settings, start=str(encoders("W")), embeddings=vectors))
    assert run.results["embeddings_unchanged"] is True
    assert "replaced by embeddings.vectors" in capsys.readouterr().err
    tables = [load_file(f / "model" / "model.safetensors")[TABLE] for f in (encoders("W"), run.folder)]
    assert torch.equal(*tables)


def test_an_output_matrix_of_its_own_stays_one(settings, tmp_path, unproved):
    untied = pretrain(config(settings, start=None, embeddings={"tied": False}, output=str(tmp_path / "untied"))).folder
    work = before_training(settings, start=str(untied))
    assert torch.equal(
        work.network.cls.predictions.output_matrix, load_pretraining(untied).cls.predictions.output_matrix
    )
    with pytest.raises(UserError, match="an output matrix of its own"):
        before_training(settings, start=str(untied), embeddings={"tied": True})


def test_general_text_in_another_vocabulary_is_refused(settings, other_shards):
    with pytest.raises(UserError, match="have another vocabulary than the shards trained on"):
        pretrain(config(settings, general_shards=str(other_shards)))
    with pytest.raises(UserError, match="have another vocabulary than the shards trained on"):
        estimate(config(settings, general_shards=str(other_shards)))


def test_general_text_with_nothing_held_out_is_refused(settings, world, tmp_path):
    tokens = _tokenized(world / "clean", world / "vocab", tmp_path / "tokens", heldout_rate=0)
    with pytest.raises(UserError, match="hold no held-out text"):
        pretrain(config(settings, general_shards=str(tokens)))


def test_what_it_will_take_can_be_estimated(settings, encoders):
    total = Run.open(encoders("N")).results["parameters"]["total"]
    assert estimate(config(settings))["parameters"] == {"total": total, "trainable": total, "frozen": 0}


@pytest.mark.slow
def test_two_processes_go_on_from_the_same_start(settings, tmp_path):
    settings |= {
        "encoder": {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0},
        "general_shards": settings["shards"],
    }
    files = []
    for name in ("one", "ddp", "fsdp"):
        training = {**settings["training"], "batch_tokens": 512, "parallel": "ddp" if name == "one" else name}
        made = {**settings, "training": training, "output": str(tmp_path / name)}
        files.append(tmp_path / f"{name}.json")
        files[-1].write_text(json.dumps({"stop_after": 0, "mistake": "", "settings": made}))
    script = str(Path(__file__).parents[1] / "training" / "one_of_many.py")
    torchrun = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    for words in ([script, str(files[0])], [*torchrun, script, *map(str, files[1:])]):
        done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-3000:]
    one = load_file(tmp_path / "one" / "model" / "model.safetensors")
    told = Run.open(tmp_path / "one").results["pseudo_perplexity"]
    for name in ("ddp", "fsdp"):
        found = load_file(tmp_path / name / "model" / "model.safetensors")
        for key, value in one.items():
            if not key.endswith(
                "key.bias"
            ):  # softmax does not see it: its gradient is rounding alone, which Adam scales up
                torch.testing.assert_close(
                    found[key], value, rtol=1e-4, atol=1e-5, msg=lambda m, key=key: f"{key}: {m}"
                )
        both = Run.open(tmp_path / name).results["pseudo_perplexity"]
        assert both["general"] == pytest.approx(told["general"], rel=1e-4)
        assert len([line for line in Run.open(tmp_path / name).metrics() if line["step"] == 0]) == 1


def test_layers_can_be_stacked_into_a_deeper_encoder(settings, encoders):
    work = before_training(settings, start_layers=[0, 1, 0, 1, 1])
    old, new = load_pretraining(encoders("N")).bert.encoder.layer, work.network.bert.encoder.layer
    assert work.config.encoder.num_hidden_layers == len(new) == 5
    for layer, number in zip(new, [0, 1, 0, 1, 1], strict=True):
        for name, parameter in layer.named_parameters():
            assert torch.equal(parameter, dict(old[number].named_parameters())[name])


def test_layers_that_are_not_there_cannot_be_stacked(settings):
    with pytest.raises(UserError, match="start_layers names layer 2"):
        before_training(settings, start_layers=[0, 2])
    with pytest.raises(UserError, match="start_layers belongs to start"):
        config({k: v for k, v in settings.items() if k != "start"}, start_layers=[0])
