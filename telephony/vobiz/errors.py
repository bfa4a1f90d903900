"""What can go wrong with the carrier.

VobizError
├── RemoteError              the peer sent something wrong; `kind` is a short word for counters
│   ├── BadField             a callback carries an unusable value: answer 400 and name `field`
│   └── StreamBroken         the socket has used up our patience: close it with `close_code`
├── LocalError               we asked for something the protocol cannot say; a bug on our side
└── BadSignature             a callback is unsigned or wrongly signed: answer `http_status`
"""

from __future__ import annotations


class VobizError(Exception):
    """The base of everything this package raises on purpose."""


class RemoteError(VobizError):
    """The peer sent something wrong. Other calls are not affected."""

    def __init__(self, kind: str, detail: str) -> None:
        super().__init__(detail)
        self.kind = kind


class BadField(RemoteError):
    """A callback carries an unusable value. The value itself is never part of the message."""

    http_status = 400

    def __init__(self, field: str, problem: str) -> None:
        super().__init__("bad_field", f"{field}: {problem}")
        self.field = field
        self.problem = problem


class StreamBroken(RemoteError):
    """The media socket sent more rubbish than we tolerate."""

    def __init__(self, kind: str, detail: str, close_code: int = 1008) -> None:
        super().__init__(kind, detail)
        self.close_code = close_code


class LocalError(VobizError):
    """We asked for something the protocol cannot say."""


class BadSignature(VobizError):
    """A callback is unsigned (401) or wrongly signed (403)."""

    def __init__(self, reason: str, http_status: int) -> None:
        super().__init__(reason)
        self.http_status = http_status
