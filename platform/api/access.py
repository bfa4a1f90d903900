"""Who asks: API keys, what each may do, and how often.

A key belongs to a tenant and holds some of the permissions of `tenants.access`. All that an operation reads or writes
happens in its tenant's scope; rows of others are not there, which is 404.
"""

from __future__ import annotations

import hmac
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import wraps
from typing import Final, ParamSpec, TypeVar, cast

from django.conf import settings
from django.db.models import Case, F, PositiveIntegerField, Q, Value, When
from django.http import HttpRequest
from django.utils import timezone
from ninja.security import HttpBearer

from api.problems import ProblemError
from tenants import keys
from tenants.access import Permission
from tenants.models import ApiKey, Tenant
from tenants.scope import platform_scope, tenant_scope

WINDOW: Final = timedelta(minutes=1)

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Caller:
    """A program with a key."""

    key: ApiKey
    tenant: Tenant
    permissions: frozenset[str]


class ApiRequest(HttpRequest):
    """What an operation is given."""

    caller: Caller


class Bearer(HttpBearer):
    """`Authorization: Bearer sb_…`: for the description; `door.ApiMiddleware` has looked at it."""

    def __call__(self, request: HttpRequest) -> Caller | None:
        return getattr(request, "caller", None)

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        return getattr(request, "caller", None)


def authenticate(request: HttpRequest, now: datetime) -> Caller | None:
    """Whose key the request bears; None without a valid one. Counts the request: see `limits`."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.isascii():
        return None
    with platform_scope("an API key"):
        key = ApiKey.objects.select_related("tenant").filter(prefix=token[: keys.PREFIX_LENGTH]).first()
        if key is None or not hmac.compare_digest(bytes(key.digest), keys.digest(token)) or not key.is_valid(now):
            return None
        _count(key, now)
    return Caller(key, key.tenant, frozenset(key.permissions))


def limits(key: ApiKey, now: datetime) -> tuple[bool, dict[str, str]]:
    """Whether there were too many requests in this minute, and the headers that tell."""
    most = settings.API_REQUESTS_PER_MINUTE
    reset_s = max(1, round(((key.window_began_at or now) + WINDOW - now).total_seconds()))
    headers = {
        "RateLimit-Limit": str(most),
        "RateLimit-Remaining": str(max(0, most - key.window_used)),
        "RateLimit-Reset": str(reset_s),
    }
    return key.window_used > most, headers


def _count(key: ApiKey, now: datetime) -> None:
    fresh = Q(window_began_at__isnull=True) | Q(window_began_at__lte=now - WINDOW)
    ApiKey.objects.filter(id=key.id).update(
        window_used=Case(When(fresh, then=Value(1)), default=F("window_used") + 1, output_field=PositiveIntegerField()),
        window_began_at=Case(When(fresh, then=Value(now)), default=F("window_began_at")),
        last_used_at=now,
    )
    key.refresh_from_db(fields=["window_used", "window_began_at"])


def endpoint(permission: Permission | None, *, waits: bool = False) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """The door of an operation: the key must hold `permission` (None: any key).

    It runs in the tenant's scope and in one transaction; with `waits` in none, because it asks somebody outside.
    """

    def decorate(operation: Callable[P, R]) -> Callable[P, R]:
        @wraps(operation)
        def run(*args: P.args, **kwargs: P.kwargs) -> R:
            caller = cast("ApiRequest", args[0]).caller
            if permission is not None and permission not in caller.permissions:
                raise ProblemError(403, f"This key may not “{permission}”.", code="not_allowed")
            if waits:
                return operation(*args, **kwargs)
            with tenant_scope(caller.tenant.id), timezone.override(caller.tenant.time_zone):
                return operation(*args, **kwargs)

        # Ninja would look for the names of the annotations in this module.
        run.__dict__["__signature__"] = inspect.signature(operation, eval_str=True)
        run.__dict__["permission"] = permission
        return run

    return decorate
