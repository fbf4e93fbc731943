"""Clients that nobody here wrote."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from mamebert.serving.load import load

TEXTS = ["The old boat meets the rope.", "A gull leaves the pier."]


@pytest.fixture(scope="module")
def vectors(toy_folders):
    return np.array([each["vector"] for each in load(toy_folders["sentence_embeddings"])(TEXTS)], np.float32)


def test_the_client_of_openai(everything, vectors):
    openai = pytest.importorskip("openai", reason="the client is not installed")
    client = openai.OpenAI(base_url=f"{everything.url}/v1", api_key="any", max_retries=0)
    assert "sentence_embeddings" in [each.id for each in client.models.list()]
    packed = client.embeddings.create(model="sentence_embeddings", input=TEXTS)  # it asks for base64 by itself
    plain = client.embeddings.create(model="sentence_embeddings", input=TEXTS, encoding_format="float")
    for found in (packed, plain):
        np.testing.assert_array_equal(np.array([each.embedding for each in found.data], np.float32), vectors)
    with pytest.raises(openai.NotFoundError, match="Did you mean"):
        client.embeddings.create(model="sentence_embedings", input=TEXTS)
    with pytest.raises(openai.UnprocessableEntityError, match="cannot be answered"):
        client.embeddings.create(model="sentence_embeddings", input="")


def test_the_client_of_hugging_face(everything, vectors, toy_folders, monkeypatch):
    hub = pytest.importorskip("huggingface_hub", reason="the client is not installed")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)  # it asks this machine alone

    def client(name):
        return hub.InferenceClient(f"{everything.url}/models/{name}", token="any")

    np.testing.assert_array_equal(client("sentence_embeddings").feature_extraction(TEXTS[0])[0], vectors[0])
    (label, *_) = client("long_documents").text_classification(TEXTS[0])
    (ours,) = load(toy_folders["long_documents"])(TEXTS[0])
    assert (label.label, label.score) == (ours["label"], ours["probability"])
    for marked in client("tagging").token_classification(TEXTS[0]):
        assert TEXTS[0][marked.start : marked.end] == marked.word
    words = client("words").fill_mask("The old [MASK] meets the rope.")
    assert [each.token_str for each in words][:2] == [
        word for word, _ in load(toy_folders["words"])("The old [MASK] meets the rope.")[0][0]
    ][:2]
    answer = client("span_qa").question_answering(question="What?", context=TEXTS[0])
    assert answer.answer == load(toy_folders["span_qa"])([["What?", TEXTS[0]]])[0]["text"]
    near = client("sentence_embeddings").sentence_similarity(TEXTS[0], other_sentences=TEXTS)
    assert near[0] == pytest.approx(1)
    assert near[1] < 1


LANGCHAIN = """
import json, sys
from huggingface_hub import InferenceClient
from langchain_huggingface import HuggingFaceEndpointEmbeddings
embeddings = HuggingFaceEndpointEmbeddings(model="any/any", huggingfacehub_api_token="any")
embeddings.client = InferenceClient(f"{sys.argv[1]}/models/sentence_embeddings", token="any")  # it takes no address
print(json.dumps([*embeddings.embed_documents(sys.argv[2:]), embeddings.embed_query(sys.argv[2])]))
"""
LLAMA_INDEX = """
import json, sys
from llama_index.embeddings.text_embeddings_inference import TextEmbeddingsInference
embeddings = TextEmbeddingsInference("any", base_url=sys.argv[1])
print(json.dumps([*embeddings.get_text_embedding_batch(sys.argv[2:]), embeddings.get_query_embedding(sys.argv[2])]))
"""


@pytest.mark.parametrize(
    ("module", "program", "body"),
    [
        ("langchain_huggingface", LANGCHAIN, {"model": "sentence_embeddings", "inputs": TEXTS, "normalize": False}),
        ("llama_index", LLAMA_INDEX, {"inputs": TEXTS}),
    ],
)
def test_clients_that_want_other_versions_than_ours(module, program, body, everything):
    """MAMEBERT_CLIENTS names a Python that has them: one wants an older huggingface_hub, one brings 80 packages."""
    python = os.environ.get("MAMEBERT_CLIENTS") or (find_spec(module) and sys.executable)
    if not python:
        pytest.skip(f"{module} is not installed, and MAMEBERT_CLIENTS names no Python that has it")
    ours = {name: value for name, value in os.environ.items() if name not in ("HF_HUB_OFFLINE", "PYTHONPATH")}
    words = [python, "-c", program, everything.url, *TEXTS]
    done = subprocess.run(words, env=ours, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    *several, query = json.loads(done.stdout)
    expected = everything.ask("/embed", body).json
    np.testing.assert_array_equal(np.array(several, np.float32), np.array(expected, np.float32))
    np.testing.assert_array_equal(np.array(query, np.float32), np.array(expected[0], np.float32))
