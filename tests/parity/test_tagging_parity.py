"""A folder of BertForTokenClassification opens here, and gives the logits that plain transformers gives."""

import numpy as np
import pytest
import torch

import mamebert
from mamebert.tasks.data.features import Example
from mamebert.tasks.network.answering import raw_outputs

transformers = pytest.importorskip("transformers")

LABELS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
SENTENCES = [["The", "unheardof", "boat", "."], ["Salt"], ["a", "gull's", "rope", "meets", "bread", "and", "butter"]]


@pytest.fixture(scope="module")
def foreign(encoders, tmp_path_factory):
    """Return a folder as a stranger would save it."""
    folder = tmp_path_factory.mktemp("foreign")
    tokenizer = transformers.AutoTokenizer.from_pretrained(encoders("N") / "model")
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=40,
        initializer_range=0.3,
        id2label=dict(enumerate(LABELS)),
        label2id={name: i for i, name in enumerate(LABELS)},
    )
    torch.manual_seed(5)
    model = transformers.BertForTokenClassification(config).eval()
    with torch.no_grad():
        model.classifier.bias.normal_()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder, model, tokenizer


def test_words_get_the_logits_of_their_first_pieces(foreign):
    folder, theirs, tokenizer = foreign
    ours = mamebert.load(folder)
    examples = [Example(tuple(words), None, row) for row, words in enumerate(SENTENCES)]
    features = ours.task.features(ours.tokenizer, examples, ours.learnt)
    found = raw_outputs(ours.task, ours.network, features)
    batch = tokenizer(SENTENCES, is_split_into_words=True, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = theirs(**batch).logits
    for row, words in enumerate(SENTENCES):
        numbers = batch.word_ids(row)
        firsts = [numbers.index(word) for word in range(len(words))]
        np.testing.assert_allclose(found[row], logits[row, firsts].numpy(), atol=1e-5, rtol=1e-5)


def test_a_foreign_model_tags_words_and_texts(foreign):
    answers = mamebert.load(foreign[0])([["The", "boat"], "The boat"])
    assert [len(answer["tags"]) for answer in answers] == [2, 2]
    assert answers[0]["tags"] == answers[1]["tags"]
    assert set(answers[0]["tags"]) <= set(LABELS)


def test_a_sentence_longer_than_the_model_reads_is_tagged_whole(foreign):
    (answer,) = mamebert.load(foreign[0])([["boat", "rope"] * 60])
    assert len(answer["tags"]) == 120
