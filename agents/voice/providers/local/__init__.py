"""The keyless providers: they really listen and really speak, on this machine, in English."""

from __future__ import annotations

from importlib.util import find_spec


def installed() -> bool:
    """Whether the `offline` extra is there."""
    return find_spec("pocketsphinx") is not None and find_spec("espeakng_loader") is not None


async def warm() -> None:
    """Start the child processes of this event loop, so that the first caller does not wait for them."""
    from agents.voice.providers.local import stt, tts

    await stt.children().pick()
    await tts.child().start()
