"""Reads Stripe's objects, as plain JSON, into our values. Pure; raises `KeyError` for what is no such object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

from billing.stripe.asks import CardFacts, DisputeFacts, IntentFacts, InvoiceFacts, RefundFacts, SessionFacts

Json = Mapping[str, Any]

_STATUS: Final[Mapping[str, Literal["open", "paid", "canceled"]]] = {"succeeded": "paid", "canceled": "canceled"}


def intent(found: Json, refunds: Sequence[Json], disputes: Sequence[Json]) -> IntentFacts:
    """Of a payment intent with its latest charge in it."""
    status: Literal["open", "paid", "declined", "canceled"] = _STATUS.get(found["status"], "open")
    error = found.get("last_payment_error") or {}
    if status == "open" and found["status"] == "requires_payment_method" and error:
        status = "declined"
    charge = found.get("latest_charge")
    charged_at = charge["created"] if isinstance(charge, Mapping) else found["created"]
    return IntentFacts(
        intent=found["id"],
        status=status,
        currency=found["currency"],
        received_paise=found.get("amount_received") or 0,
        problem=decline(error),
        paid_at=moment(charged_at) if status == "paid" else None,
        marks=dict(found.get("metadata") or {}),
        refunds=tuple(refund(one) for one in sorted(refunds, key=_by_time)),
        disputes=tuple(dispute(one) for one in sorted(disputes, key=_by_time)),
    )


def refund(found: Json) -> RefundFacts:
    """Of a refund."""
    return RefundFacts(
        found["id"], found["amount"], found.get("status") or "", found.get("reason") or "", moment(found["created"])
    )


def dispute(found: Json) -> DisputeFacts:
    """Of a dispute: its balance transactions say what the bank has taken and given back."""
    moved = sum(row["amount"] for row in found.get("balance_transactions") or [])
    return DisputeFacts(
        found["id"], max(0, -moved), found["status"], found.get("reason") or "", moment(found["created"])
    )


def session(found: Json) -> SessionFacts:
    """Of a Checkout session."""
    return SessionFacts(
        found["status"] or "open", id_of(found.get("payment_intent")), dict(found.get("metadata") or {})
    )


def invoice(found: Json) -> InvoiceFacts:
    """Of an invoice with its payments in it."""
    payments = (found.get("payments") or {}).get("data") or []
    paid = [row for row in payments if row.get("status") == "paid"]
    intents = [id_of(row["payment"].get("payment_intent")) for row in (paid or payments)]
    return InvoiceFacts(
        status=found["status"],
        intent=next(filter(None, intents), ""),
        url=found.get("hosted_invoice_url") or "",
        paid_paise=found.get("amount_paid") or 0,
        elsewhere_paise=found.get("amount_paid_off_stripe") or 0,
        marks=dict(found.get("metadata") or {}),
    )


def card(found: Json, standard: str) -> CardFacts:
    """Of a payment method that is a card; `standard` is the id of the customer's default one."""
    shown = found["card"]
    return CardFacts(
        found["id"], shown["brand"], shown["last4"], shown["exp_month"], shown["exp_year"], found["id"] == standard
    )


def decline(error: Json) -> str:
    """Why a payment was declined: Stripe's sentence with the bank's word for it."""
    if not error:
        return ""
    code = error.get("decline_code") or error.get("code") or ""
    return f"{error.get('message') or 'The payment was declined.'}{f' ({code})' if code else ''}"


def id_of(found: str | Json | None) -> str:
    """An id, wherever Stripe may put the object in its place."""
    if found is None:
        return ""
    return found if isinstance(found, str) else str(found["id"])


def moment(seconds: int) -> datetime:
    """Of Stripe's seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def _by_time(found: Json) -> tuple[int, str]:
    return found["created"], found["id"]
