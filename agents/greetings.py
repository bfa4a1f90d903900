"""An agent's fixed sentences, spoken once and kept: the first words start at once, also after a restart.

The engine keeps what it has spoken in a cache of the process (`agents.voice.phrases`). Here it is put into Django's
storage after a call, and read back when the next one begins: one small file for all sentences in their voices, named
by what they say, so that a change of a word or a voice is another file. Blocking; nothing here ever ends a call.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from typing import Final
from uuid import UUID

import msgspec
import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from agents.voice.blueprint import Blueprint, Stage
from agents.voice.phrases import PROCESS_CACHE, Rendered

_LOOK_AGAIN_S: Final = 60.0
_MOST_FILES: Final = 2_000
_seen: dict[str, tuple[float, int]] = {}
"""Name of a file: when it was looked for, and how many sentences it held. Keeps every call from asking the storage."""

log = structlog.get_logger(__name__)

Sentence = tuple[Stage, str]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """One sentence in one voice. `words` as in `Rendered`."""

    stage: tuple[str, str, str]
    text: str
    audio: bytes
    words: tuple[tuple[str, int], ...]


def sentences(blueprint: Blueprint) -> list[Sentence]:
    """Those that are the same in every call, each with the voice that says it."""
    return [(stage, text) for stage, text in dict.fromkeys(_all(blueprint)) if text.strip() and "{{" not in text]


def name(tenant: UUID, blueprint: Blueprint) -> str:
    """Where the file is in the storage."""
    said = [blueprint.language, *((asdict(stage), text) for stage, text in sentences(blueprint))]
    return f"phrases/{tenant}/{hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]}"


def recall(tenant: UUID, blueprint: Blueprint) -> int:
    """Put what was kept into the process's cache; how many sentences came."""
    missing = [sentence for sentence in sentences(blueprint) if PROCESS_CACHE.get(*sentence) is None]
    file = name(tenant, blueprint)
    looked, _ = _seen.get(file, (-_LOOK_AGAIN_S, 0))
    if not missing or time.monotonic() - looked < _LOOK_AGAIN_S:
        return 0
    try:
        kept = _read(file)
    except Exception as error:  # any storage may be behind it, and the file may be half written
        log.warning("phrases_not_read", file=file, error=repr(error))
        kept = []
    _note(file, len(kept))
    wanted = set(missing)
    found = [entry for entry in kept if (Stage(*entry.stage), entry.text) in wanted]
    for entry in found:
        PROCESS_CACHE.put(Stage(*entry.stage), entry.text, Rendered(entry.audio, entry.words))
    return len(found)


def keep(tenant: UUID, blueprint: Blueprint) -> int:
    """Put what this process has spoken into the storage, when there is more of it than before; how many sentences."""
    file = name(tenant, blueprint)
    spoken = [
        _Kept((stage.provider, stage.model, stage.voice), text, rendered.audio, rendered.words)
        for stage, text in sentences(blueprint)
        if (rendered := PROCESS_CACHE.get(stage, text)) is not None
    ]
    if len(spoken) <= _seen.get(file, (0.0, 0))[1]:
        return 0
    try:
        if len(spoken) <= len(_read(file)):
            _note(file, len(spoken))
            return 0
        default_storage.delete(file)
        default_storage.save(file, ContentFile(msgspec.msgpack.encode(spoken)))
    except Exception as error:  # as above
        log.warning("phrases_not_kept", file=file, error=repr(error))
        return 0
    _note(file, len(spoken))
    return len(spoken)


def _all(blueprint: Blueprint) -> Iterator[Sentence]:
    phrases = [getattr(blueprint.phrases, field.name) for field in fields(blueprint.phrases)]
    for stage in filter(None, (blueprint.tts, blueprint.second.tts)):
        yield stage, blueprint.greeting
        yield from ((stage, text) for text in phrases)
    for tongue in blueprint.tongues:
        yield tongue.tts, tongue.greeting


def _read(file: str) -> list[_Kept]:
    if not default_storage.exists(file):
        return []
    with default_storage.open(file) as stored:
        return msgspec.msgpack.decode(stored.read(), type=list[_Kept])


def _note(file: str, count: int) -> None:
    if len(_seen) >= _MOST_FILES:
        _seen.clear()
    _seen[file] = (time.monotonic(), count)
