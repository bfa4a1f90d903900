"""The rows: what the shared tests need to know about each adapter."""

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import pytest

from agents.voice.blueprint import Blueprint, Stage
from tests.fakes.vendor import KEY, VendorFake

NOBODY = Stage("scripted", "scripted")


def blueprint(language="en", stt=NOBODY, llm=NOBODY, tts=NOBODY, **more):
    """A blueprint with the one stage that is tested."""
    return Blueprint("contract", 1, language, "", "You are brief.", stt, llm, tts, **more)


@dataclass(frozen=True)
class SttRow:
    """`fake(lines, key=, faults=)` hears these lines. `blueprint(fake, key)` is served by `adapter`.

    `unknown`: a message that no client knows yet. `greets`: messages that the vendor sends before any audio.
    `answers_silence`: whether `finalize` without any speech is answered, too.
    """

    name: str
    adapter: Callable[[], object]
    fake: Callable[..., VendorFake]
    blueprint: Callable[[VendorFake, str], Blueprint]
    unknown: str
    greets: int = 0
    answers_silence: bool = True


@dataclass(frozen=True)
class LlmRow:
    """`fake(replies, key=, faults=)`: each reply is text, or a list of `ToolCall`s."""

    name: str
    adapter: Callable[[], object]
    fake: Callable[..., VendorFake]
    blueprint: Callable[[VendorFake, str], Blueprint]


@dataclass(frozen=True)
class TtsRow:
    """`sound(text)`: the µ-law that the fake makes of it; `exact`: the adapter passes it on byte by byte.

    `silence(fake)`: from now on the fake answers without audio. `sockets`: it connects when it is opened.
    """

    name: str
    adapter: Callable[[], object]
    fake: Callable[..., VendorFake]
    blueprint: Callable[[VendorFake, str], Blueprint]
    sound: Callable[[str], bytes]
    silence: Callable[[VendorFake], None]
    unknown: str = ""
    greets: int = 0
    exact: bool = True
    sockets: bool = True

    def is_sound(self, spoken, text):
        """Whether this is the text, all of it and nothing else."""
        whole = self.sound(text)
        return spoken == whole if self.exact else abs(len(spoken) - len(whole)) <= 320


def rows(kind):
    """All vendors' rows of one kind, as pytest parameters."""
    found = []
    for module in pkgutil.iter_modules(__path__):
        found += getattr(import_module(f"{__name__}.{module.name}"), kind, [])
    return [pytest.param(row, id=row.name) for row in found]


__all__ = ["KEY", "NOBODY", "LlmRow", "SttRow", "TtsRow", "blueprint", "rows"]
