"""The service does what its OpenAPI description says, and nothing makes it fail."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.search import small

CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]
ROUTES = 13


@pytest.fixture(scope="module")
def schema(tmp_path_factory):
    place = small.place(tmp_path_factory.mktemp("schema"), small.tiny_network(), 4)
    with small.running(place.app()) as address:
        yield schemathesis.openapi.from_url(f"{address}/api/openapi.json")


@pytest.mark.slow
def test_whatever_is_asked_is_answered_as_described(schema):
    operations = [found.ok() for found in schema.get_all_operations()]
    assert len(operations) == ROUTES
    for operation in operations:
        assert operation.definition.raw["description"]

        @given(case=operation.as_strategy())
        @settings(max_examples=8, suppress_health_check=list(HealthCheck))
        def check(case):
            case.call_and_validate(checks=CHECKS, timeout=60)

        check()
