"""What billing refuses, and whose mistake it was.

BillingError
├── BadAmountError       no amount of money, or too fine for a micro-unit
├── BadUsageError        usage that cannot be taken; `field` names what is wrong
├── BadBookError         prices that cannot be taken; `field` names what is wrong
├── NoBookError          no version of the book is in force at that time
├── BadTaxProfileError   who pays or who is paid, told wrongly; `field` names what is wrong
├── BadPeriodError       a month that cannot be closed, or a note that its invoice does not allow
├── UnbalancedError      a transaction that would leave something out of balance: our bug
└── KeyReusedError       one key for two different transactions: our bug
"""

from __future__ import annotations


class BillingError(Exception):
    """The root. `field` names what the person should look at, where there is such a thing."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(f"{field}: {message}" if field else message)
        self.message = message
        self.field = field


class BadAmountError(BillingError, ValueError):
    """No amount of money."""


class BadUsageError(BillingError, ValueError):
    """Usage that cannot be taken."""


class BadBookError(BillingError, ValueError):
    """Prices that cannot be taken."""


class NoBookError(BillingError, LookupError):
    """No version of the book is in force at that time."""


class BadTaxProfileError(BillingError, ValueError):
    """Who pays or who is paid, told wrongly."""


class BadPeriodError(BillingError, ValueError):
    """A month that cannot be closed, or a note that its invoice does not allow."""


class UnbalancedError(BillingError):
    """A transaction that would leave something out of balance."""


class KeyReusedError(BillingError):
    """One key for two different transactions."""
