"""Fixed sentences are spoken once: kept after a call, there when the next one begins, also in another process."""

from dataclasses import replace
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from agents import greetings
from agents.publishing import blueprint_of
from agents.starting_points import starting_point
from agents.voice.blueprint import Second, Stage, Tongue
from agents.voice.phrases import PhraseCache, Rendered

VOICE = Stage("cartesia", "sonic-3.6", "katie")
ASHA = replace(blueprint_of(starting_point("clinic").make("Asha", "Sanjeevani Clinic"), "Asha", 1), tts=VOICE)
HELLO = Rendered(b"\x7f" * 800, (("Hello", 90),))


@pytest.fixture
def tenant():
    return uuid4()


@pytest.fixture(autouse=True)
def process(settings, tmp_path, monkeypatch):
    """A new process each time it is called; it begins as one."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }

    def begin():
        monkeypatch.setattr(greetings, "PROCESS_CACHE", PhraseCache())
        monkeypatch.setattr(greetings, "_seen", {})
        return greetings.PROCESS_CACHE

    begin()
    return begin


def test_what_one_process_has_spoken_another_one_plays(tenant, process):
    process().put(VOICE, ASHA.greeting, HELLO)

    assert greetings.keep(tenant, ASHA) == 1
    cache = process()
    assert greetings.recall(tenant, ASHA) == 1

    assert cache.get(VOICE, ASHA.greeting) == HELLO


def test_nothing_is_kept_of_what_was_not_spoken(tenant):
    assert greetings.keep(tenant, ASHA) == 0
    assert greetings.recall(tenant, ASHA) == 0
    assert not default_storage.exists(greetings.name(tenant, ASHA))


def test_more_is_added_and_less_takes_nothing_away(tenant, process):
    cache = process()
    cache.put(VOICE, ASHA.greeting, HELLO)
    greetings.keep(tenant, ASHA)
    cache.put(VOICE, ASHA.phrases.idle, HELLO)
    assert greetings.keep(tenant, ASHA) == 2

    process().put(VOICE, ASHA.greeting, HELLO)
    assert greetings.keep(tenant, ASHA) == 0

    process()
    assert greetings.recall(tenant, ASHA) == 2


def test_the_storage_is_asked_once_in_a_while_only(tenant, process, monkeypatch):
    process()
    asked = []
    monkeypatch.setattr(greetings, "_read", lambda file: asked.append(file) or [])

    for _ in range(5):
        greetings.recall(tenant, ASHA)

    assert len(asked) == 1


@pytest.mark.parametrize(
    "other",
    [
        replace(ASHA, greeting="Namaste."),
        replace(ASHA, tts=replace(VOICE, voice="jameson")),
        replace(ASHA, tts=replace(VOICE, model="sonic-3")),
        replace(ASHA, language="hi"),
    ],
    ids=["words", "voice", "model", "language"],
)
def test_other_words_or_another_voice_are_another_file(tenant, other):
    assert greetings.name(tenant, other) != greetings.name(tenant, ASHA)


def test_tenants_have_files_of_their_own(tenant):
    assert greetings.name(tenant, ASHA) != greetings.name(uuid4(), ASHA)


def test_what_differs_from_call_to_call_is_not_kept(tenant):
    said = greetings.sentences(replace(ASHA, greeting="Hello {{caller_name}}."))

    assert all("{{" not in text for _, text in said)
    assert len(said) == 6


def test_second_voices_and_further_languages_are_kept_too():
    second, hindi = Stage("deepgram", "aura-2", "thalia-en"), replace(VOICE, voice="arushi")
    blueprint = replace(ASHA, second=Second(tts=second), tongues=(Tongue("hi", hindi, "नमस्ते।"), Tongue("en", VOICE)))

    said = greetings.sentences(blueprint)

    assert (second, ASHA.greeting) in said
    assert (hindi, "नमस्ते।") in said
    assert len(said) == 7 + 7 + 1


def test_a_broken_file_is_as_good_as_none(tenant, process):
    default_storage.save(greetings.name(tenant, ASHA), ContentFile(b"\xc1 no such thing"))

    assert greetings.recall(tenant, ASHA) == 0
