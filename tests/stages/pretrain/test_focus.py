"""`start_vocabulary=focus`: a new vocabulary whose rows are mixtures of those that an encoder has already."""

import pytest
import torch
from safetensors.torch import load_file

from mamebert.config import build
from mamebert.errors import UserError
from mamebert.preflight.ahead import Ahead
from mamebert.stages.pretrain import check, pretrain
from mamebert.stages.pretrain.settings import PretrainConfig
from mamebert.stages.pretrain.steps import PretrainingSteps
from mamebert.stages.tokenize import TokenizeConfig, tokenize
from mamebert.stages.vectors import VectorsConfig, vectors
from mamebert.stages.vocab import VocabConfig, vocab
from mamebert.tokenizer.encoding import Tokenizer
from mamebert.word2vec.sparsemax import sparsemax
from mamebert.word2vec.table import VectorTable

TABLE = "bert.embeddings.word_embeddings.weight"


@pytest.fixture(scope="module")
def larger(world, tmp_path_factory):
    """Return a folder with shards of the same text in a vocabulary with more pieces, and its word vectors."""
    folder = tmp_path_factory.mktemp("larger")
    made = {"corpus": world / "clean", "processes": 1}
    vocab(build(VocabConfig, {**made, "output": folder / "vocab", "vocabulary": {"size": 110, "min_frequency": 1}}))
    tokenize(
        build(TokenizeConfig, {**made, "tokenizer": folder / "vocab", "output": folder / "tokens", "heldout_rate": 0.1})
    )
    cbow = {"vector_size": 16, "epochs": 2, "processes": 1}
    vectors(build(VectorsConfig, {"shards": folder / "tokens", "output": folder / "vectors", "cbow": cbow}))
    return folder


@pytest.fixture
def settings(larger, encoders, tmp_path):
    return {
        "start": str(encoders("N")),
        "start_vocabulary": "focus",
        "start_vectors": str(larger / "vectors"),
        "shards": str(larger / "tokens"),
        "output": str(tmp_path / "adapted"),
        "objective": {"kind": "masked_lm", "max_length": 32},
        "training": {"steps": 4, "batch_tokens": 256, "precision": "float32"},
        "pseudo_perplexity_tokens": 40,
        "evaluate_every": 2,
    }


def test_rows_are_copied_or_mixed_by_the_formula_before_the_first_step(settings, larger, encoders):
    work = PretrainingSteps(build(PretrainConfig, settings).settled())
    old, new = (Tokenizer.open(f) for f in (encoders("N") / "model", larger / "tokens" / "tokenizer"))
    table, saved = VectorTable.open(larger / "vectors"), load_file(encoders("N") / "model" / "model.safetensors")[TABLE]
    rows = work.network.bert.embeddings.word_embeddings.weight
    shared = [n for n, token in enumerate(new.tokens) if token in old.tokens]
    anchors = [n for n in shared if table.learnt[n]]
    mixed = [n for n in range(new.vocab_size) if n not in shared and table.learnt[n]]
    assert len(mixed) > 10
    unit = table.vectors / (1e-12 + (table.vectors**2).sum(1, keepdims=True) ** 0.5)
    for number in mixed:
        weights = torch.from_numpy(sparsemax(unit[[number]] @ unit[anchors].T)[0])
        expected = weights @ saved[[old.tokens.index(new.tokens[n]) for n in anchors]]
        torch.testing.assert_close(rows[number], expected, atol=1e-5, rtol=1e-4)
    for number in shared:
        assert torch.equal(rows[number], saved[old.tokens.index(new.tokens[number])])
    told = work.start.vocabulary.written()
    assert (told["tokens"], told["copied"], told["mixed"]) == (110, len(shared), len(mixed))
    assert sum(told[name] for name in ("copied", "mixed", "mean_of_pieces", "drawn")) == 110


def test_it_learns_on_and_keeps_its_layers(settings, unproved, capsys):
    run = pretrain(build(PretrainConfig, settings))
    assert "are mixtures of copied ones that are like them" in capsys.readouterr().err
    assert run.inputs["start_vectors"]["path"].endswith("vectors")
    assert (run.folder / "model" / "model.safetensors").is_file()
    assert pretrain(build(PretrainConfig, settings)).finished


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"start_vectors": None}, "belong together"),
        ({"start_vocabulary": "shared_rows"}, "belong together"),
        ({"start": None, "start_vocabulary": "same"}, "start_vectors belongs to start"),
    ],
)
def test_what_belongs_together_is_asked_for_together(settings, changes, sentence):
    with pytest.raises(UserError, match=sentence):
        build(PretrainConfig, {**settings, **changes})


def test_vectors_of_another_vocabulary_are_refused_before_anything_is_done(settings, world):
    config = build(PretrainConfig, {**settings, "start_vectors": str(world / "vectors")})
    told = [str(each) for each in check(config, Ahead())]
    assert any("word vectors are for a vocabulary of 80 tokens" in each for each in told)


def test_a_frozen_table_leaves_no_row_to_mix(settings, larger):
    with pytest.raises(UserError, match="Leave one out"):
        build(PretrainConfig, {**settings, "embeddings": {"vectors": str(larger / "vectors")}})
