"""An agent's fixed sentences, spoken once and kept: the first words start at once, also after a restart.

The engine keeps what it has spoken in a cache of the process (`agents.voice.phrases`). Here it is put into Django's
storage, and read back when a call begins: one small file for all sentences in their voices, named by what they say, so
that a change of a word or a voice is another file. The file is made when a version is published (`render`, by a
worker), and gets what was still missing after a call. Sentences are known by their final text, and only those that no
call changes are kept. Blocking but for `render`; nothing here ever ends a call.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import aclosing
from dataclasses import asdict, astuple, replace
from typing import Final
from uuid import UUID

import msgspec
import structlog
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from agents import catalogue
from agents.voice import providers, tongues
from agents.voice.blueprint import Blueprint, Second, Stage
from agents.voice.errors import VoiceError
from agents.voice.phrases import PROCESS_CACHE, Rendered
from agents.voice.providers.base import TtsWord, Voice
from agents.voice.spoken_forms import spoken
from agents.voice.variables import in_every_call

SENTENCE_S: Final = 20.0
"""A sentence that takes longer to render is left to the first call."""
_NOBODY: Final = Stage("scripted", "scripted")
_LOOK_AGAIN_S: Final = 60.0
_MOST_FILES: Final = 2_000
_seen: dict[str, tuple[float, int]] = {}
"""Name of a file: when it was looked for, and how many sentences it held. Keeps every call from asking the storage."""

log = structlog.get_logger(__name__)

Sentence = tuple[Stage, str, str]
"""Voice, language and final text, as the cache of the process takes them."""


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """One sentence in one voice. `words` as in `Rendered`."""

    stage: tuple[str, str, str]
    language: str
    text: str
    audio: bytes
    words: tuple[tuple[str, int], ...]


def sentences(blueprint: Blueprint) -> list[Sentence]:
    """Those that are the same in every call, in their final words, each with the voice that says it."""
    return list(dict.fromkeys(_all(blueprint)))


def name(tenant: UUID, blueprint: Blueprint) -> str:
    """Where the file is in the storage."""
    said = [(asdict(stage), language, text) for stage, language, text in sentences(blueprint)]
    return f"phrases/{tenant}/{hashlib.sha256(msgspec.json.encode(said)).hexdigest()[:32]}"


def recall(tenant: UUID, blueprint: Blueprint) -> int:
    """Put what was kept into the process's cache; how many sentences came."""
    missing = [sentence for sentence in sentences(blueprint) if PROCESS_CACHE.get(*sentence) is None]
    file = name(tenant, blueprint)
    looked, _ = _seen.get(file, (-_LOOK_AGAIN_S, 0))
    if not missing or time.monotonic() - looked < _LOOK_AGAIN_S:
        return 0
    kept = _kept(file)
    _note(file, len(kept))
    wanted = set(missing)
    found = [entry for entry in kept if _sentence_of(entry) in wanted]
    for entry in found:
        PROCESS_CACHE.put(*_sentence_of(entry), Rendered(entry.audio, entry.words))
    return len(found)


def keep(tenant: UUID, blueprint: Blueprint) -> int:
    """Put what this process has spoken into the storage, when there is more of it than before; how many sentences."""
    file = name(tenant, blueprint)
    spoken = [
        _Kept((stage.provider, stage.model, stage.voice), language, text, rendered.audio, rendered.words)
        for stage, language, text in sentences(blueprint)
        if (rendered := PROCESS_CACHE.get(stage, language, text)) is not None
    ]
    return 0 if len(spoken) <= _seen.get(file, (0.0, 0))[1] else _add(file, spoken)


def may_render(blueprint: Blueprint) -> bool:
    """Whether there is a sentence whose voice is a vendor's. One of this machine speaks at once anyway."""
    return any(_is_vendors(stage) for stage, _, _ in sentences(blueprint))


async def render(
    tenant: UUID, blueprint: Blueprint, made_by: Callable[[Stage, int, int], object] = lambda *made: None
) -> int:
    """Speak what is not in the storage yet, with vendors' voices, and put it there; how many sentences there are now.

    What fails is logged and left to the first call. `made_by` is told of each voice, characters and ms that it made.
    """
    file = name(tenant, blueprint)
    kept = {_sentence_of(entry) for entry in await asyncio.to_thread(_kept, file)}
    made: list[_Kept] = []
    by_voice: dict[tuple[str, Stage], list[str]] = {}
    for stage, language, text in sentences(blueprint):
        if (stage, language, text) not in kept and _is_vendors(stage):
            by_voice.setdefault((language, stage), []).append(text)
    for (language, stage), texts in by_voice.items():
        try:
            made += await _rendered(blueprint, language, stage, dict.fromkeys(texts))
        except (VoiceError, TimeoutError) as error:
            log.warning("phrases_not_rendered", provider=stage.provider, error=str(error) or "timeout")
    for entry in made:
        if entry.audio:
            made_by(Stage(*entry.stage), len(spoken(entry.text, entry.language)), len(entry.audio) // 8)
    return await asyncio.to_thread(_add, file, made) if made else len(kept)


async def _rendered(blueprint: Blueprint, language: str, stage: Stage, texts: Iterable[str]) -> list[_Kept]:
    """Raises `VoiceError` and `TimeoutError` when the first of them fails; later ones are left out."""
    serving = replace(
        blueprint, language=language, tts=stage, stt=_NOBODY, llm=_NOBODY, realtime=None, second=Second(), tongues=()
    )
    voice_of = providers.build(serving).tts
    made: list[_Kept] = []
    try:
        async with asyncio.timeout(SENTENCE_S) as limit, voice_of.open(serving) as voice:
            for text in texts:
                limit.reschedule(asyncio.get_running_loop().time() + SENTENCE_S)
                made.append(await _sentence(voice, stage, text, language))
    except (VoiceError, TimeoutError) as error:
        if not made:
            raise
        log.warning("phrase_not_rendered", provider=stage.provider, error=str(error) or "timeout")
    return made


async def _sentence(voice: Voice, stage: Stage, text: str, language: str) -> _Kept:
    sound, words = bytearray(), []
    async with aclosing(voice.speak(spoken(text, language))) as events:
        async for event in events:
            if isinstance(event, TtsWord):
                words.append((event.text, event.end_ms))
            else:
                sound += event
    return _Kept((stage.provider, stage.model, stage.voice), language, text, bytes(sound), tuple(words))


def _sentence_of(entry: _Kept) -> Sentence:
    return Stage(*entry.stage), entry.language, entry.text


def _is_vendors(stage: Stage) -> bool:
    vendor = catalogue.provider(stage.provider)
    return vendor is not None and not vendor.keyless


def _all(blueprint: Blueprint) -> Iterator[Sentence]:
    """What is the same in every call, in each voice that may have to say it."""
    second = blueprint.second.tts
    further = [one for one in blueprint.tongues if one.language != blueprint.language]
    words = [(blueprint.language, blueprint.tts, blueprint.greeting, blueprint.consent)]
    words += [(one.language, one.tts, one.greeting, blueprint.consent and one.consent) for one in further]
    books = tongues.books(blueprint)
    for language, voice, greeting, consent in words:
        texts = [in_every_call(greeting, blueprint), consent, *astuple(books[language])]
        for stage in (voice, second):
            if stage is not None and (stage is voice or _speaks(stage, language)):
                yield from ((stage, language, text) for text in texts if text and text.strip())


def _speaks(stage: Stage, language: str) -> bool:
    model = catalogue.find("tts", stage.provider, stage.model)
    return model is not None and tongues.knows(model.languages, language)


def _add(file: str, entries: list[_Kept]) -> int:
    """To those in the file; how many there are now, 0 when nothing was added."""
    try:
        kept = {_sentence_of(entry): entry for entry in _read(file)}
        before = len(kept)
        kept |= {_sentence_of(entry): entry for entry in entries}
        if len(kept) > before:
            default_storage.delete(file)
            default_storage.save(file, ContentFile(msgspec.msgpack.encode([*kept.values()])))
    except Exception as error:  # any storage may be behind it
        log.warning("phrases_not_kept", file=file, error=repr(error))
        return 0
    _note(file, len(kept))
    return len(kept) if len(kept) > before else 0


def _kept(file: str) -> list[_Kept]:
    """What is in the file; nothing when it cannot be read."""
    try:
        return _read(file)
    except Exception as error:  # as above, and the file may be half written
        log.warning("phrases_not_read", file=file, error=repr(error))
        return []


def _read(file: str) -> list[_Kept]:
    if not default_storage.exists(file):
        return []
    with default_storage.open(file) as stored:
        return msgspec.msgpack.decode(stored.read(), type=list[_Kept])


def _note(file: str, count: int) -> None:
    if len(_seen) >= _MOST_FILES:
        _seen.clear()
    _seen[file] = (time.monotonic(), count)
