"""`call_db`: the ORM from async code, without leaks between tenants."""

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import ClassVar

import pytest
import structlog

from tenants import db
from tenants.db import THREADS, call_db
from tenants.models import ApiKey
from tenants.scope import current, tenant_scope
from tests.cast import make_tenant

pytestmark = pytest.mark.django_db(transaction=True)


def make_tenants(count):
    tenants = [make_tenant() for _ in range(count)]
    for index, tenant in enumerate(tenants):
        with tenant_scope(tenant.id):
            for row in range(index % 3 + 1):
                ApiKey.objects.create(name=str(index), prefix=f"sb_{index}_{row}", digest=b"x")
    return tenants


def names(tenant_id, fail):
    with tenant_scope(tenant_id):
        found = list(ApiKey.objects.values_list("name", flat=True))
        if fail:
            raise LookupError
        return found


async def test_many_tenants_at_once_see_their_own_rows_only():
    tenants = await call_db(make_tenants, 12)

    answers = await asyncio.gather(
        *(call_db(names, tenant.id, fail=(turn % 3 == 2)) for turn in range(6) for tenant in tenants),
        return_exceptions=True,
    )

    for place, answer in enumerate(answers):
        turn, index = divmod(place, len(tenants))
        if turn % 3 == 2:
            assert isinstance(answer, LookupError)
        else:
            assert answer == [str(index)] * (index % 3 + 1)


async def test_a_few_threads_do_it_and_the_loops_own_is_none_of_them():
    seen = await asyncio.gather(*(call_db(threading.get_ident) for _ in range(40)))

    assert threading.get_ident() not in seen
    assert len(set(seen)) <= THREADS


async def test_the_logs_context_goes_along():
    with structlog.contextvars.bound_contextvars(call="c1"):
        assert (await call_db(structlog.contextvars.get_contextvars))["call"] == "c1"


def test_a_scope_does_not_go_along():
    tenant = make_tenant()

    with tenant_scope(tenant.id):
        assert asyncio.run(call_db(current)) is None
        assert current().tenant_id == tenant.id


async def test_an_error_comes_back():
    def fail():
        raise LookupError("no")

    with pytest.raises(LookupError, match="no"):
        await call_db(fail)


def test_a_pools_connection_that_was_given_back_is_kept_again_when_it_returns(monkeypatch):
    class Wrapper:
        settings_dict: ClassVar = {"OPTIONS": {"pool": {"max_size": 2 * db.THREADS}}}
        connection, close_at = object(), 0.0

        def is_usable(self):
            return True

        def close_if_unusable_or_obsolete(self):
            if time.monotonic() >= self.close_at:
                self.connection = None

    wrapper = Wrapper()
    raw = wrapper.connection
    monkeypatch.setattr(db, "connections", SimpleNamespace(all=lambda initialized_only: [wrapper]))
    db._tidy()
    assert wrapper.connection is raw

    wrapper.close_at = 0.0  # its minute is over
    db._tidy()
    assert wrapper.connection is None

    wrapper.connection = raw  # from the pool, whose connections Django would close at once
    db._tidy()

    assert wrapper.connection is raw
    assert wrapper.close_at > time.monotonic()
