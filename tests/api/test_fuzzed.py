"""Schemathesis over the OpenAPI document against a running server: every operation, all checks."""

import pytest
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from agents.seeding import seed_agents
from api.site import document
from tenants import keys
from tenants.scope import tenant_scope
from tests.cast import gather

OPERATIONS = [
    pytest.param(method, path, id=operation["operationId"])
    for path, methods in document()["paths"].items()
    for method, operation in methods.items()
]


@pytest.fixture
def described(live_server, settings):
    """The document, with a server behind it and a key for it."""
    settings.API_REQUESTS_PER_MINUTE = 1_000_000
    cast = gather()
    seed_agents(cast.tenant, cast.owner)
    with tenant_scope(cast.tenant.id):
        keys.store("Fuzz", key := keys.new_key())
    found = schemathesis.openapi.from_dict(document())
    found.config.update(base_url=live_server.url)
    # No document can say that text has no character of code 0; keys are tried in `test_api.py`.
    found.config.generation.update(allow_x00=False, with_security_parameters=False)
    return found, {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize("mode", list(GenerationMode), ids=lambda mode: mode.value)
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
def test_every_answer_is_one_that_the_document_promises(described, method, path, mode):
    found, headers = described

    @examples(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(found[path][method].as_strategy(generation_mode=mode))
    def check(case):
        case.call_and_validate(headers=headers, timeout=60)

    try:
        check()
    except Unsatisfiable:
        assert (path, mode) == ("/api/v1/me", GenerationMode.NEGATIVE)  # it takes nothing that could be wrong
