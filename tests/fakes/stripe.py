"""Stripe on a local port: customers, Checkout with a page to pay on, saved cards, payments with nobody there, refunds,
disputes, invoices, the customer portal, and events.

`python -m tests.fakes.stripe --port N --webhook URL --secret whsec_…` runs it; point `STRIPE_API_BASE` at
`http://127.0.0.1:N`. It keeps what it was told, checks every request against the SDK's parameter types, treats
idempotency keys as Stripe does (first answer again, errors of the server too; 400 for other parameters), and signs what
it tells. Faults: `go_wrong`. Cards: `CARDS`.
"""

import asyncio
import contextlib
import copy
import hashlib
import hmac
import html
import itertools
import json
import logging
import random
import re
import time
from dataclasses import dataclass
from urllib.parse import parse_qsl

import httpx

from tests.fakes.stripe_params import BadParam, check, decode
from tests.fakes.vendor import KEY, Denial, Gone, Reply, VendorFake

SECRET = "whsec_the_first_one"
VERSION = "2026-10-28.endive"
LEAST_PAISE = 50
MOST_PAISE = 99_999_999

CARDS = {
    "4242424242424242": ("visa", None),
    "5555555555554444": ("mastercard", None),
    "4000000000000002": ("visa", "generic_decline"),
    "4000000000009995": ("visa", "insufficient_funds"),
    "4000000000000069": ("visa", "expired_card"),
    "4000002500003155": ("visa", "authentication_required"),
    "4000000000000341": ("visa", "declined_later"),
}
"""Number: brand, and what is wrong with it. The last two can be paid with and saved while the payer is there."""

MESSAGES = {
    "generic_decline": "Your card was declined.",
    "insufficient_funds": "Your card has insufficient funds.",
    "expired_card": "Your card has expired.",
    "authentication_required": "Your card was declined. This transaction requires authentication.",
    "declined_later": "Your card was declined.",
}
EXPANDS = {"latest_charge", "payments", "data.latest_charge"}

log = logging.getLogger(__name__)


class Wrong(Exception):
    """An error in Stripe's shape."""

    def __init__(self, status, message, kind="invalid_request_error", **fields):
        super().__init__(message)
        self.status = status
        self.error = {"type": kind, "message": message, **fields}


@dataclass
class Kept:
    """The answer under an idempotency key."""

    asked: tuple
    reply: Reply


class StripeFake(VendorFake):
    """`objects` by kind and id, `events` in order of their making. `secrets`: each signs every event, as Stripe does
    while one replaces the other. With `webhook` events are posted there; without, a test takes `deliveries()`.

    `now` may be set to a function for tests with a clock of their own.
    """

    name = "stripe"

    def __init__(self, *, key=KEY, secrets=(SECRET,), webhook="", now=time.time, **options):
        super().__init__(key=key, **options)
        self.secrets = tuple(secrets)
        self.webhook = webhook
        self.now = now
        self.objects = {}
        self.events = []
        self.undelivered = []
        self.keys = {}
        self.troubles = []
        self._count = itertools.count(1)
        self._posting = None

    # --- what a test does ---

    def go_wrong(self, *kinds):
        """What happens to the next POSTs, in order. `error`: a 500, and nothing is done; `error-after`: a 500 although
        it is done; `lost`: it is done and the connection ends; `cut`: nothing is done and the connection ends; `busy`:
        429; `fine`: nothing goes wrong."""
        self.troubles.extend(kinds)

    def all(self, kind):
        """Every object of a kind, the oldest first."""
        return list(self.objects.get(kind, {}).values())

    def get(self, kind, name):
        """One of them. Raises `Wrong`, a 404."""
        found = self.objects.get(kind, {}).get(name)
        if found is None:
            raise Wrong(404, f"No such {kind}: '{name}'", param="id", code="resource_missing")
        return found

    def signed(self, event, *, secrets=None, at=None):
        """The body and the signature's header of an event."""
        body = json.dumps(event, separators=(",", ":")).encode()
        at = int(self.now() if at is None else at)
        marks = [
            hmac.new(secret.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
            for secret in (self.secrets if secrets is None else secrets)
        ]
        return body, ",".join([f"t={at}", *(f"v1={mark}" for mark in marks)])

    def deliveries(self, *, repeat=1, shuffle=None):
        """Events that were told to nobody yet, as (body, header); each `repeat` times, in the order of `shuffle`."""
        told, self.undelivered = self.undelivered * repeat, []
        if shuffle is not None:
            (shuffle if isinstance(shuffle, random.Random) else random.Random(shuffle)).shuffle(told)
        return [self.signed(event) for event in told]

    def card(self, customer, number="4242424242424242", month=12, year=2040):
        """Save a card, as a payer does on Stripe's page."""
        brand, _ = CARDS[number]
        made = self._make(
            "payment_method",
            "pm",
            type="card",
            customer=customer,
            card={"brand": brand, "last4": number[-4:], "exp_month": month, "exp_year": year, "number": number},
        )
        self._tell("payment_method.attached", made)
        return made

    def pay(self, session, number="4242424242424242", month=12, year=2040):
        """Pay on a Checkout page, or save a card there; None, or why not."""
        page = self.get("checkout.session", session)
        if page["status"] != "open":
            return "This page is not open any more."
        if page["expires_at"] <= self.now():
            self.expire(session)
            return "This page has expired."
        trouble = CARDS[number][1]
        if trouble in {"authentication_required", "declined_later"}:
            trouble = None
        keep = page["mode"] == "setup" or page["_keeps"]
        method = None
        if trouble is None:
            method = self.card(page["customer"] if keep else None, number, month, year)
        if page["mode"] == "setup":
            if trouble is None:
                setup = self._make("setup_intent", "seti", customer=page["customer"], status="succeeded", metadata={})
                page |= {"status": "complete", "setup_intent": setup["id"]}
                self._tell("setup_intent.succeeded", setup)
                self._tell("checkout.session.completed", page)
            return MESSAGES.get(trouble)
        if page["payment_intent"] is None:
            intent = self._intent(page["amount_total"], page["customer"], dict(page["_marks"]))
            page["payment_intent"] = intent["id"]
        self._charge(self.get("payment_intent", page["payment_intent"]), method, trouble)
        if trouble is None:
            page |= {"status": "complete", "payment_status": "paid", "url": None}
            self._tell("checkout.session.completed", page)
        return MESSAGES.get(trouble)

    def expire(self, session):
        """Nobody has paid in time."""
        page = self.get("checkout.session", session)
        page |= {"status": "expired", "url": None}
        self._tell("checkout.session.expired", page)
        return page

    def refund(self, intent, paise, *, status="succeeded", metadata=None):
        """As from the dashboard, or the API."""
        paid = self.get("payment_intent", intent)
        charge = self._charge_of(paid)
        if charge is None or charge["amount"] - charge["amount_refunded"] < paise:
            raise Wrong(
                400, "Refund amount is greater than unrefunded amount on charge.", param="amount", code="charge_invalid"
            )
        made = self._make(
            "refund",
            "re",
            amount=paise,
            currency="inr",
            charge=charge["id"],
            payment_intent=intent,
            status=status,
            reason="requested_by_customer",
            metadata=metadata or {},
        )
        charge["amount_refunded"] += paise
        charge["refunded"] = charge["amount_refunded"] == charge["amount"]
        self._tell("refund.created", made)
        self._tell("charge.refunded", charge)
        return made

    def fail_refund(self, refund):
        """The bank does not take it, days later."""
        made = self.get("refund", refund)
        charge = self.get("charge", made["charge"])
        made["status"] = "failed"
        charge["amount_refunded"] -= made["amount"]
        charge["refunded"] = False
        self._tell("refund.failed", made)
        self._tell("charge.refund.updated", made)
        return made

    def dispute(self, intent, *, inquiry=False):
        """The payer's bank takes a payment back, or only asks."""
        charge = self._charge_of(self.get("payment_intent", intent))
        made = self._make(
            "dispute",
            "dp",
            amount=charge["amount"],
            currency="inr",
            charge=charge["id"],
            payment_intent=intent,
            reason="fraudulent",
            status="warning_needs_response" if inquiry else "needs_response",
            balance_transactions=[] if inquiry else [self._moved(-charge["amount"])],
            metadata={},
        )
        charge["disputed"] = True
        self._tell("charge.dispute.created", made)
        if not inquiry:
            self._tell("charge.dispute.funds_withdrawn", made)
        return made

    def end_dispute(self, dispute, *, won):
        """Its end."""
        made = self.get("dispute", dispute)
        if made["status"].startswith("warning"):
            made["status"] = "warning_closed"
        else:
            made["status"] = "won" if won else "lost"
            if won:
                made["balance_transactions"].append(self._moved(made["amount"]))
                self._tell("charge.dispute.funds_reinstated", made)
        self._tell("charge.dispute.closed", made)
        return made

    def pay_invoice(self, invoice, number="4242424242424242"):
        """On the invoice's page; None, or why not."""
        made = self.get("invoice", invoice)
        if made["status"] != "open":
            return "This invoice cannot be paid."
        trouble = CARDS[number][1]
        intent = self.get("payment_intent", made["payments"][0]["payment"]["payment_intent"])
        self._charge(intent, self.card(None, number) if trouble is None else None, trouble)
        if trouble is None:
            made["payments"][0]["status"] = "paid"
            made |= {"status": "paid", "amount_paid": made["total"], "amount_remaining": 0}
        self._tell("invoice.payment_failed" if trouble else "invoice.paid", made)
        return MESSAGES.get(trouble)

    def pay_invoice_elsewhere(self, invoice):
        """Somebody marks it as paid past Stripe."""
        made = self.get("invoice", invoice)
        made |= {"status": "paid", "amount_paid": made["total"], "amount_paid_off_stripe": made["total"]}
        self._tell("invoice.paid", made)
        return made

    def detach(self, method):
        """Take a saved card off its customer."""
        made = self.get("payment_method", method)
        before, made["customer"] = made["customer"], None
        self._tell("payment_method.detached", made, {"customer": before})
        return made

    # --- running ---

    async def start(self, port=0, host="127.0.0.1"):
        await super().start(port, host)
        if self.webhook:
            self._posting = asyncio.create_task(self._post())

    async def stop(self):
        if self._posting is not None:
            self._posting.cancel()
            await asyncio.wait([self._posting])
        await super().stop()

    async def _post(self):
        """Tell the webhook, again and again until it takes it."""
        async with httpx.AsyncClient(timeout=10) as client:
            while True:
                if not self.undelivered:
                    await asyncio.sleep(0.05)
                    continue
                event = self.undelivered[0]
                body, mark = self.signed(event)
                headers = {"Stripe-Signature": mark, "Content-Type": "application/json; charset=utf-8"}
                try:
                    taken = (await client.post(self.webhook, content=body, headers=headers)).is_success
                except httpx.HTTPError as error:
                    log.info("event not taken: %r", error)
                    taken = False
                if taken:
                    self.undelivered.remove(event)
                else:
                    await asyncio.sleep(0.5)

    def denied(self, request):
        if not request.path.startswith("/v1/") or super().denied(request) is None:
            return None
        error = {"type": "invalid_request_error", "message": "Invalid API Key provided: a-te****"}
        return Denial(401, {"error": error}, {"Request-Id": f"req_{next(self._count)}"})

    async def http(self, request):
        if not request.path.startswith("/v1/"):
            return self._page(request)
        trouble = self.troubles.pop(0) if request.method == "POST" and self.troubles else "fine"
        if trouble == "cut":
            raise Gone
        if trouble == "busy":
            return self._error(Wrong(429, "Too many requests.", code="rate_limit"))
        reply = self._asked(request, trouble)
        if trouble == "lost":
            raise Gone
        return reply

    def _asked(self, request, trouble):
        name = request.headers.get("idempotency-key") if request.method == "POST" else None
        asked = (request.path, tuple(sorted(parse_qsl(request.body.decode(), keep_blank_values=True))))
        known = self.keys.get(name) if name else None
        if known is not None:
            if known.asked != asked:
                message = "Keys for idempotent requests can only be used with the same parameters they were first used."
                return self._error(Wrong(400, message, "idempotency_error"))
            return Reply(known.reply.body, known.reply.status, {**known.reply.headers, "Idempotent-Replayed": "true"})
        try:
            pattern, names = _pattern(request.path)
            sent = request.body.decode() if request.method == "POST" else request.query
            params = check(request.method, pattern, decode(sent))
            step = getattr(self, f"_{request.method.lower()}_{pattern.replace('/', '_').replace('*', 'one')}")
        except BadParam as error:
            # What was never begun is not kept.
            status = 404 if error.code == "url_invalid" else 400
            return self._error(Wrong(status, error.message, param=error.param, code=error.code))
        if trouble == "error":
            reply = self._error(Wrong(500, "An unknown error occurred.", "api_error"))
        else:
            try:
                reply = self._fine(step(params, *names), params.get("expand", ()))
            except Wrong as error:
                reply = self._error(error)
            if trouble == "error-after":
                reply = self._error(Wrong(500, "An unknown error occurred.", "api_error"))
        if name:
            self.keys[name] = Kept(asked, reply)
        return reply

    def _fine(self, found, expand):
        for name in expand:
            if name not in EXPANDS:
                return self._error(Wrong(400, f"This property cannot be expanded ({name}).", param="expand"))
        shown = self._shown(found)
        for name in expand:
            rows = shown["data"] if name.startswith("data.") else [shown]
            field = name.removeprefix("data.")
            for row in rows:
                if field == "latest_charge" and row.get(field):
                    row[field] = self._shown(self.get("charge", row[field]))
                elif field == "payments" and row["object"] == "invoice":
                    row[field] = _list(f"/v1/invoices/{row['id']}/payments", copy.deepcopy(found["payments"]))
        return Reply(shown, 200, self._headers())

    def _shown(self, found):
        """Without what is ours, and without what has to be expanded."""
        hidden = {name for name in found if name.startswith("_")} | ({"payments"} if "payments" in found else set())
        shown = copy.deepcopy({name: value for name, value in found.items() if name not in hidden})
        for card in filter(
            None, (each.get("card") for each in (shown, *shown.get("data", ())) if isinstance(each, dict))
        ):
            if isinstance(card, dict):
                card.pop("number", None)
        return shown

    def _error(self, wrong):
        return Reply({"error": wrong.error}, wrong.status, self._headers())

    def _headers(self):
        return {"Request-Id": f"req_{next(self._count)}", "Stripe-Version": VERSION}

    # --- objects ---

    def _make(self, kind, prefix, **fields):
        name = f"{prefix}_{'test_' if prefix == 'cs' else ''}{next(self._count):016x}"
        made = {"id": name, "object": kind, "created": int(self.now()), "livemode": False, **fields}
        self.objects.setdefault(kind, {})[name] = made
        return made

    def _tell(self, kind, found, before=None):
        data = {"object": self._shown(found)} | ({"previous_attributes": before} if before else {})
        event = {
            "id": f"evt_{next(self._count):016x}",
            "object": "event",
            "api_version": VERSION,
            "created": int(self.now()),
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": None, "idempotency_key": None},
            "type": kind,
        }
        self.events.append(event)
        self.undelivered.append(event)

    def _intent(self, paise, customer, marks):
        return self._make(
            "payment_intent",
            "pi",
            amount=paise,
            amount_received=0,
            currency="inr",
            customer=customer,
            status="requires_payment_method",
            latest_charge=None,
            last_payment_error=None,
            payment_method=None,
            metadata=marks,
        )

    def _charge(self, intent, method, trouble):
        charge = self._make(
            "charge",
            "ch",
            amount=intent["amount"],
            amount_refunded=0,
            refunded=False,
            disputed=False,
            currency="inr",
            customer=intent["customer"],
            payment_intent=intent["id"],
            paid=trouble is None,
            status="failed" if trouble else "succeeded",
            metadata=dict(intent["metadata"]),
        )
        intent["latest_charge"] = charge["id"]
        if trouble is None:
            intent |= {"status": "succeeded", "amount_received": intent["amount"], "last_payment_error": None}
            intent["payment_method"] = method["id"]
            self._tell("payment_intent.succeeded", intent)
            return
        code = trouble if trouble in {"expired_card", "authentication_required"} else "card_declined"
        why = "generic_decline" if trouble == "declined_later" else trouble
        intent["last_payment_error"] = {
            "type": "card_error",
            "code": code,
            "decline_code": why,
            "message": MESSAGES[trouble],
        }
        self._tell("payment_intent.payment_failed", intent)

    def _charge_of(self, intent):
        return self.get("charge", intent["latest_charge"]) if intent["status"] == "succeeded" else None

    def _moved(self, paise):
        return {"id": f"txn_{next(self._count)}", "object": "balance_transaction", "amount": paise, "currency": "inr"}

    def _listed(self, kind, params, *, url, **wanted):
        """The newest first, filtered and in pages."""
        found = [
            row
            for row in reversed(self.all(kind))
            if all(row.get(name) == value for name, value in wanted.items() if value is not None)
        ]
        after = params.get("created", {}).get("gte") if isinstance(params.get("created"), dict) else None
        if after is not None:
            found = [row for row in found if row["created"] >= after]
        limit = params.get("limit", 10)
        if not 1 <= limit <= 100:
            raise Wrong(400, "Invalid limit: must be between 1 and 100.", param="limit")
        if "starting_after" in params:
            ids = [row["id"] for row in found]
            found = found[ids.index(params["starting_after"]) + 1 :]
        return _list(f"/v1/{url}", [self._shown(row) for row in found[:limit]], more=len(found) > limit)

    # --- what the API does ---

    def _post_customers(self, params):
        made = self._make(
            "customer",
            "cus",
            name=params.get("name"),
            email=params.get("email"),
            metadata=params.get("metadata", {}),
            invoice_settings={"default_payment_method": None},
        )
        self._tell("customer.created", made)
        return made

    def _get_customers(self, params, name=None):
        if name is not None:
            return self.get("customer", name)
        return self._listed("customer", params, url="customers", email=params.get("email"))

    def _post_customers_one(self, params, name):
        made = self.get("customer", name)
        made["invoice_settings"] |= params.pop("invoice_settings", {})
        made |= params
        self._tell("customer.updated", made)
        return made

    def _get_customers_one_payment_methods(self, params, name):
        self.get("customer", name)
        return self._listed("payment_method", params, url=f"customers/{name}/payment_methods", customer=name)

    def _post_payment_methods_one_detach(self, params, name):
        return self.detach(name)

    def _post_checkout_sessions(self, params):
        self._must_have(params, "mode", "success_url", "customer")
        self.get("customer", params["customer"])
        setup = params["mode"] == "setup"
        items = params.get("line_items", [])
        if not setup and not items:
            raise Wrong(400, "Missing required param: line_items.", param="line_items", code="parameter_missing")
        total = sum(item.get("quantity", 1) * item["price_data"]["unit_amount"] for item in items)
        if not setup:
            self._payable(total, "line_items")
        ends = params.get("expires_at", int(self.now()) + 86_400)
        if not self.now() + 1_740 <= ends <= self.now() + 86_460:
            message = (
                "The `expires_at` timestamp must be between 30 minutes and 24 hours from Checkout Session creation."
            )
            raise Wrong(400, message, param="expires_at")
        data = params.get("payment_intent_data", {})
        made = self._make(
            "checkout.session",
            "cs",
            mode=params["mode"],
            customer=params["customer"],
            currency="inr",
            amount_total=None if setup else total,
            status="open",
            payment_status="no_payment_required" if setup else "unpaid",
            payment_intent=None,
            setup_intent=None,
            success_url=params["success_url"],
            cancel_url=params.get("cancel_url"),
            expires_at=ends,
            metadata=params.get("metadata", {}),
            _items=[(item["price_data"]["product_data"]["name"], item["price_data"]["unit_amount"]) for item in items],
            _keeps=data.get("setup_future_usage") == "off_session",
            _marks=data.get("metadata", {}),
        )
        made["url"] = f"{self.url}/pay/{made['id']}"
        return made

    def _get_checkout_sessions(self, params, name=None):
        if name is not None:
            return self.get("checkout.session", name)
        return self._listed("checkout.session", params, url="checkout/sessions", customer=params.get("customer"))

    def _post_checkout_sessions_one_expire(self, params, name):
        if self.get("checkout.session", name)["status"] != "open":
            raise Wrong(400, "Only Checkout Sessions with a status in [open] can be expired.")
        return self.expire(name)

    def _post_payment_intents(self, params):
        self._payable(params["amount"], "amount")
        if params["currency"] != "inr":
            raise Wrong(400, f"Invalid currency: {params['currency']}", param="currency")
        method = self.get("payment_method", params["payment_method"])
        if method["customer"] != params.get("customer"):
            raise Wrong(400, "The PaymentMethod does not belong to this customer.", param="payment_method")
        intent = self._intent(params["amount"], params["customer"], params.get("metadata", {}))
        if params.get("confirm"):
            trouble = CARDS[method["card"]["number"]][1]
            today = time.gmtime(self.now())
            if (method["card"]["exp_year"], method["card"]["exp_month"]) < (today.tm_year, today.tm_mon):
                trouble = "expired_card"
            self._charge(intent, method, trouble)
            if trouble:
                error = dict(intent["last_payment_error"])
                error.pop("type")
                raise Wrong(402, error.pop("message"), "card_error", **error, payment_intent=self._shown(intent))
        return intent

    def _get_payment_intents(self, params, name=None):
        if name is not None:
            return self.get("payment_intent", name)
        return self._listed("payment_intent", params, url="payment_intents", customer=params.get("customer"))

    def _post_refunds(self, params):
        self._must_have(params, "payment_intent", "amount")
        return self.refund(params["payment_intent"], params["amount"], metadata=params.get("metadata", {}))

    def _get_refunds(self, params, name=None):
        if name is not None:
            return self.get("refund", name)
        return self._listed("refund", params, url="refunds", payment_intent=params.get("payment_intent"))

    def _get_disputes(self, params, name=None):
        if name is not None:
            return self.get("dispute", name)
        return self._listed("dispute", params, url="disputes", payment_intent=params.get("payment_intent"))

    def _post_invoices(self, params):
        self._must_have(params, "customer")
        self.get("customer", params["customer"])
        number = params.get("number")
        if number and any(row["number"] == number for row in self.all("invoice")):
            raise Wrong(400, f"The invoice number {number} is already in use.", param="number")
        return self._make(
            "invoice",
            "in",
            customer=params["customer"],
            currency="inr",
            number=number,
            status="draft",
            collection_method=params.get("collection_method", "charge_automatically"),
            total=0,
            amount_paid=0,
            amount_paid_off_stripe=0,
            amount_remaining=0,
            hosted_invoice_url=None,
            payments=[],
            metadata=params.get("metadata", {}),
            _sent=0,
        )

    def _get_invoices(self, params, name=None):
        if name is not None:
            return self.get("invoice", name)
        return self._listed("invoice", params, url="invoices", customer=params.get("customer"))

    def _post_invoiceitems(self, params):
        self._must_have(params, "customer", "amount", "invoice")
        invoice = self.get("invoice", params["invoice"])
        if invoice["status"] != "draft":
            raise Wrong(400, "This invoice is no longer editable.", param="invoice", code="invoice_not_editable")
        invoice["total"] += params["amount"]
        names = ("customer", "invoice", "amount", "description")
        return self._make(
            "invoiceitem",
            "ii",
            currency="inr",
            metadata=params.get("metadata", {}),
            **{name: params.get(name) for name in names},
        )

    def _get_invoiceitems(self, params):
        return self._listed("invoiceitem", params, url="invoiceitems", invoice=params.get("invoice"))

    def _post_invoices_one_finalize(self, params, name):
        made = self.get("invoice", name)
        if made["status"] != "draft":
            raise Wrong(400, "This invoice is already finalized.", code="invoice_not_editable")
        intent = self._intent(made["total"], made["customer"], {})
        made |= {"status": "open", "amount_remaining": made["total"], "number": made["number"] or made["id"]}
        made["hosted_invoice_url"] = f"{self.url}/invoice/{name}"
        made["payments"] = [
            {
                "id": f"inpay_{next(self._count)}",
                "object": "invoice_payment",
                "status": "open",
                "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            }
        ]
        self._tell("invoice.finalized", made)
        return made

    def _post_invoices_one_send(self, params, name):
        made = self.get("invoice", name)
        if made["status"] != "open":
            raise Wrong(400, "You can only manually send an invoice that is open.")
        made["_sent"] += 1
        self._tell("invoice.sent", made)
        return made

    def _post_invoices_one_void(self, params, name):
        made = self.get("invoice", name)
        if made["status"] not in {"open", "uncollectible"}:
            raise Wrong(400, "You can only void an invoice that is open.")
        made["status"] = "void"
        self._tell("invoice.voided", made)
        return made

    def _post_billing_portal_sessions(self, params):
        self._must_have(params, "customer")
        self.get("customer", params["customer"])
        made = self._make(
            "billing_portal.session", "bps", customer=params["customer"], return_url=params.get("return_url")
        )
        made["url"] = f"{self.url}/portal/{made['id']}"
        return made

    def _get_events(self, params, name=None):
        if name is not None:
            found = next((event for event in self.events if event["id"] == name), None)
            if found is None:
                raise Wrong(404, f"No such event: '{name}'", code="resource_missing")
            return found
        return _list("/v1/events", self.events[::-1][: params.get("limit", 10)])

    _get_customers_one = _get_customers
    _get_checkout_sessions_one = _get_checkout_sessions
    _get_payment_intents_one = _get_payment_intents
    _get_refunds_one = _get_refunds
    _get_disputes_one = _get_disputes
    _get_invoices_one = _get_invoices
    _get_events_one = _get_events

    def _must_have(self, params, *names):
        for name in names:
            if name not in params:
                raise Wrong(400, f"Missing required param: {name}.", param=name, code="parameter_missing")

    def _payable(self, paise, param):
        if paise < LEAST_PAISE:
            raise Wrong(400, "Amount must be at least ₹0.50 inr", param=param, code="amount_too_small")
        if paise > MOST_PAISE:
            raise Wrong(400, "Amount must be no more than ₹9,99,999.99", param=param, code="amount_too_large")

    # --- pages for people ---

    def _page(self, request):
        _, kind, name, *_ = [*request.path.split("/"), "", ""]
        sent = dict(parse_qsl(request.body.decode()))
        with contextlib.suppress(Wrong):
            if kind == "pay":
                return self._pay_page(request, name, sent)
            if kind == "invoice":
                return self._invoice_page(request, name, sent)
            if kind == "portal":
                return self._portal_page(request, name, sent)
        return Reply("no such page", 404, {"content-type": "text/plain"})

    def _pay_page(self, request, name, sent):
        page = self.get("checkout.session", name)
        problem = ""
        if request.method == "POST":
            problem = self.pay(name, sent.get("number", "").replace(" ", "") or "4242424242424242")
            if not problem:
                return Reply("", 303, {"location": page["success_url"].replace("{CHECKOUT_SESSION_ID}", name)})
        if page["status"] != "open":
            return _html("<h1>This page has expired</h1>")
        lines = "".join(f"<li>{html.escape(text)} <b>{_rupees(paise)}</b></li>" for text, paise in page["_items"])
        total = f"<p>Total <b id='total'>{_rupees(page['amount_total'])}</b></p>" if page["amount_total"] else ""
        return _html(
            f"<h1>{'Save a card' if page['mode'] == 'setup' else 'Pay'}</h1><ul>{lines}</ul>{total}"
            f"<p role='alert'>{html.escape(problem or '')}</p>{_form('Save' if page['mode'] == 'setup' else 'Pay')}"
            f"<p><a href='{html.escape(page['cancel_url'] or '#')}'>Back</a></p>"
        )

    def _invoice_page(self, request, name, sent):
        made = self.get("invoice", name)
        problem = self.pay_invoice(name, sent.get("number", "").replace(" ", "")) if request.method == "POST" else ""
        form = _form("Pay") if made["status"] == "open" else ""
        return _html(
            f"<h1>Invoice {html.escape(made['number'] or '')}</h1><p>{_rupees(made['total'])} · {made['status']}</p>"
            f"<p role='alert'>{html.escape(problem or '')}</p>{form}"
        )

    def _portal_page(self, request, name, sent):
        made = self.get("billing_portal.session", name)
        if request.method == "POST" and "detach" in sent:
            self.detach(sent["detach"])
        if request.method == "POST" and "standard" in sent:
            self._post_customers_one(
                {"invoice_settings": {"default_payment_method": sent["standard"]}}, made["customer"]
            )
        rows = "".join(
            f"<li>{card['card']['brand']} {card['card']['last4']}<form method='post'>"
            f"<button name='detach' value='{card['id']}'>Remove</button>"
            f"<button name='standard' value='{card['id']}'>Make default</button></form></li>"
            for card in self.all("payment_method")
            if card["customer"] == made["customer"]
        )
        back = html.escape(made["return_url"] or "#")
        return _html(f"<h1>Your cards</h1><ul>{rows}</ul><p><a href='{back}'>Return</a></p>")


def _pattern(path):
    """`/v1/customers/cus_1/payment_methods` → the pattern with a star, and the names in it."""
    parts, names = path.removeprefix("/v1/").strip("/").split("/"), []
    for place, part in enumerate(parts):
        if re.fullmatch(r"[a-z]+_\w+", part) and re.search(r"\d", part):
            names.append(part)
            parts[place] = "*"
    return "/".join(parts), names


def _list(url, rows, more=False):
    return {"object": "list", "url": url, "has_more": more, "data": rows}


def _rupees(paise):
    return f"₹{paise // 100}.{paise % 100:02}"


def _form(verb):
    return (
        "<form method='post'><label>Card number <input name='number' value='4242 4242 4242 4242'></label> "
        f"<button>{verb}</button></form>"
    )


def _html(body):
    text = f"<!doctype html><html lang='en'><meta charset='utf-8'><title>Stripe (a fake)</title><body>{body}</body>"
    return Reply(text, 200, {"content-type": "text/html; charset=utf-8"})


async def main():
    """Until interrupted."""
    import argparse

    options = argparse.ArgumentParser(description="Stripe on a local port.")
    options.add_argument("--port", type=int, default=0)
    options.add_argument("--key", default=None, help="the key to accept; any, when left out")
    options.add_argument("--webhook", default="", help="where to post events")
    options.add_argument("--secret", default=SECRET, help="what to sign them with")
    given = options.parse_args()
    logging.basicConfig(level=logging.INFO)
    fake = StripeFake(key=given.key, secrets=(given.secret,), webhook=given.webhook)
    await fake.start(given.port)
    print(f"stripe is faked at {fake.url}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await fake.stop()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main())
