"""The keyless providers: they really listen and really speak, on this machine, in English."""

from __future__ import annotations

from importlib.util import find_spec


def installed() -> bool:
    """Whether the `offline` extra is there."""
    return find_spec("pocketsphinx") is not None and find_spec("espeakng_loader") is not None


async def warm() -> None:
    """Start the child processes of this event loop, so that the first caller does not wait. Raises `ProviderError`."""
    from agents.voice.providers.local import hearing_pool, tts

    hearing_pool.pool().warm()
    tts.mouth().keep = True
    tts.mouth().child()


def close() -> None:
    """End the child processes, within a second. They also end by themselves: when idle, and with this process."""
    from agents.voice.providers.local import hearing_pool, tts

    hearing_pool.close()
    tts.close()
