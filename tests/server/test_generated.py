"""Requests made from the description by schemathesis, right and wrong ones: no 5xx, and JSON whatever is sent.

MAMEBERT_CASES sets how many for each route; a few by default.
"""

import os

import hypothesis
import pytest

schemathesis = pytest.importorskip("schemathesis", reason="it is not installed")

CASES = int(os.environ.get("MAMEBERT_CASES", "8"))
PATIENCE = 120
"""Seconds for an answer: the machine may be doing other things."""
ANSWERED = (200, 204, 404, 405, 413, 422)


@pytest.fixture(scope="module")
def description(everything):
    return schemathesis.openapi.from_url(f"{everything.url}/openapi.json")


def test_whatever_is_sent_is_answered(description):
    operations = [each.ok() for each in description.get_all_operations()]
    assert len(operations) > 20
    for operation in operations:

        @hypothesis.settings(max_examples=CASES, deadline=None, suppress_health_check=list(hypothesis.HealthCheck))
        @hypothesis.given(case=operation.as_strategy())
        def is_answered(case):
            response = case.call(timeout=PATIENCE)
            assert response.status_code in ANSWERED, (case.path, response.status_code, response.text[:300], case.body)
            if response.status_code == 200 and case.path != "/metrics":
                response.json()
            elif response.status_code > 204:
                assert "error" in response.json()

        is_answered()
