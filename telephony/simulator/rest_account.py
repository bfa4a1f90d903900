"""REST: the account itself, its money and capacity, sub-accounts and endpoints."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

from telephony.simulator.rest import Ask, Refused, Reply, Route, route
from telephony.simulator.world import Account, stamp


def me(ask: Ask) -> Reply:
    """`GET /auth/me`. It returns the secret too, as the carrier's does."""
    account = ask.account
    return Reply(
        200,
        {
            "auth_id": account.auth_id,
            "auth_secret": account.auth_token,
            "name": account.name,
            "email": account.email,
            "cps_limit": account.cps,
            "concurrent_calls_limit": account.max_concurrent,
            "base_cps": account.cps,
            "base_concurrent_calls": account.max_concurrent,
            "purchased_cps": 0,
            "purchased_concurrent_calls": 0,
            "pricing_tier": {
                "name": "default",
                "rate_per_minute": f"{account.minute_rate}",
                "billing_increment_seconds": 60,
                "currency": "INR",
            },
            "is_trial_account": account.trial,
            "parent_auth_id": account.parent or None,
        },
    )


def balance(ask: Ask) -> Reply:
    """`GET /Account/{id}/balance/INR`."""
    if ask.parts["currency"] != "INR":
        raise Refused(404, "no balance in this currency", shape="details", field="currency")
    payer = ask.switch.world.payer(ask.account.auth_id) or ask.account
    body = {
        "account_id": ask.account.auth_id,
        "currency": "INR",
        "available_balance": f"{payer.balance:.4f}",
        "reserved_balance": "0.0000",
        "low_balance_threshold": "100.0000",
        "status": "active",
    }
    return Reply(200, body)


def transactions(ask: Ask) -> Reply:
    """`GET /Account/{id}/transactions`."""
    found = ask.account.transactions
    return Reply(200, {"transactions": found[::-1][:100], "total": len(found)})


def concurrency(ask: Ask) -> Reply:
    """`GET /Account/{id}/concurrency`."""
    used, most = ask.switch.legs_of(ask.account.auth_id), ask.account.max_concurrent
    percent = round(100 * used / most, 1) if most else 0.0
    return Reply(200, {"concurrent_calls": used, "max_concurrent": most, "utilization_pct": percent})


def price_capacity(ask: Ask) -> Reply:
    """`GET /accounts/{id}/channel-pricing-preview`."""
    resource, quantity = ask.request.query.get("resource_type", ""), ask.request.query.get("quantity", "")
    if resource not in _BLOCKS:
        raise Refused(422, "resource_type is cps or concurrent_calls", shape="details", field="resource_type")
    return Reply(200, _price(resource, _quantity(quantity, resource)))


def buy_capacity(ask: Ask) -> Reply:
    """`POST /accounts/{id}/channel-subscriptions`: buys and debits at once."""
    resource = ask.request.text("resource_type")
    if resource not in _BLOCKS:
        raise Refused(422, "resource_type is cps or concurrent_calls", shape="details", field="resource_type")
    quantity = _quantity(ask.request.text("quantity"), resource)
    priced = _price(resource, quantity)
    _debit(ask.account, Decimal(str(priced["total"])), f"{quantity} {resource}")
    if resource == "cps":
        ask.account.cps += quantity
    else:
        ask.account.max_concurrent += quantity
    return Reply(201, priced | {"id": ask.switch.new_uuid(), "status": "active", "renews_in_days": 30})


_BLOCKS = {"cps": (3, Decimal(500)), "concurrent_calls": (10, Decimal(250))}


def _quantity(text: str, resource: str) -> int:
    block = _BLOCKS[resource][0]
    if not text.isdecimal() or not int(text) or int(text) % block:
        raise Refused(422, f"quantity goes in blocks of {block}", shape="details", field="quantity")
    return int(text)


def _price(resource: str, quantity: int) -> dict[str, object]:
    total = _BLOCKS[resource][1] * quantity
    return {"resource_type": resource, "quantity": quantity, "total": f"{total:.2f}", "currency": "INR"}


def _debit(account: Account, amount: Decimal, what: str) -> None:
    if account.balance < amount:
        raise Refused(402, "Insufficient balance", shape="nested")
    account.pay(amount, what)


def list_subs(ask: Ask) -> Reply:
    """`GET /accounts/{id}/sub-accounts/`."""
    subs = [each for each in ask.switch.world.accounts.values() if each.parent == ask.account.auth_id]
    return Reply(200, {"sub_accounts": [_sub(each) for each in subs], "total": len(subs)})


def make_sub(ask: Ask) -> Reply:
    """`POST /accounts/{id}/sub-accounts/`: the only reply that shows the token."""
    name = ask.request.text("name", "")
    if not name:
        raise Refused(422, "name is required", shape="details", field="name")
    if ask.request.text("kyc_mode", "personal_use") not in ("personal_use", "customer_use"):
        raise Refused(422, "kyc_mode is personal_use or customer_use", shape="details", field="kyc_mode")
    world, parent = ask.switch.world, ask.account
    if parent.parent:
        raise Refused(403, "a sub-account has no sub-accounts", shape="nested")
    made = Account(
        auth_id=f"SA_{world.ids.getrandbits(40):010X}",
        auth_token=f"{world.ids.getrandbits(160):040x}",
        name=name,
        email=ask.request.text("email", ""),
        parent=parent.auth_id,
        balance=Decimal(0),
        max_concurrent=parent.max_concurrent,
        cps=parent.cps,
        minute_rate=parent.minute_rate,
        stream_rate=parent.stream_rate,
        number=world.new_id(6),
    )
    world.accounts[made.auth_id] = made
    return Reply(201, {"message": "created", "sub_account": _sub(made) | {"auth_token": made.auth_token}})


def one_sub(ask: Ask) -> Reply:
    """`GET .../sub-accounts/{SA_}`."""
    return Reply(200, _sub(_found(ask)))


def change_sub(ask: Ask) -> Reply:
    """`PUT .../sub-accounts/{SA_}`."""
    sub, given = _found(ask), ask.request.fields()
    sub.name = str(given.get("name", sub.name))
    sub.email = str(given.get("email", sub.email))
    sub.enabled = bool(given.get("enabled", sub.enabled))
    return Reply(200, _sub(sub))


def drop_sub(ask: Ask) -> Reply:
    """`DELETE .../sub-accounts/{SA_}`: its numbers go back to the parent."""
    sub = _found(ask)
    for number in ask.switch.world.numbers.values():
        if number.sub_account == sub.auth_id:
            number.sub_account = ""
    del ask.switch.world.accounts[sub.auth_id]
    return Reply(204)


def kyc_status(ask: Ask) -> Reply:
    """`GET .../sub-accounts/{SA_}/kyc/status`."""
    blocked = _found(ask).kyc_calls_blocked
    return Reply(200, {"kyc_status": "pending" if blocked else "verified", "kyc_calls_blocked": blocked})


def _found(ask: Ask) -> Account:
    sub = ask.switch.world.accounts.get(ask.parts["sub_id"])
    if sub is None or sub.parent != ask.account.auth_id:
        raise Refused(404, "sub-account not found", shape="nested")
    return sub


def _sub(sub: Account) -> dict[str, object]:
    return {
        "auth_id": sub.auth_id,
        "name": sub.name,
        "email": sub.email,
        "parent_auth_id": sub.parent,
        "enabled": sub.enabled,
        "kyc_calls_blocked": sub.kyc_calls_blocked,
        "rate_limit": 1000,
        "created_at": stamp(datetime.now(UTC)),
    }


def list_endpoints(ask: Ask) -> Reply:
    """`GET /Account/{id}/Endpoint/`."""
    mine = [each for each in ask.switch.world.endpoints.values() if each["auth_id"] == ask.account.auth_id]
    return Reply(200, {"meta": {"total_count": len(mine)}, "objects": [_shown(each) for each in mine]})


def make_endpoint(ask: Ask) -> Reply:
    """`POST /Account/{id}/Endpoint/`: a SIP login."""
    username = ask.request.text("username")
    if not username.isalnum() or len(ask.request.text("password")) < 5:
        raise Refused(400, "username has letters and digits, password five or more", field="username")
    world = ask.switch.world
    made = {
        "endpoint_id": world.new_id(),
        "auth_id": ask.account.auth_id,
        "username": username,
        "alias": ask.request.text("alias", ""),
        "application": ask.request.text("application", ""),
        "sip_registered": "false",
        "sip_uri": f"sip:{username}@registrar.vobiz.ai",
    }
    world.endpoints[made["endpoint_id"]] = made
    return ask.told(201, "created", **_shown(made))


def one_endpoint(ask: Ask) -> Reply:
    """`GET .../Endpoint/{eid}/`."""
    return Reply(200, _shown(_endpoint(ask)))


def drop_endpoint(ask: Ask) -> Reply:
    """`DELETE .../Endpoint/{eid}/`."""
    del ask.switch.world.endpoints[_endpoint(ask)["endpoint_id"]]
    return Reply(204)


def _endpoint(ask: Ask) -> dict[str, str]:
    found = ask.switch.world.endpoints.get(ask.parts["endpoint_id"])
    if found is None or found["auth_id"] != ask.account.auth_id:
        raise Refused(404, "not found")
    return found


def _shown(endpoint: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in endpoint.items() if name != "auth_id"}


ROUTES: tuple[Route, ...] = (
    route("GET", "/auth/me", me),
    route("GET", "/Account/{auth_id}/balance/{currency}", balance),
    route("GET", "/Account/{auth_id}/transactions", transactions),
    route("GET", "/Account/{auth_id}/concurrency", concurrency),
    route("GET", "/accounts/{auth_id}/channel-pricing-preview", price_capacity),
    route("POST", "/accounts/{auth_id}/channel-subscriptions", buy_capacity),
    route("GET", "/accounts/{auth_id}/sub-accounts/", list_subs),
    route("POST", "/accounts/{auth_id}/sub-accounts/", make_sub),
    route("GET", "/accounts/{auth_id}/sub-accounts/{sub_id}", one_sub),
    route("PUT", "/accounts/{auth_id}/sub-accounts/{sub_id}", change_sub),
    route("DELETE", "/accounts/{auth_id}/sub-accounts/{sub_id}", drop_sub),
    route("GET", "/accounts/{auth_id}/sub-accounts/{sub_id}/kyc/status", kyc_status),
    route("GET", "/Account/{auth_id}/Endpoint/", list_endpoints),
    route("POST", "/Account/{auth_id}/Endpoint/", make_endpoint),
    route("GET", "/Account/{auth_id}/Endpoint/{endpoint_id}/", one_endpoint),
    route("DELETE", "/Account/{auth_id}/Endpoint/{endpoint_id}/", drop_endpoint),
)
