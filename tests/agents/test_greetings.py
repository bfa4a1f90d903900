"""Fixed sentences are spoken once: kept after a call, there when the next one begins, also in another process."""

from dataclasses import astuple, fields, replace
from uuid import uuid4

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from agents import greetings
from agents.publishing import blueprint_of
from agents.starting_points import starting_point
from agents.voice.blueprint import Access, HttpTool, Second, Stage, Tongue
from agents.voice.phrases import PROCESS_CACHE, PhraseCache, Rendered
from agents.voice.spoken_forms import spoken
from agents.voice.tongues import shipped
from agents.voice.variables import FACTS, filled_in, with_facts
from tests.agents.voice import conversing
from tests.fakes.cartesia import VOICES, Cartesia, sound_of
from tests.fakes.providers import fakes
from tests.fakes.vendor import KEY, Denial

VOICE = Stage("cartesia", "sonic-3.6", "katie")
ASHA = replace(blueprint_of(starting_point("clinic").make("Asha", "Sanjeevani Clinic"), "Asha", 1), tts=VOICE)
PHRASES = {getattr(ASHA.phrases, one.name) for one in fields(ASHA.phrases)}
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
    process().put(VOICE, "en", ASHA.greeting, HELLO)

    assert greetings.keep(tenant, ASHA) == 1
    cache = process()
    assert greetings.recall(tenant, ASHA) == 1

    assert cache.get(VOICE, "en", ASHA.greeting) == HELLO


def test_nothing_is_kept_of_what_was_not_spoken(tenant):
    assert greetings.keep(tenant, ASHA) == 0
    assert greetings.recall(tenant, ASHA) == 0
    assert not default_storage.exists(greetings.name(tenant, ASHA))


def test_more_is_added_and_less_takes_nothing_away(tenant, process):
    cache = process()
    cache.put(VOICE, "en", ASHA.greeting, HELLO)
    greetings.keep(tenant, ASHA)
    cache.put(VOICE, "en", ASHA.phrases.idle, HELLO)
    assert greetings.keep(tenant, ASHA) == 2

    process().put(VOICE, "en", ASHA.greeting, HELLO)
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


LOOK_UP = HttpTool("who", "", "https://crm.example/who")


@pytest.mark.parametrize(
    ("greeting", "lookup", "kept"),
    [
        ("Hello, this is {{agent_name}}.", None, "Hello, this is Asha."),
        ("Welcome to {{business}}.", None, "Welcome to the clinic."),
        ("Hello {{nobody}}.", None, "Hello ."),
        ("You call from {{caller_number}}.", None, None),
        ("It is {{now}} at {{business}}.", None, None),
        ("Welcome to {{business}}.", LOOK_UP, None),
        ("Hello, this is {{agent_name}}.", LOOK_UP, "Hello, this is Asha."),
    ],
)
def test_first_words_are_known_by_what_is_said_and_kept_where_it_is_the_same_in_every_call(greeting, lookup, kept):
    made = replace(ASHA, greeting=greeting, lookup=lookup, variables=(("business", "the clinic"),))
    facts = dict.fromkeys(FACTS, "x") | {"agent_name": "Asha"}

    said = [text for _, _, text in greetings.sentences(made)]
    spoken, _ = filled_in(with_facts(made, facts))

    assert [text for text in said if text not in PHRASES] == ([kept] if kept else [])
    assert (spoken.greeting in spoken.personal) == (kept is None)
    assert kept is None or spoken.greeting == kept


def test_what_differs_from_call_to_call_is_not_kept_in_the_process_either():
    blueprint = replace(conversing.BLUEPRINT, greeting="Hello Ravi.", personal=("Hello Ravi.",))

    outcome = conversing.call(fakes(), blueprint=blueprint, hang_up_ms=3_000)

    assert outcome.said("agent") == ["Hello Ravi."]
    assert PROCESS_CACHE.get(blueprint.tts, "en", "Hello Ravi.") is None


def test_second_voices_and_further_languages_are_kept_too():
    second, hindi = Stage("deepgram", "aura-2", "thalia-en"), replace(VOICE, voice="arushi")
    tongue = Tongue("hi", hindi, "नमस्ते।", phrases=(("idle", "हैलो?"),))
    blueprint = replace(ASHA, second=Second(tts=second), tongues=(tongue, Tongue("en", VOICE)))

    said = greetings.sentences(blueprint)

    assert (second, "en", ASHA.greeting) in said
    assert {text for stage, language, text in said if (stage, language) == (hindi, "hi")} == {
        *("नमस्ते।", "हैलो?"),
        *(text for text in astuple(shipped("hi")) if text != shipped("hi").idle),
    }
    assert len(said) == 3 * (1 + len(PHRASES)), "the second voice speaks no Hindi"


def test_one_text_in_one_voice_is_kept_for_each_language():
    cache = PhraseCache()
    cache.put(VOICE, "en", "112", HELLO)

    assert cache.get(VOICE, "hi", "112") is None
    assert cache.get(VOICE, "en", "112") == HELLO


def test_a_broken_file_is_as_good_as_none(tenant, process):
    default_storage.save(greetings.name(tenant, ASHA), ContentFile(b"\xc1 no such thing"))

    assert greetings.recall(tenant, ASHA) == 0


# --- rendered when a version is published ---


SONIC = Stage("cartesia", "sonic-3.6", VOICES[0]["id"])


@pytest.fixture
async def vendor():
    async with Cartesia() as running:
        yield running


def with_voice(vendor, **parts):
    return replace(ASHA, tts=SONIC, access=(Access("cartesia", KEY, vendor.url, vendor.ws_url),), **parts)


async def test_what_is_rendered_is_there_for_the_first_call(vendor, tenant, process):
    made = with_voice(vendor)

    assert await greetings.render(tenant, made) == len(PHRASES) + 1
    cache = process()
    assert greetings.recall(tenant, made) == len(PHRASES) + 1

    kept = cache.get(SONIC, "en", made.greeting)
    assert kept.audio == sound_of(spoken(made.greeting, "en"))
    assert kept.words[-1][0].startswith(made.greeting.split()[-1])


async def test_rendering_again_asks_nobody(vendor, tenant):
    await greetings.render(tenant, with_voice(vendor))
    asked = len(vendor.spoken)

    assert await greetings.render(tenant, with_voice(vendor)) == len(PHRASES) + 1
    assert len(vendor.spoken) == asked


async def test_first_words_of_one_caller_are_not_rendered(vendor, tenant):
    made = with_voice(vendor, greeting="Hello {{name}}.", lookup=LOOK_UP)

    assert await greetings.render(tenant, made) == len(PHRASES)
    assert not any("Hello ." in text for text in vendor.spoken)


async def test_a_vendor_that_refuses_leaves_it_to_the_first_call(vendor, tenant):
    vendor.faults.deny += [Denial(401)] * 20

    assert await greetings.render(tenant, with_voice(vendor)) == 0
    assert not default_storage.exists(greetings.name(tenant, ASHA))


async def test_a_voice_that_fails_in_between_keeps_what_was_spoken(vendor, tenant, monkeypatch):
    vendor.faults.stall_after = 100
    monkeypatch.setattr(greetings, "SENTENCE_S", 0.5)

    count = await greetings.render(tenant, with_voice(vendor))

    assert 0 < count < len(PHRASES) + 1
    vendor.faults.stall_after = None
    assert await greetings.render(tenant, with_voice(vendor)) == len(PHRASES) + 1


async def test_voices_of_this_machine_are_not_rendered(tenant):
    made = replace(ASHA, tts=Stage("local", "espeak-ng", "en-us+f3"))

    assert not greetings.may_render(made)
    assert await greetings.render(tenant, made) == 0
