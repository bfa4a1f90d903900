"""The simulator's errors.

SimulatorError
├── BadScript       the caller's script or the command line makes no sense
├── BadAudio        a sound file cannot be read, or no voice can speak here
├── XmlRefused      the carrier would not accept this answer document; `code` is the hang-up cause code
└── Unreachable     a URL could not be fetched after all tries; `code` is the hang-up cause code
"""

from __future__ import annotations


class SimulatorError(Exception):
    """The base of everything the simulator raises on purpose."""


class BadScript(SimulatorError):
    """The caller's script or the command line makes no sense."""


class BadAudio(SimulatorError):
    """A sound file cannot be read, or no voice can speak on this machine."""


class XmlRefused(SimulatorError):
    """The carrier would not accept this document and ends the call with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Unreachable(SimulatorError):
    """A URL gave no usable answer after all tries; the call ends with `code`."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
