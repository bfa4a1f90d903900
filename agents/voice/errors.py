"""The engine's errors.

VoiceError
├── ProviderError            a vendor failed; `retryable` says whether another try may help
│   ├── ProviderRefused      the vendor will not: bad key, bad request, no balance
│   └── ProviderTimeout      no answer within the deadline
└── UnknownProvider          the blueprint names something this installation does not have
"""

from __future__ import annotations


class VoiceError(Exception):
    """The base of everything the engine raises on purpose."""


class ProviderError(VoiceError):
    """A vendor failed. `kind` is a short word for metrics (`connect`, `stall`, `protocol`, `http_500`, …)."""

    def __init__(self, provider: str, kind: str, detail: str = "", *, retryable: bool = True) -> None:
        super().__init__(f"{provider}: {kind}" + (f" ({detail})" if detail else ""))
        self.provider = provider
        self.kind = kind
        self.retryable = retryable


class ProviderRefused(ProviderError):
    """The vendor will not, and will not later either."""

    def __init__(self, provider: str, kind: str, detail: str = "") -> None:
        super().__init__(provider, kind, detail, retryable=False)


class ProviderTimeout(ProviderError):
    """No answer within the deadline."""


class UnknownProvider(VoiceError):
    """The blueprint names a provider that this installation does not have."""
