"""REST: numbers (stock, owned, buying, giving back, attaching) and the applications they lead to."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from telephony.simulator.rest import Ask, Refused, Reply, Route, route
from telephony.simulator.world import Application, Number, digits, stamp

RELEASE_FEE = Decimal(50)
RELEASE_AFTER = timedelta(hours=24)
MOST_PER_PAGE = 100


def owned(ask: Ask) -> Reply:
    """`GET /Account/{id}/numbers`."""
    auth_id = ask.account.auth_id
    mine = [each for each in ask.switch.world.numbers.values() if auth_id in (each.auth_id, each.sub_account)]
    search = digits(ask.request.query.get("search", ""))
    return _page(ask, [_owned(each) for each in mine if search in digits(each.e164)])


def stock(ask: Ask) -> Reply:
    """`GET /Account/{id}/inventory/numbers`."""
    query = ask.request.query
    if query.get("country", "IN") != "IN":
        return _page(ask, [])
    search, exclude = digits(query.get("search", "")), digits(query.get("exclude", ""))
    free = [each for each in ask.switch.world.numbers.values() if not each.auth_id]
    found = [each for each in free if search in digits(each.e164) and not (exclude and exclude in digits(each.e164))]
    return _page(ask, [_for_sale(each) for each in found])


def buy(ask: Ask) -> Reply:
    """`POST /Account/{id}/numbers/purchase-from-inventory`: debits the parent at once."""
    number = ask.switch.world.number(ask.request.text("e164"))
    if ask.request.text("currency", "INR") != "INR":
        raise Refused(422, "currency must be INR", shape="details", field="currency")
    if number is None or number.auth_id:
        raise Refused(404, "number is not available", shape="nested")
    payer = ask.switch.world.payer(ask.account.auth_id) or ask.account
    price = number.setup_fee + number.monthly_fee
    if payer.balance < price:
        raise Refused(402, "Insufficient balance", shape="nested")
    payer.pay(price, f"number {number.e164}")
    number.auth_id = payer.auth_id
    number.sub_account = ask.account.auth_id if ask.account.parent else ""
    number.bought_at, number.status = datetime.now(UTC), "active"
    return Reply(201, {"message": "number purchased", "number": _owned(number)})


def release(ask: Ask) -> Reply:
    """`DELETE /Account/{id}/numbers/{n}`: gone in 24 h, at once with `immediate=true`; a fee either way."""
    number = _mine(ask)
    payer = ask.switch.world.payer(ask.account.auth_id) or ask.account
    payer.pay(RELEASE_FEE, f"release {number.e164}")
    if ask.request.query.get("immediate") == "true":
        number.auth_id = number.application_id = number.sub_account = ""
        return Reply(200, {"message": "number released"})
    number.status, number.release_at = "pending_release", datetime.now(UTC) + RELEASE_AFTER
    return Reply(200, {"message": "release scheduled", "release_at": stamp(number.release_at), "release_fee": "50.00"})


def cancel_release(ask: Ask) -> Reply:
    """`POST /account/{id}/numbers/{n}/cancel-release`: the fee comes back."""
    number = _mine(ask)
    if number.status != "pending_release":
        raise Refused(409, "no release is pending", shape="nested")
    payer = ask.switch.world.payer(ask.account.auth_id) or ask.account
    payer.pay(-RELEASE_FEE, f"release of {number.e164} cancelled")
    number.status, number.release_at = "active", None
    return Reply(200, {"message": "release cancelled"})


def health(ask: Ask) -> Reply:
    """`GET /account/{id}/numbers/{n}/health`."""
    number = _mine(ask)
    rows = [each for each in ask.switch.cdrs.values() if digits(number.e164) in each.parties]
    answered = sum(1 for each in rows if each.billsec)
    rate = round(100 * answered / len(rows), 1) if rows else None
    body = {
        "e164": number.e164,
        "is_spam": False,
        "spam_score": 0,
        "total_calls": len(rows),
        "answered_calls": answered,
        "answer_rate": rate,
        "days": _whole(ask, "days", 7),
    }
    return Reply(200, body)


def attach(ask: Ask) -> Reply:
    """`POST .../numbers/{n}/application`: 204, or 200 with JSON on the lower-case path; overwrites what was there."""
    number, app_id = _mine(ask), ask.request.text("application_id")
    _app(ask, app_id)
    number.application_id, number.trunk_group_id = app_id, ""
    if ask.request.path.startswith("/api/v1/account/"):
        return Reply(200, {"message": "application assigned", "application_id": app_id})
    return Reply(204)


def detach(ask: Ask) -> Reply:
    """`DELETE .../numbers/{n}/application`."""
    _mine(ask).application_id = ""
    return Reply(204)


def lend(ask: Ask) -> Reply:
    """`POST /account/{id}/numbers/{n}/assign-subaccount`."""
    number, sub = _mine(ask), ask.switch.world.accounts.get(ask.request.text("sub_account_id"))
    if sub is None or sub.parent != ask.account.auth_id:
        raise Refused(404, "sub-account not found", shape="nested")
    number.sub_account = sub.auth_id
    return Reply(200, {"message": "assigned", "sub_account_id": sub.auth_id})


def take_back(ask: Ask) -> Reply:
    """`DELETE /account/{id}/numbers/{n}/assign-subaccount`: within 15 days it is refused."""
    if not _mine(ask).sub_account:
        raise Refused(409, "not assigned", shape="nested")
    raise Refused(409, "did_cool_off_in_effect", shape="nested")


def make_app(ask: Ask) -> Reply:
    """`POST /Account/{id}/Application/`."""
    app = Application(ask.switch.world.new_id(17), ask.account.auth_id, ask.request.text("app_name"), "")
    _change(app, ask.request.fields() | {"answer_url": ask.request.text("answer_url")})
    ask.switch.world.applications[app.app_id] = app
    return ask.told(201, "created", app_id=app.app_id)


def list_apps(ask: Ask) -> Reply:
    """`GET /Account/{id}/Application/`."""
    found = [_app_shown(each) for each in _apps(ask)]
    limit, offset = _limit(ask, "limit", 20), _whole(ask, "offset", 0)
    meta = {"limit": limit, "offset": offset, "total_count": len(found), "next": None, "previous": None}
    return ask.told(200, meta=meta, objects=found[offset : offset + limit])


def one_app(ask: Ask) -> Reply:
    """`GET .../Application/{app_id}/`."""
    return ask.told(200, **_app_shown(_app(ask, ask.parts["app_id"])))


def change_app(ask: Ask) -> Reply:
    """`POST .../Application/{app_id}/`: changes only what is given."""
    _change(_app(ask, ask.parts["app_id"]), ask.request.fields())
    return ask.told(202, "changed")


def drop_app(ask: Ask) -> Reply:
    """`DELETE .../Application/{app_id}/`: 409 while numbers lead there."""
    app = _app(ask, ask.parts["app_id"])
    if any(each.application_id == app.app_id for each in ask.switch.world.numbers.values()):
        raise Refused(409, "numbers are attached to this application", shape="nested")
    del ask.switch.world.applications[app.app_id]
    return Reply(204)


def _mine(ask: Ask) -> Number:
    number = ask.switch.world.number(ask.parts["number"])
    if number is None or ask.account.auth_id not in (number.auth_id, number.sub_account):
        raise Refused(404, "number not found", shape="nested")
    return number


def _apps(ask: Ask) -> list[Application]:
    auth_id = ask.account.auth_id
    return [each for each in ask.switch.world.applications.values() if auth_id in (each.auth_id, each.sub_account)]


def _app(ask: Ask, app_id: str) -> Application:
    for app in _apps(ask):
        if app.app_id == app_id:
            return app
    raise Refused(404, "application not found", shape="details", field="application_id")


def _change(app: Application, given: dict[str, Any]) -> None:
    for name in ("answer_url", "hangup_url", "fallback_answer_url", "message_url"):
        value = given.get(name)
        if value and urlsplit(str(value)).scheme not in ("http", "https"):
            raise Refused(400, "invalid URL", shape="details", field=name)
    for name in ("answer_method", "hangup_method", "fallback_method"):
        if str(given.get(name, "POST")) not in ("GET", "POST"):
            raise Refused(400, "GET or POST", shape="details", field=name)
    for each in dataclasses.fields(app):
        if each.name in given and each.name not in ("app_id", "auth_id"):
            setattr(app, each.name, str(given[each.name] or ""))


def _app_shown(app: Application) -> dict[str, Any]:
    shown = dataclasses.asdict(app)
    del shown["auth_id"]
    return shown | {"enabled": True, "public_uri": False, "default_app": False}


def _owned(number: Number) -> dict[str, object]:
    bought = number.bought_at or datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "id": f"did-{digits(number.e164)}",
        "e164": number.e164,
        "country": "IN",
        "region": number.region,
        "status": number.status,
        "application_id": number.application_id or None,
        "trunk_group_id": number.trunk_group_id or None,
        "sub_account_id": number.sub_account or None,
        "is_trial_number": number.trial,
        "capabilities": {"voice": True, "sms": False},
        "setup_fee": float(number.setup_fee),
        "monthly_fee": float(number.monthly_fee),
        "currency": "INR",
        "purchased_at": stamp(bought),
        "next_billing_date": stamp(bought + timedelta(days=30)),
        "release_at": stamp(number.release_at) if number.release_at else None,
    }


def _for_sale(number: Number) -> dict[str, object]:
    return {
        "e164": number.e164,
        "country": "IN",
        "region": number.region,
        "capabilities": {"voice": True, "sms": False},
        "setup_fee": float(number.setup_fee),
        "monthly_fee": float(number.monthly_fee),
        "currency": "INR",
        "minimum_commitment_months": 1,
        "aadhaar_verification_required": False,
    }


def _page(ask: Ask, found: list[dict[str, object]]) -> Reply:
    size, page = _limit(ask, "per_page", 25), max(1, _whole(ask, "page", 1))
    begin = (page - 1) * size
    body = {"items": found[begin : begin + size], "page": page, "per_page": size, "total": len(found)}
    return Reply(200, body)


def _limit(ask: Ask, name: str, default: int) -> int:
    return min(_whole(ask, name, default) or default, MOST_PER_PAGE)


def _whole(ask: Ask, name: str, default: int) -> int:
    text = ask.request.query.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 8):
        raise Refused(422, "a whole number", shape="details", field=name)
    return int(text)


ROUTES: tuple[Route, ...] = (
    route("GET", "/Account/{auth_id}/numbers", owned),
    route("GET", "/Account/{auth_id}/inventory/numbers", stock),
    route("POST", "/Account/{auth_id}/numbers/purchase-from-inventory", buy),
    route("DELETE", "/Account/{auth_id}/numbers/{number}", release),
    route("POST", "/account/{auth_id}/numbers/{number}/cancel-release", cancel_release),
    route("GET", "/account/{auth_id}/numbers/{number}/health", health),
    route("POST", "/Account/{auth_id}/numbers/{number}/application", attach),
    route("DELETE", "/Account/{auth_id}/numbers/{number}/application", detach),
    route("POST", "/account/{auth_id}/numbers/{number}/application", attach),
    route("DELETE", "/account/{auth_id}/numbers/{number}/application", detach),
    route("POST", "/account/{auth_id}/numbers/{number}/assign-subaccount", lend),
    route("DELETE", "/account/{auth_id}/numbers/{number}/assign-subaccount", take_back),
    route("POST", "/Account/{auth_id}/Application/", make_app),
    route("GET", "/Account/{auth_id}/Application/", list_apps),
    route("GET", "/Account/{auth_id}/Application/{app_id}/", one_app),
    route("POST", "/Account/{auth_id}/Application/{app_id}/", change_app),
    route("DELETE", "/Account/{auth_id}/Application/{app_id}/", drop_app),
)
