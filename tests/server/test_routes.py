"""The shapes that clients of other servers know, and refusals in one sentence."""

import base64
import json
import struct

import numpy as np
import pytest
from tests.server.conftest import serving

from mamebert.serving.load import load

TEXTS = ["The old boat meets the rope.", "A gull leaves the pier.", "Salt the bread."]


@pytest.fixture(scope="module")
def vectors(toy_folders):
    return np.array([each["vector"] for each in load(toy_folders["sentence_embeddings"])(TEXTS)])


def test_openai_gives_vectors_as_numbers_or_bytes(everything, vectors):
    asked = {"input": TEXTS, "model": "sentence_embeddings"}
    said = everything.ask("/v1/embeddings", asked).json
    assert [each["embedding"] for each in said["data"]] == vectors.tolist()
    assert [each["index"] for each in said["data"]] == [0, 1, 2]
    assert said["usage"]["prompt_tokens"] == said["usage"]["total_tokens"] > 10
    packed = everything.ask("/v1/embeddings", {**asked, "encoding_format": "base64"}).json
    for each, vector in zip(packed["data"], vectors, strict=True):
        assert struct.unpack(f"<{len(vector)}f", base64.b64decode(each["embedding"])) == tuple(vector)


def test_fewer_dimensions_are_the_first_ones_at_length_1(everything, vectors):
    said = everything.ask("/v1/embeddings", {"input": TEXTS[0], "dimensions": 5}).json
    cut = vectors[0][:5] / np.linalg.norm(vectors[0][:5])
    assert said["data"][0]["embedding"] == pytest.approx(cut)
    too_many = everything.ask("/v1/embeddings", {"input": TEXTS[0], "dimensions": 9999})
    assert (too_many.status, "9999" in too_many.sentence) == (422, True)


def test_models_are_listed_with_what_they_are_for(everything):
    told = {each["id"]: each for each in everything.ask("/v1/models").json["data"]}
    assert {name: each["kind"] for name, each in told.items() if name not in ("words", "vectors")} == {
        name: name for name in told if name not in ("words", "vectors")
    }
    assert (told["words"]["kind"], told["words"]["mask_token"]) == ("fill-mask", "[MASK]")
    assert told["vectors"]["kind"] == "sentence_embeddings"
    assert told["span_qa"]["columns"] == ["question", "context"]


def test_text_embeddings_inference_embeds_predicts_and_ranks(everything, vectors):
    plain = everything.ask("/embed", {"inputs": TEXTS, "normalize": False}).json
    assert plain == vectors.tolist()
    long = everything.ask("/embed", {"inputs": TEXTS[0]}).json
    assert long[0] == pytest.approx(vectors[0] / np.linalg.norm(vectors[0]))
    one = everything.ask("/predict", {"inputs": TEXTS[0], "model": "long_documents"}).json
    assert sum(each["score"] for each in one) == pytest.approx(1)
    assert [each["score"] for each in one] == sorted((each["score"] for each in one), reverse=True)
    pair = everything.ask("/predict", {"inputs": TEXTS[:2], "model": "classification"}).json
    several = everything.ask("/predict", {"inputs": [TEXTS[:2], TEXTS[1:]], "model": "classification"}).json
    assert several[0] == pair
    ranked = everything.ask("/rerank", {"query": TEXTS[0], "texts": TEXTS, "return_text": True}).json
    assert ranked[0] == {"index": 0, "score": pytest.approx(1), "text": TEXTS[0]}
    assert [each["score"] for each in ranked] == sorted((each["score"] for each in ranked), reverse=True)
    near = everything.ask("/similarity", {"inputs": {"source_sentence": TEXTS[0], "sentences": TEXTS}}).json
    assert near == [next(each["score"] for each in ranked if each["index"] == n) for n in range(3)]
    info = everything.ask("/info").json
    assert (info["model_id"], info["max_client_batch_size"]) == ("words", 256)


def test_hugging_face_asks_by_name_and_by_path(everything, vectors):
    assert everything.ask("/models/sentence_embeddings", {"inputs": TEXTS}).json == vectors.tolist()
    filled = everything.ask("/", {"inputs": "The old [MASK] meets the rope.", "parameters": {"top_k": 2}}).json
    assert [each["sequence"] for each in filled] == [f"The old {each['token_str']} meets the rope." for each in filled]
    assert len(filled) == 2
    labels = everything.ask("/models/long_documents", {"inputs": TEXTS[0]}).json
    assert set(labels[0][0]) == {"label", "score"}
    marked = everything.ask("/models/tagging", {"inputs": TEXTS[0]}).json
    assert all(TEXTS[0][each["start"] : each["end"]] == each["word"] for each in marked)
    question = {"question": "What does the boat meet?", "context": TEXTS[0]}
    answer = everything.ask("/models/span_qa", {"inputs": question}).json
    assert TEXTS[0][answer["start"] : answer["end"]] == answer["answer"]
    summary = everything.ask("/models/extractive_summary", {"inputs": " ".join(TEXTS)}).json
    assert summary[0]["summary_text"]


def test_questions_and_choices_have_fields_of_their_own(everything):
    asked = {"question": "What does the boat meet?", "context": TEXTS[0]}
    said = everything.ask("/v1/answer", asked).json
    assert said == everything.ask("/v1/answer", {"inputs": [asked]}).json
    chosen = everything.ask("/v1/choose", {"question": "What?", "choices": ["a boat", "a pot"]}).json
    assert chosen["answers"][0]["text"] in ("a boat", "a pot")


REFUSED = {
    "another model's work": ("/v1/tag", {"inputs": "x", "model": "span_qa"}, 422),
    "no such model": ("/v1/predict", {"inputs": "x", "model": "spam_qa"}, 404),
    "no such path": ("/v1/tags", {"inputs": "x"}, 404),
    "no text": ("/v1/predict", {"inputs": []}, 422),
    "no field": ("/v1/predict", {}, 422),
    "a number": ("/v1/tag", {"inputs": 3}, 422),
    "numbers of tokens": ("/v1/embeddings", {"input": [[1, 2]]}, 422),
    "an empty text": ("/embed", {"inputs": ""}, 422),
    "a wrong row": ("/v1/answer", {"inputs": [{"question": "x"}]}, 422),
    "no mask": ("/v1/fill-mask", {"inputs": "A boat."}, 422),
    "a long text for an encoder": ("/v1/fill-mask", {"inputs": "[MASK] boat " * 90}, 422),
    "truncation refused": ("/embed", {"inputs": "The boat. " * 90, "truncate": False}, 413),
    "many texts": ("/v1/predict", {"inputs": ["x"] * 257}, 413),
    "many characters": ("/v1/tag", {"inputs": "x" * 200_001}, 413),
    "raw scores": ("/predict", {"inputs": "x", "raw_scores": True}, 422),
    "three texts at once": ("/predict", {"inputs": ["a", "b", "c"]}, 422),
    "vectors of a tagger": ("/embed", {"inputs": "x", "model": "tagging"}, 422),
    "vectors of an encoder": ("/embed", {"inputs": "x", "model": "words"}, 422),
    "scores of a tagger": ("/predict", {"inputs": "x", "model": "tagging"}, 422),
    "ranks of a classifier of single texts": ("/rerank", {"query": "x", "texts": ["y"], "model": "tagging"}, 422),
    "a map that nobody can see": ("/v1/attention", {"text": "boat " * 90}, 413),
}


@pytest.mark.parametrize("why", REFUSED)
def test_what_cannot_be_answered_is_told_in_a_sentence(why, everything):
    path, body, status = REFUSED[why]
    said = everything.ask(path, body)
    assert said.status == status, said
    assert said.sentence.count(". ") <= 3


BODIES = {
    "nothing": b"",
    "half of it": b'{"inputs": "x"',
    "no UTF-8": b'{"inputs": "\xff\xfe"}',
    "half a character": b'{"inputs": "\\ud800"}',
    "NaN": b'{"inputs": [NaN]}',
    "infinity": b'{"inputs": -Infinity}',
    "a huge number": b'{"inputs": 1e999}',
    "a long integer": b'{"inputs": ' + b"9" * 100_000 + b"}",
    "deep": b'{"inputs": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "deep within what is parsed": b'{"inputs": ' + b"[" * 150 + b"]" * 150 + b"}",
    "ten megabytes": b'{"inputs": "' + b"x" * 10_000_000 + b'"}',
    "a list": b"[1]",
    "null": b"null",
    "twice": b'{"inputs": 1, "inputs": {"x": null}}',
    "objects in objects": b'{"inputs": [{"text": {"text": {}}}]}',
    "no JSON": b"inputs=x&y=z",
    "a mark before it": b'\xef\xbb\xbf{"inputs": [true]}',
    "another encoding": '{"inputs": "x"}'.encode("utf-16"),
}
PATHS = [
    "/",
    "/embed",
    "/predict",
    "/rerank",
    "/v1/embeddings",
    "/v1/predict",
    "/v1/answer",
    "/v1/fill-mask",
    "/v1/tag",
]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("body", BODIES)
def test_no_body_makes_the_server_fail(body, path, everything):
    said = everything.ask(path, BODIES[body], method="POST")
    assert said.status in (413, 422), said
    assert said.sentence


@pytest.mark.parametrize("body", [b"x" * 3_000_000])
def test_a_body_of_unknown_size_is_not_read_beyond_its_bound(body, everything):
    import http.client

    connection = http.client.HTTPConnection("127.0.0.1", everything.port, timeout=30)
    try:
        connection.request("POST", "/embed", iter([body[:1000]] * 3000), {"Transfer-Encoding": "chunked"})
        status = connection.getresponse().status
    except (BrokenPipeError, ConnectionResetError):  # it was told while we still sent
        status = 413
    assert status == 413


def test_an_answer_has_no_number_that_json_lacks(everything):
    said = everything.ask("/v1/score", {"inputs": TEXTS})
    json.loads(said.text, parse_constant=pytest.fail)


def test_the_description_has_an_example_for_every_route(everything):
    paths = everything.ask("/openapi.json").json["paths"]
    assert {
        "/v1/embeddings",
        "/embed",
        "/predict",
        "/rerank",
        "/info",
        "/health",
        "/",
        "/models/{name}",
    } <= paths.keys()
    assert everything.ask("/docs").status == 404  # its scripts would come from elsewhere


def test_every_route_that_has_a_body_is_answered_without_the_framework(everything):
    from mamebert.server.api.app import make_app
    from mamebert.server.api.direct import Direct

    described = everything.ask("/openapi.json").json["paths"]
    app = make_app(everything.server, "")
    (direct,) = (Direct(app, **each.kwargs) for each in app.user_middleware if each.cls is Direct)
    ours = {*direct.by_path, *(route.path for route in direct.with_names)}
    assert ours == {path for path, methods in described.items() if "post" in methods}
    everything.ask("/models/words", {"inputs": "[MASK]"})
    known = everything.ask("/metrics").text
    assert 'mamebert_requests_total{route="/models/{name}"' in known


def test_figures_are_those_of_prometheus(everything):
    before = everything.ask("/metrics").text
    everything.ask("/embed", {"inputs": TEXTS, "model": "vectors"})
    after = everything.ask("/metrics").text
    for name in ("queue_texts", "batch_tokens_bucket", "request_seconds_bucket", "tokens_total", "worker_up"):
        assert f"mamebert_{name}" in after
    count = 'mamebert_texts_total{model="vectors"} '

    def texts(told):
        return float(next((line for line in told.splitlines() if line.startswith(count)), "x 0").split()[-1])

    assert texts(after) - texts(before) == 3


def test_whoever_lacks_the_key_is_not_answered(toy_folders, workers_are_threads):
    with serving({"tags": toy_folders["tagging"]}, key="sesame", cors_origins=["https://good.example"]) as reached:
        body = {"inputs": TEXTS[0]}
        for given in ({}, {"Authorization": "Bearer sesam"}, {"Authorization": "Bearer s\xe9same"}):
            said = reached.ask("/v1/tag", body, given)
            assert (said.status, "key" in said.sentence) == (401, True)
        right = {"Authorization": "Bearer sesame"}
        assert reached.ask("/v1/tag", body, right).status == 200
        assert reached.ask("/metrics").status == 401
        assert reached.ask("/health").status == 200
        assert reached.ask("/").status == 200
        for origin, allowed in (("https://good.example", "https://good.example"), ("https://bad.example", None)):
            said = reached.ask("/v1/tag", body, {**right, "Origin": origin})
            assert said.headers.get("access-control-allow-origin") == allowed


def test_no_other_page_may_ask_unless_it_is_named(everything):
    said = everything.ask("/embed", {"inputs": "x"}, {"Origin": "https://any.example"})
    assert not any(name.startswith("access-control") for name in said.headers)


def test_a_text_of_more_tokens_than_are_read_is_refused(toy_folders, workers_are_threads):
    with serving({"m": toy_folders["span_qa"]}, limits={"tokens": 40}) as reached:
        said = reached.ask("/v1/answer", {"question": "What?", "context": "The boat. " * 60})
        assert (said.status, "40 are read" in said.sentence) == (413, True)
        assert reached.ask("/v1/answer", {"question": "What?", "context": "The boat."}).status == 200
