"""Bodies that are broken in thousands of ways: each is answered or refused, in JSON, and the server goes on.

MAMEBERT_BODIES sets how many the slow test sends: 10,000 by default.
"""

import http.client
import json
import os
import random
from copy import deepcopy

import pytest

TEXT = "The old [MASK] meets the rope."
VALID = {
    "/": {"inputs": TEXT},
    "/models/tagging": {"inputs": [TEXT], "parameters": {"top_k": 2}},
    "/embed": {"inputs": [TEXT, "A gull."], "normalize": True, "dimensions": 8},
    "/predict": {"inputs": [[TEXT], ["A gull.", "A boat."]], "model": "classification"},
    "/rerank": {"query": TEXT, "texts": ["A gull.", "A boat."], "return_text": True},
    "/similarity": {"inputs": {"source_sentence": TEXT, "sentences": ["A gull."]}},
    "/v1/embeddings": {"input": [TEXT], "encoding_format": "base64", "dimensions": 4},
    "/v1/predict": {"inputs": [{"text": TEXT}], "model": "long_documents"},
    "/v1/classify": {"inputs": [[TEXT, "A gull."]]},
    "/v1/tag": {"inputs": [{"words": ["A", "gull"]}, TEXT]},
    "/v1/parse": {"inputs": TEXT},
    "/v1/summarise": {"inputs": "A gull. A boat. The rope."},
    "/v1/answer": {"question": "What?", "context": TEXT},
    "/v1/choose": {"question": "What?", "choices": ["a boat", "a pot"]},
    "/v1/fill-mask": {"inputs": TEXT, "top": 3, "model": "words"},
    "/v1/attention": {"text": "A gull."},
}
VALUES = [
    None, True, False, 0, -1, 1e308, -0.0, 10**30, "", " ", "\x00", "\u200f\u202e", "🫘" * 9, "e\u0301" * 40,
    "[MASK]" * 70, "[CLS] [SEP]", [], [[]], [[[[[]]]]], {}, {"": {}}, {"text": None}, [None], [TEXT, 3],
    {"inputs": TEXT}, "x" * 3000, "words", "NaN", ["[MASK]"] * 30,
]  # fmt: skip
SPLICED = [
    b"NaN", b"Infinity", b"-Infinity", b"1e999", b"\\ud800", b"\\udc00\\ud800", b"\xff", b"\xc3", b"\xed\xa0\x80",
    b"\x00", b"\xf4\x90\x80\x80", b"[" * 300, b'{"a":' * 300, b"\\u0000", b"\xef\xbb\xbf", b"9" * 400, b",,", b'"',
    b"\\", b"}", b"]", b"// x", b"'", b"0x10", b"\\x41", b"tru", b"\r\n\r\n",
]  # fmt: skip
ANSWERED = (200, 404, 413, 422)


def bodies(number, seed):
    """Yield paths with bodies: with values of another kind, bytes put in, out and changed, cut, huge, and deep."""
    rng = random.Random(seed)
    for _ in range(number):
        path = rng.choice(list(VALID))
        body = deepcopy(VALID[path])
        for _ in range(rng.choice([0, 1, 1, 2])):
            swap_a_value(rng, body)
        content = json.dumps(body, ensure_ascii=rng.random() < 0.5).encode()
        for _ in range(rng.choice([0, 0, 1, 1, 2, 5])):
            content = changed(rng, content)
        if rng.random() < 0.002:
            content = rng.choice([content * (10_000_000 // max(len(content), 1)), b"[" * 3_000_000, b" " * 1_900_000])
        yield path, content


def swap_a_value(rng, body):
    """Put something else in the place of a value, at any depth, or another name in that of a key."""
    while True:
        place = rng.choice(list(body) if isinstance(body, dict) else range(len(body))) if body else None
        if place is None:
            return
        inner = body[place]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.6:
            body = inner
            continue
        if isinstance(body, dict) and rng.random() < 0.2:
            body[rng.choice(["inputs", "model", "text", "", "columns"])] = body.pop(place)
        else:
            body[place] = deepcopy(rng.choice(VALUES))
        return


def changed(rng, content):
    at, until = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    how = rng.randrange(5)
    if how == 0:
        return content[:at] + rng.choice(SPLICED) + content[at:]
    if how == 1:
        return content[:at] + content[until:]
    if how == 2:
        return content[:at]
    if how == 3:
        return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]
    return content[:at] + content[at:until] * 2 + content[until:]


def send_all(reached, number, seed):
    """Send bodies on connections that stay open, and return how often each status was told."""
    told = {}
    connection = http.client.HTTPConnection("127.0.0.1", reached.port, timeout=120)
    for path, content in bodies(number, seed):
        where = path, content[:300]
        try:
            connection.request("POST", path, content)
        except (BrokenPipeError, ConnectionResetError):  # it was refused while we still sent, and closed
            assert len(content) > 2**20, where
        try:
            response = connection.getresponse()
            said = response.read()
            told[response.status] = told.get(response.status, 0) + 1
            assert response.status in ANSWERED, (where, response.status, said[:300])
            assert json.loads(said) or response.status == 200, where
            assert (response.status == 200) != (b'"error"' in said[:12]), (where, said[:300])
        except (ConnectionResetError, http.client.RemoteDisconnected):
            assert len(content) > 2**20, where
            connection.close()
    connection.close()
    return told


def look(reached, number, seed):
    asked = ("/v1/fill-mask", {"inputs": TEXT, "model": "words"})
    before = reached.ask(*asked).text
    workers = {name: model._worker for name, model in reached.server.models.items()}
    told = send_all(reached, number, seed)
    assert told.get(200, 0) > number / 50  # some of what is changed can be answered all the same
    assert told.get(422, 0) > number / 4
    assert reached.ask(*asked).text == before
    assert {name: model._worker for name, model in reached.server.models.items()} == workers  # none has ended
    return told


def test_hundreds_of_broken_bodies_are_answered_in_json(everything):
    look(everything, 300, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_broken_bodies_are_answered_in_json(everything):
    print(
        look(
            everything, int(os.environ.get("MAMEBERT_BODIES", "10000")), seed=int(os.environ.get("MAMEBERT_SEED", "2"))
        )
    )
