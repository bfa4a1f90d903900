"""Is this callback from the carrier, and is it new? Decided, and stored, before anybody acts on it.

The unguessable token in the path always counts; a signature according to the account's mode, against the public
address (never the internal one). Headers carry the account's credentials in clear (vobiz.md 2.8): they are not logged
and not stored.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import structlog
from django.conf import settings
from django.core.exceptions import SuspiciousOperation
from django.db import IntegrityError, transaction
from django.http import HttpRequest, QueryDict, UnreadablePostError
from django.utils import timezone

from telephony import metrics
from telephony.models import CarrierAccount, PhoneNumber, UsedNonce, WebhookEvent
from telephony.vobiz import signature
from telephony.vobiz.signature import Mode, Verdict
from tenants.scope import platform_scope, tenant_scope

MAX_BYTES: Final = 64 * 1024
MAX_FIELDS: Final = 100
FORM: Final = "application/x-www-form-urlencoded"

_SECRET = re.compile(r"token|secret|password|signature", re.IGNORECASE)
_SECRET_PATH = re.compile(r"(/media/|/vobiz/[a-z-]+/)[^/\s]+")
"""Addresses of ours that the carrier says back (`ServiceURL`): their last part opens a socket."""

log = structlog.get_logger(__name__)


class RefusedCallback(Exception):
    """Not from the carrier, not new, or not readable: answer with `status` and nothing else happens."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Callback:
    """A genuine callback. `event_id`: its row; None for one that is only judged."""

    kind: str
    number: PhoneNumber
    fields: dict[str, str]
    event_id: UUID | None


def take(kind: str, token: str, request: HttpRequest, unkept: Collection[str] = ()) -> Callback:
    """Judge and store a callback; one whose `Event` is among `unkept` is judged only.

    Raises `RefusedCallback` with 400, 401, 403, 404 or 413; opens its own scopes.
    """
    fields = _fields(request)
    with platform_scope("a callback's path token"):
        known = PhoneNumber.objects.select_related("agent__published").filter(token=_plain(token, 64))
        number = known.first()
    if number is None:
        raise _refuse(kind, 404, "unknown address", path=hashlib.sha256(token.encode()).hexdigest()[:12])
    with tenant_scope(number.tenant_id):
        account = CarrierAccount.objects.first()
        verdict = _judge(account, kind, number, request)
        if fields.get("Event", "") not in unkept:
            return Callback(kind, number, fields, _store(kind, number, fields, verdict))
        if UsedNonce.objects.filter(nonce__in=verdict.nonces).exists():
            raise _refuse(kind, 403, "nonce used before", number=number.e164)
    return Callback(kind, number, fields, None)


def close(callback: Callback, error: str = "") -> None:
    """Mark the stored callback as handled, or say why it was not; then the carrier may send it again."""
    with tenant_scope(callback.number.tenant_id):
        WebhookEvent.objects.filter(id=callback.event_id).update(
            handled_at=None if error else timezone.now(), error=error
        )


def _fields(request: HttpRequest) -> dict[str, str]:
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > MAX_BYTES:
            raise RefusedCallback(413, "too long")
        if request.method == "GET":
            return _last_of_each(request.GET)
        return _last_of_each(request.POST) if request.content_type == FORM else {}
    except (SuspiciousOperation, UnreadablePostError, ValueError) as error:
        raise RefusedCallback(400, "unreadable form") from error


def _last_of_each(given: QueryDict) -> dict[str, str]:
    return {name: str(given[name]) for name in given}


def _judge(account: CarrierAccount | None, kind: str, number: PhoneNumber, request: HttpRequest) -> Verdict:
    url = settings.PUBLIC_URL.rstrip("/") + request.path
    tokens = (account.auth_token,) if account else ()
    parents = (account.parents_token,) if account else ()
    verdict = signature.verify(request.headers, url, tokens, parents)
    # Without an account there is nothing to check with: the path's token stands alone.
    mode = Mode(account.signature_mode) if account else Mode.OFF
    decision = signature.decide(mode, verdict)
    if not decision.accepted:
        raise _refuse(kind, decision.value, verdict.reason, number=number.e164)
    return verdict


def _store(kind: str, number: PhoneNumber, fields: dict[str, str], verdict: Verdict) -> UUID:
    digest = hashlib.sha256(repr(sorted(fields.items())).encode("utf-8", "surrogatepass")).hexdigest()
    kept = {_plain(name, 64): _plain(value, 1024) for name, value in list(fields.items())[:MAX_FIELDS]}
    kept = {
        name: "(removed)" if _SECRET.search(name) else _SECRET_PATH.sub(r"\1(removed)", value)
        for name, value in kept.items()
    }
    try:
        with transaction.atomic():
            event: WebhookEvent = WebhookEvent.objects.create(
                number=number,
                kind=kind,
                carrier_id=kept.get("CallUUID", "")[:64],
                fields=kept,
                signed_with=verdict.version or "",
                digest=digest if verdict.nonces else "",
            )
            for nonce in verdict.nonces:
                UsedNonce.objects.create(event=event, nonce=nonce)
    except IntegrityError:
        return _again(kind, number, digest, verdict)
    return event.id


def _again(kind: str, number: PhoneNumber, digest: str, verdict: Verdict) -> UUID:
    """A nonce is good once. Only what we said that we failed to handle may come again, just as it was and with all of
    its nonces; of several such copies one is taken."""
    failed = WebhookEvent.objects.filter(handled_at=None).exclude(error="")
    earlier: WebhookEvent | None = (
        failed.filter(nonces__nonce__in=verdict.nonces, number=number, kind=kind, digest=digest).distinct().first()
    )
    if (
        earlier is None
        or {nonce.nonce for nonce in earlier.nonces.all()} != set(verdict.nonces)
        or not failed.filter(id=earlier.id).update(error="")
    ):
        raise _refuse(kind, 403, "nonce used before", number=number.e164)
    return earlier.id


def _plain(text: str, limit: int) -> str:
    """Text that PostgreSQL's JSON takes: NUL and lone surrogates are not for storing."""
    return text[:limit].replace("\0", "\ufffd").encode("utf-8", "replace").decode()


def _refuse(kind: str, status: int, reason: str, **where: str) -> RefusedCallback:
    metrics.webhooks_refused_total.labels(str(status)).inc()
    log.warning("callback_refused", kind=kind, status=status, reason=reason, **where)
    return RefusedCallback(status, reason)
