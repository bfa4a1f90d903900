"""A POST that may be sent again: with an `Idempotency-Key` it is done once, and the answer is kept for a day.

The claim is committed before the operation begins. Whoever finds a claim without an answer is told so (409): the
operation is under way, or the process died in the middle of it, and then nobody knows what became of it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from api.access import Caller
from api.models import Repeatable
from api.problems import ProblemError, response
from tenants.scope import tenant_scope

KEPT: Final = timedelta(days=1)
HEADER: Final = "Idempotency-Key"
USUAL: Final = re.compile(r"[!-~]{1,255}", re.ASCII)


def once(
    request: HttpRequest, caller: Caller, now: datetime, answer: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    """The answer to this request, made by `answer` if this is the first time."""
    key = request.headers.get(HEADER)
    if request.method != "POST" or key is None:
        return answer()
    if not USUAL.fullmatch(key):
        words = f"{HEADER} has 1 to 255 printable ASCII characters and no space."
        return response(ProblemError(422, words, errors=[(HEADER, words)]))
    digest = hashlib.sha256(b"\n".join([request.get_full_path().encode(), request.body])).digest()
    with tenant_scope(caller.tenant.id):
        claim, is_ours = Repeatable.objects.get_or_create(
            api_key=caller.key, key=key, defaults={"digest": digest, "created_at": now}
        )
    if not is_ours:
        return _again(claim, digest)
    given = answer()
    with tenant_scope(caller.tenant.id):
        if isinstance(given, HttpResponse) and given.status_code < 500:
            claim.status, claim.media_type = given.status_code, given.headers.get("Content-Type", "")
            claim.body = given.content.decode()
            claim.save(update_fields=["status", "media_type", "body"])
        else:
            claim.delete()
    return given


def _again(claim: Repeatable, digest: bytes) -> HttpResponse:
    if bytes(claim.digest) != digest:
        return response(
            ProblemError(
                409,
                "This Idempotency-Key came before with another request.",
                code="key_used",
                errors=[(HEADER, "belongs to another request")],
            )
        )
    if claim.status is None:
        return response(ProblemError(409, "The first request has no answer yet.", code="no_answer", Retry_After="1"))
    return HttpResponse(
        claim.body,
        status=claim.status,
        content_type=claim.media_type,
        headers={"Idempotent-Replayed": "true"},
    )


def forget(now: datetime) -> int:
    """Delete what is older than a day, of all tenants. In a platform scope."""
    return Repeatable.objects.filter(created_at__lt=now - KEPT).delete()[0]
