import numpy as np
import pytest
import torch

from mamebert.checkpoints.load import load_classification
from mamebert.encoder.model import ClassificationNetwork
from mamebert.encoder.settings import EncoderConfig
from mamebert.tasks import Task
from mamebert.tasks.classification import Classification
from mamebert.tokenizer.encoding import Tokenizer

LONG = "The wet boat meets the rope. The old tide leaves the gull. " * 12
TEXTS = ["The old bean holds the leaf.", LONG, "", "A gull.", LONG[: len(LONG) // 2], "Salt, salt and salt."]


@pytest.fixture(scope="module")
def tokenizer(classifiers):
    return Tokenizer.open(classifiers / "models" / "N")


@pytest.fixture(scope="module")
def network(classifiers):
    return load_classification(classifiers / "models" / "N").eval()


@torch.no_grad()
def logits(task, network, documents, batch_tokens=10_000):
    found = torch.zeros(len(documents), network.classifier.out_features)
    for batch in task.batches(documents, range(len(documents)), batch_tokens):
        found[batch.rows] = task.logits(network, batch)
    return found


def test_every_sequence_is_cls_text_sep_and_fits(tokenizer):
    task = Classification(max_length=16, long_documents="chunks", max_chunks=3)
    documents, share_cut = task.encode(tokenizer, TEXTS)
    for sequence in (s for document in documents for s in document):
        assert (sequence[0], sequence[-1]) == (tokenizer.cls_id, tokenizer.sep_id)
        assert 2 <= len(sequence) <= 16
    assert [len(document) for document in documents] == [1, 3, 1, 1, 3, 1]
    assert share_cut == pytest.approx(2 / 6)
    whole = tokenizer.encode(LONG).ids
    assert np.concatenate([s[1:-1] for s in documents[1]]).tolist() == whole[: 3 * 14].tolist()


def test_cut_reads_the_beginning(tokenizer):
    documents, _ = Classification(max_length=16).encode(tokenizer, [LONG])
    assert [s[1:-1].tolist() for s in documents[0]] == [tokenizer.encode(LONG).ids[:14].tolist()]


def test_chunks_give_the_mean_of_what_plain_transformers_says_to_each(classifiers, tokenizer, network):
    from transformers import AutoTokenizer, BertForSequenceClassification

    folder = classifiers / "models" / "N"
    theirs = BertForSequenceClassification.from_pretrained(folder).eval()
    their_tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    task = Classification(max_length=32, long_documents="chunks", max_chunks=4)
    ours = logits(task, network, task.encode(tokenizer, TEXTS)[0])
    for text, found in zip(TEXTS, ours, strict=True):
        ids = their_tokenizer(text, add_special_tokens=False)["input_ids"][: 4 * 30]
        chunks = [ids[start : start + 30] for start in range(0, max(1, len(ids)), 30)]
        rows = [[their_tokenizer.cls_token_id, *chunk, their_tokenizer.sep_token_id] for chunk in chunks]
        with torch.no_grad():
            expected = torch.cat([theirs(torch.tensor([row])).logits for row in rows]).mean(0)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("batch_tokens", [16, 40, 10_000])
@pytest.mark.parametrize("long_documents", ["cut", "chunks"])
def test_company_in_a_batch_does_not_change_an_answer(tokenizer, batch_tokens, long_documents):
    torch.manual_seed(3)
    shape = EncoderConfig(hidden_size=32, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=32)
    network = ClassificationNetwork(shape, tokenizer.vocab_size, 3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)  # so that answers differ from text to text
    task = Classification(max_length=32, long_documents=long_documents)
    documents, _ = task.encode(tokenizer, TEXTS)
    alone = np.concatenate([task.predict(network, [document]) for document in documents])
    together = task.predict(network, documents, batch_tokens)
    backwards = task.predict(network, documents[::-1], batch_tokens)[::-1]
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(backwards, alone, atol=1e-5)
    assert np.ptp(alone, axis=0).max() > 0.05
    np.testing.assert_allclose(alone.sum(1), 1, atol=1e-5)


def test_batches_hold_every_document_once_within_the_budget(tokenizer):
    task = Classification(max_length=16, long_documents="chunks")
    documents, _ = task.encode(tokenizer, TEXTS * 5)
    order = np.random.default_rng(0).permutation(len(documents)).tolist()
    batches = list(task.batches(documents, order, 60))
    assert [row for batch in batches for row in batch.rows] == order
    assert all(len(b.packed.ids) <= 60 or len(b.rows) == 1 for b in batches)
    in_order = list(task.batches(documents, range(len(documents)), 60))
    assert task.num_batches(documents, 60) == len(in_order)


def test_the_loss_is_the_mean_cross_entropy_of_the_documents_whole_or_in_parts(tokenizer, network):
    task = Classification(max_length=16, long_documents="chunks")
    documents, _ = task.encode(tokenizer, TEXTS)
    labels = torch.tensor([0, 1, 2, 0, 1, 2])
    (batch,) = task.batches(documents, [3, 1, 5], 10_000)
    expected = torch.nn.functional.cross_entropy(logits(task, network, documents)[[3, 1, 5]], labels[[3, 1, 5]])
    torch.testing.assert_close(task.loss(network, batch, labels, 3).total, expected)
    parts = list(task.batches(documents, batch.rows, 1))
    assert len(parts) == 3
    torch.testing.assert_close(sum(task.loss(network, part, labels, 3).total for part in parts), expected)


@pytest.mark.parametrize("kind", Task.names())
def test_settings_survive_saving(kind):
    task = Task.find(kind)(max_length=77)
    assert Task.model_validate(task.model_dump(mode="json")) == task
