"""What goes wrong between us and Stripe, and whose it is.

BillingError
├── NoStripeError     no key is set: cards cannot be paid with here, transfers can
├── AwayError         Stripe gave no answer; nothing was charged that would not be found again. Try later
└── DeclinedError     Stripe or the bank said no; `field` names what to look at

GatewayError          what a gateway tells the outbox, never a page
├── RefusedError      a definite no: nothing has happened, and the same again would be refused again
├── LaterError        a definite not now: nothing has happened, the same may be asked again
└── UnknownError      nobody knows whether it has happened: look before it is asked again
"""

from __future__ import annotations

from billing.errors import BillingError


class NoStripeError(BillingError):
    """No key is set."""


class AwayError(BillingError):
    """Stripe gave no answer."""


class DeclinedError(BillingError):
    """Stripe or the bank said no."""


class GatewayError(Exception):
    """`code` is Stripe's word for it, for logs and pages; `field` the parameter that Stripe names."""

    def __init__(self, message: str, code: str = "", field: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.field = field


class RefusedError(GatewayError):
    """A definite no. `intent`: the payment that was declined, where there is one."""

    def __init__(self, message: str, code: str = "", field: str = "", intent: str = "") -> None:
        super().__init__(message, code, field)
        self.intent = intent


class LaterError(GatewayError):
    """A definite not now."""


class UnknownError(GatewayError):
    """Nobody knows. `answered`: Stripe has finished with this idempotency key, and would give the same answer again."""

    def __init__(self, message: str, *, answered: bool = False) -> None:
        super().__init__(message)
        self.answered = answered
