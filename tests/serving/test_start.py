"""A process that loads a fine-tuned model and answers: without torch, and with the same bits as with it."""

import json
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
import torch
from tests.serving.random_models import PAIRS, READINGS, SHAPES, TASKS, saved

from mamebert.checkpoints.model_folder import CONFIG
from mamebert.checkpoints.save import save_pretraining
from mamebert.checkpoints.static_embedding import save_static
from mamebert.checkpoints.weights import WEIGHTS
from mamebert.encoder.model import PretrainingNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.errors import UserError
from mamebert.kernels import status, torch_only
from mamebert.serving.load import load
from mamebert.tasks.masked_words.fill_mask import fill_mask
from mamebert.tasks.masked_words.ready_words import ReadyWords
from mamebert.tasks.network.ready_network import open_ready
from mamebert.tasks.network.task_network import open_network
from mamebert.tokenizer.encoding import Tokenizer

NATIVELY = pytest.mark.skipif(status().path == "torch", reason=f"no native kernels here: {status().reason}")
PRECISIONS = ("float32", "bfloat16", "int8")
ANSWERS = """
import json, sys, mamebert
model = mamebert.load(sys.argv[1], precision=sys.argv[2], **json.loads((*sys.argv, "{}")[4]))
answers = model(json.loads(sys.argv[3]))
print(json.dumps([answers, "torch" in sys.modules]))
"""
COMMAND = """
import sys
from mamebert.cli import main
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
assert "torch" not in sys.modules
"""
TEXTS = ["The old boat meets the rope.", "The small bean holds the leaf.", "The bright pot leaves the flame. " * 20, ""]


def asked(*command):
    done = subprocess.run([sys.executable, "-c", *command], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return done.stdout


@NATIVELY
@pytest.mark.parametrize("precision", PRECISIONS)
def test_torch_is_not_imported_and_no_bit_is_another(classifiers, precision):
    folder = classifiers / "models" / "W"
    answers, has_torch = json.loads(asked(ANSWERS, str(folder), precision, json.dumps(TEXTS)))
    assert not has_torch
    assert answers == load(folder, precision=precision)(TEXTS)
    task, learnt, network = open_network(folder)
    network.eval().make_ready(precision)
    model = load(folder)
    model.network = network
    assert answers == model(TEXTS)
    assert model.learnt == learnt
    assert model.task == task


def written(world, folder, kind):
    """Return a folder of random weights, and what it is asked."""
    pair = [["The old boat.", "The rope."]]
    match kind:
        case "encoder":
            return "mame-en", "sentence_embeddings", TEXTS
        case "static":
            rows = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
            save_static(rows, world / "tokens" / "tokenizer", folder)
            return str(folder), None, [*TEXTS, *pair]
        case "foreign":
            saved(world, folder, "bert", "classification")
            about = json.loads((folder / CONFIG).read_text("utf-8"))
            (folder / "SHA256SUMS").unlink(missing_ok=True)
            (folder / CONFIG).write_text(json.dumps({**about, "mamebert": None}), "utf-8")
            return str(folder), None, TEXTS
        case "span_qa":
            asked = [{"question": "What meets the rope?", "context": text} for text in TEXTS]
        case "multiple_choice":
            asked = [{"question": TEXTS[0], "choices": TEXTS[1:3]}]
        case "sentence_embeddings":
            asked = [*TEXTS, *pair]
        case "dependency_parsing" | "long_documents" | "taxonomy":
            asked = TEXTS
        case _:
            asked = pair
    reading, settings = ({}, {}) if kind in TASKS else (READINGS[kind], PAIRS)
    saved(world, folder, "bert", kind if kind in TASKS else "classification", reading, settings)
    return str(folder), None, asked


@NATIVELY
@pytest.mark.parametrize(
    "kind",
    [
        "encoder",
        "static",
        "span_qa",
        "multiple_choice",
        "sentence_embeddings",
        "dependency_parsing",
        "pair",
        "sum",
        "mean",
    ],
)
def test_torch_is_not_imported_for_these_either(world, tmp_path, kind):
    folder, purpose, questions = written(world, tmp_path / "model", kind)
    about = json.dumps({"kind": purpose})
    answers, has_torch = json.loads(asked(ANSWERS, folder, "auto", json.dumps(questions), about))
    assert not has_torch
    assert answers == json.loads(json.dumps(load(folder, purpose)(questions)))
    with torch_only():
        wanted = load(folder, purpose)(questions)
    for mine, other in zip(answers, wanted, strict=True):
        assert flat(mine) == pytest.approx(flat(other), abs=1e-5)


def flat(answer):
    """Return what an answer holds, one thing after the other, under names that tell where."""
    if not isinstance(answer, dict | list):
        return {"": answer}
    items = answer.items() if isinstance(answer, dict) else enumerate(answer)
    return {f"{name}.{inner}": each for name, value in items for inner, each in flat(value).items()}


@NATIVELY
def test_the_command_imports_no_torch_either(classifiers):
    told = asked(COMMAND, "predict", str(classifiers / "models" / "N"), *TEXTS[:2])
    assert [json.loads(line)["text"] for line in told.splitlines()] == TEXTS[:2]


def test_where_torch_answers_it_is_imported(classifiers):
    environment = {**os.environ, "MAMEBERT_KERNELS": "torch"}
    command = [sys.executable, "-c", ANSWERS, str(classifiers / "models" / "N"), "auto", json.dumps(TEXTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    answers, has_torch = json.loads(done.stdout)
    assert has_torch
    ours = load(classifiers / "models" / "N")(TEXTS)
    assert [each.get("label") for each in answers] == [each.get("label") for each in ours]


@NATIVELY
@pytest.mark.parametrize("precision", ["auto", "int8"])
def test_words_for_a_mask_come_without_torch_too(encoders, precision):
    texts = ["The old [MASK] holds the boat.", "[MASK] [MASK]"]
    for folder in (str(encoders("N")), "mame-en"):
        answers, has_torch = json.loads(asked(ANSWERS, folder, precision, json.dumps(texts)))
        assert not has_torch
        here = load(folder, precision=precision)(texts)
        assert answers == json.loads(json.dumps(here))


@NATIVELY
@pytest.mark.parametrize(("shape", "tied"), [*((shape, True) for shape in SHAPES), ("bert", False), ("roberta", False)])
def test_scores_of_words_are_near_those_of_modules_alone_and_among_others(world, tmp_path, shape, tied):
    torch.manual_seed(2)
    tokenizer = Tokenizer.open(world / "tokens" / "tokenizer")
    network = PretrainingNetwork(EncoderConfig(**SHAPES[shape], initializer_range=0.1), tokenizer.vocab_size, tied)
    network.eval()
    torch.nn.init.normal_(network.cls.predictions.bias, std=0.1)
    save_pretraining(network, world / "tokens" / "tokenizer", tmp_path / "model")
    words = open_ready(tmp_path / "model", "float32")
    assert isinstance(words, ReadyWords)
    texts = ["The old [MASK] holds the [MASK].", "[MASK]", "The [MASK] bean meets the boat and the gull ."]
    found, wanted = (fill_mask(each, tokenizer, texts, 10_000) for each in (words, network))
    for ours, theirs in zip(found, wanted, strict=True):
        for mine, other in zip(ours, theirs, strict=True):
            assert dict(mine) == pytest.approx(dict(other), abs=1e-5)
    assert [fill_mask(words, tokenizer, [text], 10_000)[0] for text in texts] == found
    with torch_only():
        assert fill_mask(words, tokenizer, texts[1:2], 1)[0][0][0][1] == pytest.approx(found[1][0][0][1], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "change"),
    [("cls.predictions.bias", lambda tensor: tensor * torch.nan), ("cls.predictions.transform.dense.bias", None)],
)
def test_a_head_of_words_that_lacks_something_is_told_of(encoders, tmp_path, name, change):
    from safetensors.torch import load_file, save_file

    shutil.copytree(encoders("N") / "model", tmp_path / "model")
    tensors = load_file(tmp_path / "model" / WEIGHTS)
    changed = tensors.pop(name)
    if change:
        tensors[name] = change(changed)
    (tmp_path / "model" / "SHA256SUMS").unlink(missing_ok=True)
    save_file(tensors, tmp_path / "model" / WEIGHTS)
    with pytest.raises(UserError, match="NaN or infinite" if change else f"lacks the weights {name}"):
        load(tmp_path / "model", "fill-mask")
