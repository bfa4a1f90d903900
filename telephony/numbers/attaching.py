"""Telling the carrier where a number's calls go: one application per number, because its addresses hold the number's
secret token."""

from __future__ import annotations

from django.utils import timezone

from telephony.addresses import callback_url
from telephony.carrier import ApplicationUrls, Carrier, CarrierError
from telephony.models import PhoneNumber
from telephony.numbers.models import Rental
from tenants import audit
from tenants.models import User
from tenants.scope import tenant_scope


def urls_of(number: PhoneNumber) -> ApplicationUrls:
    """Our addresses for a number's calls."""
    return ApplicationUrls(
        answer_url=callback_url("answer", number),
        hangup_url=callback_url("hangup", number),
        fallback_url=callback_url("fallback", number),
    )


def name_of(number: PhoneNumber) -> str:
    """What its application is called at the carrier: the same on every try, another one per installation."""
    return f"switchboard-{number.e164.lstrip('+')}-{number.id.hex[:8]}"


def attach(actor: User, number: PhoneNumber, carrier: Carrier) -> None:
    """Make the number's application, or bring it up to date, and bind the number to it.

    Blocking, opens its own scopes, may be repeated. Raises `CarrierError`.
    """
    with tenant_scope(number.tenant_id):
        rental = Rental.objects.filter(number=number).first()
    app_id = _updated(carrier, rental.own_application_id, number) if rental else ""
    app_id = app_id or _made(carrier, number)
    with tenant_scope(number.tenant_id):
        # Kept before the number is bound: a second try finds it.
        Rental.objects.update_or_create(number=number, defaults={"own_application_id": app_id})
    carrier.attach(number.e164, app_id)
    with tenant_scope(number.tenant_id):
        Rental.objects.filter(number=number).update(
            application_id=app_id, trunk_id="", status="active", seen_at=timezone.now()
        )
        audit.record(actor, "attached number", number, e164=number.e164, application=app_id)


def _updated(carrier: Carrier, app_id: str, number: PhoneNumber) -> str:
    """The application's id; empty when it is not there any more."""
    if not app_id:
        return ""
    try:
        carrier.update_application(app_id, urls_of(number))
    except CarrierError as error:
        if error.kind == "not_found":
            return ""
        raise
    return app_id


def _made(carrier: Carrier, number: PhoneNumber) -> str:
    """A new one; or the one of that name, where an earlier try made it and nobody heard of it."""
    name, urls = name_of(number), urls_of(number)
    try:
        return carrier.create_application(name, urls)
    except CarrierError as error:
        if not (error.unknown_outcome or error.kind == "conflict"):
            raise
        there = next((app for app in carrier.applications() if app.name == name), None)
        if there is None:
            raise
        carrier.update_application(there.app_id, urls)
        return there.app_id
