"""Between a server and a media socket's consumer: messages handed over as they come, with no task woken for each.

A server that can do so puts a function of the type `Texts` into the ASGI scope's extensions under `TEXTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

Texts = Callable[[Callable[[str], bool]], None]
"""Called once, with what is to take each text message in the event loop. When that returns True, whoever receives is
told by an event of the type `LOOK`."""

TEXTS: Final = "switchboard.texts"
LOOK: Final = "switchboard.look"
