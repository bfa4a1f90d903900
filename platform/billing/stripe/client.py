"""The gateway to Stripe: the one module that imports its SDK.

The SDK neither retries nor keeps what it was told: a lost answer goes to the outbox as `UnknownError`, and is looked up
there before anything is sent again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import stripe

from billing.stripe import facts
from billing.stripe.asks import (
    CURRENCY,
    Ask,
    CardFacts,
    CardPageAsk,
    ChargeAsk,
    CheckoutAsk,
    CustomerAsk,
    Done,
    IntentFacts,
    InvoiceAsk,
    InvoiceFacts,
    Line,
    Net,
    RefundAsk,
    SessionFacts,
)
from billing.stripe.errors import LaterError, RefusedError, UnknownError

if TYPE_CHECKING:
    from stripe.params import CustomerCreateParams

TIMEOUT_S: Final = (5.0, 20.0)
"""To connect, and to answer."""
SKEW: Final = timedelta(hours=1)
"""Stripe's clock is not ours."""
PAGE: Final = 100


class Client:
    """See `gateway.Gateway`."""

    def __init__(self, key: str, base: str) -> None:
        made = stripe.StripeClient(
            key,
            base_addresses={"api": base},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=TIMEOUT_S),
        )
        self._v1 = made.v1

    def carry_out(self, ask: Ask, key: str, marks: Mapping[str, str]) -> Done:
        with _translated():
            match ask:
                case CustomerAsk():
                    wanted: CustomerCreateParams = {"name": ask.name, "metadata": dict(marks)}
                    if ask.email:
                        wanted["email"] = ask.email
                    return Done(self._v1.customers.create(wanted, {"idempotency_key": key}).id)
                case CheckoutAsk() | CardPageAsk():
                    return self._page(ask, key, marks)
                case ChargeAsk():
                    intent = self._v1.payment_intents.create(
                        {
                            "customer": ask.customer,
                            "payment_method": ask.card,
                            "amount": ask.paise,
                            "currency": CURRENCY,
                            "description": ask.description,
                            "allowed_payment_method_types": ["card"],
                            "off_session": True,
                            "confirm": True,
                            "metadata": dict(marks),
                        },
                        {"idempotency_key": key},
                    )
                    return Done(intent.id, intent=intent.id)
                case RefundAsk():
                    refund = self._v1.refunds.create(
                        {
                            "payment_intent": ask.intent,
                            "amount": ask.paise,
                            "reason": "requested_by_customer",
                            "metadata": dict(marks),
                        },
                        {"idempotency_key": key},
                    )
                    return Done(refund.id, intent=ask.intent)
                case InvoiceAsk():
                    invoice = self._v1.invoices.create(
                        {
                            "customer": ask.customer,
                            "currency": CURRENCY,
                            "number": ask.number,
                            "collection_method": "send_invoice",
                            "days_until_due": ask.days_until_due,
                            "auto_advance": False,
                            "pending_invoice_items_behavior": "exclude",
                            "metadata": dict(marks),
                        },
                        {"idempotency_key": key},
                    )
                    return self._send(invoice.id, ask, key)

    def find(self, ask: Ask, key: str, marks: Mapping[str, str], since: datetime) -> Done | None:
        after = int((since - SKEW).timestamp())
        # Of errors that reading ends in nothing follows for what was asked; an invoice is gone on with.
        with _translated(answers=isinstance(ask, InvoiceAsk)):
            match ask:
                case CustomerAsk():
                    found = _marked(self._v1.customers.list({"created": {"gte": after}, "limit": PAGE}), marks)
                    return Done(found["id"]) if found else None
                case CheckoutAsk() | CardPageAsk():
                    found = _marked(
                        self._v1.checkout.sessions.list(
                            {"customer": ask.customer, "created": {"gte": after}, "limit": PAGE}
                        ),
                        marks,
                    )
                    return Done(found["id"], found.get("url") or "") if found else None
                case ChargeAsk():
                    found = _marked(
                        self._v1.payment_intents.list(
                            {"customer": ask.customer, "created": {"gte": after}, "limit": PAGE}
                        ),
                        marks,
                    )
                    return _charged(found) if found else None
                case RefundAsk():
                    found = _marked(self._v1.refunds.list({"payment_intent": ask.intent, "limit": PAGE}), marks)
                    return Done(found["id"], intent=ask.intent) if found else None
                case InvoiceAsk():
                    found = _marked(
                        self._v1.invoices.list({"customer": ask.customer, "created": {"gte": after}, "limit": PAGE}),
                        marks,
                    )
                    return self._send(found["id"], ask, key) if found else None

    def portal(self, customer: str, back_url: str) -> str:
        with _translated():
            return self._v1.billing_portal.sessions.create({"customer": customer, "return_url": back_url}).url

    def cards(self, customer: str) -> tuple[CardFacts, ...]:
        with _translated():
            owner = self._v1.customers.retrieve(customer).to_dict()
            if owner.get("deleted"):
                return ()
            standard = facts.id_of((owner.get("invoice_settings") or {}).get("default_payment_method"))
            saved = self._v1.customers.payment_methods.list(customer, {"type": "card", "limit": PAGE})
            return tuple(facts.card(row, standard) for row in _rows(saved))

    def intent(self, intent: str) -> IntentFacts:
        with _translated():
            found = self._v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).to_dict()
            refunds = self._v1.refunds.list({"payment_intent": intent, "limit": PAGE})
            return facts.intent(found, list(_rows(refunds)), self._disputes(intent))

    def session(self, session: str) -> SessionFacts:
        with _translated():
            return facts.session(self._v1.checkout.sessions.retrieve(session).to_dict())

    def invoice(self, invoice: str) -> InvoiceFacts:
        with _translated():
            return facts.invoice(self._v1.invoices.retrieve(invoice, {"expand": ["payments"]}).to_dict())

    def nets(self, since: datetime) -> Iterator[Net]:
        after = int(since.timestamp())
        with _translated():
            touched: dict[str, int] = {}
            for row in _rows(self._v1.refunds.list({"created": {"gte": after}, "limit": PAGE})):
                _touch(touched, row)
            for row in _rows(self._v1.disputes.list({"created": {"gte": after}, "limit": PAGE})):
                _touch(touched, row)
            made = self._v1.payment_intents.list(
                {"created": {"gte": after}, "limit": PAGE, "expand": ["data.latest_charge"]}
            )
            for row in _rows(made):
                yield self._net(row, touched.pop(row["id"], 0))
            for intent, newest in touched.items():
                row = self._v1.payment_intents.retrieve(intent, {"expand": ["latest_charge"]}).to_dict()
                yield self._net(row, newest)

    def _page(self, ask: CheckoutAsk | CardPageAsk, key: str, marks: Mapping[str, str]) -> Done:
        own = dict(marks)
        if isinstance(ask, CardPageAsk):
            made = self._v1.checkout.sessions.create(
                {
                    "mode": "setup",
                    "customer": ask.customer,
                    "currency": CURRENCY,
                    "allowed_payment_method_types": ["card"],
                    "success_url": ask.saved_url,
                    "cancel_url": ask.back_url,
                    "metadata": own,
                    "setup_intent_data": {"metadata": own},
                },
                {"idempotency_key": key},
            )
        else:
            made = self._v1.checkout.sessions.create(
                {
                    "mode": "payment",
                    "customer": ask.customer,
                    "line_items": [
                        {
                            "quantity": 1,
                            "price_data": {
                                "currency": CURRENCY,
                                "unit_amount": line.paise,
                                "product_data": {"name": line.description},
                            },
                        }
                        for line in ask.lines
                    ],
                    "payment_intent_data": {
                        "metadata": own,
                        **({"setup_future_usage": "off_session"} if ask.keep_card else {}),
                    },
                    "success_url": ask.paid_url,
                    "cancel_url": ask.back_url,
                    "expires_at": ask.expires_at,
                    "metadata": own,
                },
                {"idempotency_key": key},
            )
        return Done(made.id, made.url or "", facts.id_of(made.to_dict().get("payment_intent")))

    def _send(self, invoice: str, ask: InvoiceAsk, key: str) -> Done:
        """Go on with an invoice from wherever it is: lines, then finalize, then send."""
        found = self._v1.invoices.retrieve(invoice).to_dict()
        if found["status"] == "draft":
            there = {row["metadata"].get("line") for row in _rows(self._v1.invoice_items.list({"invoice": invoice}))}
            for place, line in enumerate(ask.lines):
                if str(place) not in there:
                    self._line(invoice, ask.customer, place, line, key)
            self._v1.invoices.finalize_invoice(invoice, {"auto_advance": True}, {"idempotency_key": f"{key}-finalize"})
        if found["status"] in {"draft", "open"}:
            found = self._v1.invoices.send_invoice(invoice, {}, {"idempotency_key": f"{key}-send"}).to_dict()
        return Done(invoice, found.get("hosted_invoice_url") or "")

    def _line(self, invoice: str, customer: str, place: int, line: Line, key: str) -> None:
        self._v1.invoice_items.create(
            {
                "customer": customer,
                "invoice": invoice,
                "currency": CURRENCY,
                "amount": line.paise,
                "description": line.description,
                "metadata": {"line": str(place)},
            },
            {"idempotency_key": f"{key}-line-{place}"},
        )

    def _disputes(self, intent: str) -> list[dict[str, Any]]:
        return list(_rows(self._v1.disputes.list({"payment_intent": intent, "limit": PAGE})))

    def _net(self, found: dict[str, Any], newest: int) -> Net:
        charge = found.get("latest_charge") or {}
        paise = (found.get("amount_received") or 0) - (charge.get("amount_refunded") or 0)
        if charge.get("disputed"):
            paise -= sum(facts.dispute(row).withdrawn_paise for row in self._disputes(found["id"]))
        return Net(
            intent=found["id"],
            customer=facts.id_of(found.get("customer")),
            paise=paise,
            touched_at=facts.moment(max(newest, found["created"], charge.get("created") or 0)),
            marks=dict(found.get("metadata") or {}),
        )


def _rows(listed: stripe.ListObject[Any]) -> Iterator[dict[str, Any]]:
    """Every object of a list, page after page."""
    for one in listed.auto_paging_iter():
        yield one.to_dict()


def _marked(listed: stripe.ListObject[Any], marks: Mapping[str, str]) -> dict[str, Any] | None:
    """The first that carries our request's id."""
    return next((row for row in _rows(listed) if (row.get("metadata") or {}).get("request") == marks["request"]), None)


def _charged(found: dict[str, Any]) -> Done:
    """A charge that was found: done, or declined."""
    error = found.get("last_payment_error") or {}
    if found["status"] == "requires_payment_method" and error:
        raise RefusedError(facts.decline(error), error.get("decline_code") or error.get("code") or "", "", found["id"])
    return Done(found["id"], intent=found["id"])


def _touch(touched: dict[str, int], row: Mapping[str, Any]) -> None:
    if intent := facts.id_of(row.get("payment_intent")):
        touched[intent] = max(touched.get(intent, 0), row["created"])


_OURS: Final = "Stripe does not accept our key."


@contextmanager
def _translated(*, answers: bool = True) -> Iterator[None]:
    """The SDK's errors as ours. What Stripe says of a key is left out: it repeats a part of it. `answers`: a server
    error is the end of an idempotency key."""
    try:
        yield
    except stripe.CardError as error:
        body = _error_of(error)
        intent = (body.get("payment_intent") or {}).get("id") or ""
        raise RefusedError(facts.decline(body), body.get("decline_code") or error.code or "", "", intent) from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise LaterError(_OURS, "key") from error
    except stripe.RateLimitError as error:
        raise LaterError("Stripe asks us to wait.", error.code or "rate_limit") from error
    except stripe.InvalidRequestError as error:
        raise RefusedError(error.user_message or "refused", error.code or "", error.param or "") from error
    except stripe.IdempotencyError as error:
        raise RefusedError(error.user_message or "refused", "idempotency", "idempotency_key") from error
    except stripe.APIConnectionError as error:
        raise UnknownError("Stripe could not be reached, or did not answer in time.") from error
    except stripe.StripeError as error:
        answered = answers and (error.http_status or 0) >= 500 and bool(error.request_id)
        raise UnknownError(f"Stripe answered with {error.http_status}.", answered=answered) from error


def _error_of(error: stripe.StripeError) -> dict[str, Any]:
    body = error.json_body
    found = body.get("error") if isinstance(body, dict) else None
    return found if isinstance(found, dict) else {}


def verify(body: bytes, header: str, secrets: Iterable[str], tolerance_s: int) -> bool:
    """Whether one of the secrets has signed this body not longer ago than `tolerance_s`."""
    check: Callable[..., Any] = stripe.WebhookSignature.verify_header
    for secret in secrets:
        try:
            check(body, header, secret, tolerance_s)
        except (stripe.SignatureVerificationError, UnicodeDecodeError):
            continue
        return True
    return False
