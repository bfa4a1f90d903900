"""Voices are heard before one is chosen: samples, their limits, and the list of an account's own."""

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from agents import voices
from agents.access import accounts
from agents.accounts import LiveVoice
from agents.config import read
from agents.models import Agent
from agents.seeding import seed_agents
from agents.voice.blueprint import Stage
from agents.voice.providers import local
from tenants.scope import tenant_scope
from tests.fakes.cartesia import Cartesia
from tests.fakes.deepgram import Deepgram
from tests.fakes.threaded import serving
from tests.fakes.vendor import KEY

pytestmark = pytest.mark.django_db
ESPEAK = "local/espeak-ng/en-us+f3"


@pytest.fixture(autouse=True)
def _fresh_cache():
    cache.clear()


@pytest.fixture
def client(cast):
    builder = Client()
    builder.force_login(cast.builder)
    return builder


@pytest.fixture
def asha(cast):
    return seed_agents(cast.tenant, None)[0]


def sample(client, cast, voice, **more):
    return client.get(reverse("agents:preview", args=[cast.tenant.slug]), {"voice": voice, **more})


def draft(agent):
    with tenant_scope(agent.tenant_id):
        return read(Agent.objects.get(id=agent.id).draft)


@pytest.fixture
def _espeak():
    pytest.importorskip("espeakng_loader")
    yield
    local.close()


@pytest.mark.usefixtures("_espeak")
def test_a_sample_is_what_callers_would_hear(client, cast):
    response = sample(client, cast, ESPEAK)

    assert (response.status_code, response["Content-Type"]) == (200, "audio/wav")
    assert response.content[:4] == b"RIFF"
    assert response.content[20:22] == b"\x07\x00"  # µ-law
    assert 1.0 < (len(response.content) - 58) / 8_000 < 20.0


@pytest.mark.usefixtures("_espeak")
def test_a_sample_is_made_once(client, cast):
    first = sample(client, cast, ESPEAK).content
    local.close()

    assert sample(client, cast, ESPEAK).content == first
    assert voices.kept_sample(cast.tenant.id, Stage("local", "espeak-ng", "en-us+f3"), "en") == first
    assert voices.kept_sample(cast.other.id, Stage("local", "espeak-ng", "en-us+f3"), "en") is None


@pytest.mark.parametrize("voice", ["", "local", "local/espeak-ng", "nobody/gone/x", "scripted/scripted/tone"])
def test_there_is_no_sample_of_what_is_no_voice(client, cast, voice):
    assert sample(client, cast, voice).status_code == 404


def test_no_voice_is_chosen_yet(client, cast):
    assert sample(client, cast, "").content.decode() == "Choose a voice first."


def test_a_voice_of_a_model_that_hears_and_speaks_is_heard_from_its_vendors_synthesiser():
    speaking = Stage("openai", "gpt-realtime-2.1", "marin")

    assert voices.heard_as(speaking) == Stage("openai", "gpt-4o-mini-tts", "marin")
    assert voices.heard_as(Stage("openai", "gpt-realtime-2.1", "nobody")) is None
    assert voices.heard_as(Stage("openai", "gone", "marin")) is None
    assert voices.heard_as(Stage(*ESPEAK.split("/"))) == Stage(*ESPEAK.split("/"))


def test_a_vendor_without_a_key_is_named(client, cast, settings):
    settings.VENDORS = {}

    response = sample(client, cast, "cartesia/sonic-3.6/f786b574-daa5-4673-aa0c-cbe3e8534c02")

    assert (response.status_code, response.content.decode()) == (409, "There is no key for Cartesia.")


def test_a_vendor_that_is_not_there_is_named(client, cast, settings):
    settings.VENDORS = {"deepgram": ("http://127.0.0.1:9", "dg-key")}

    response = sample(client, cast, "deepgram/aura-2/thalia-en")

    assert response.status_code == 502
    assert response.content.decode().startswith("No sample: Deepgram c")


def test_nobody_makes_a_vendor_speak_all_day(client, cast, settings):
    settings.VENDORS = {"deepgram": ("http://127.0.0.1:9", "dg-key")}
    voices_asked = [f"deepgram/aura-2/voice-{number}" for number in range(25)]

    statuses = [sample(client, cast, voice).status_code for voice in voices_asked]

    assert statuses == [502] * 20 + [429] * 5


def test_a_sample_speaks_what_the_voice_was_made_for():
    narrator = Stage("cartesia", "sonic-3.6", "c1abd502-9231-4558-a054-10ac950c356d")

    assert voices.language_of(narrator) == "hi"
    assert voices.language_of(narrator, "en") == "en"
    assert voices.language_of(narrator, "fr") == "hi"
    assert voices.language_of(Stage("cartesia", "sonic-3.6", "of-the-account")) == "en"


FOUND = (
    LiveVoice("1", "Anjali", "A calm Indian woman", "hi"),
    LiveVoice("2", "Brooke", "A friendly American woman", "en"),
    LiveVoice("3", "My clone"),
)


@pytest.mark.parametrize(
    ("asked", "language", "names"),
    [
        ("", "", ["Anjali", "Brooke", "My clone"]),
        ("", "hi", ["Anjali", "My clone"]),
        ("woman", "", ["Anjali", "Brooke"]),
        ("WOMAN indian", "", ["Anjali"]),
        ("nobody", "", []),
    ],
)
def test_voices_are_found_by_every_word_and_by_their_language(asked, language, names):
    assert [voice.name for voice in voices.found(FOUND, asked, language)] == names


def page(cast, agent, **query):
    return reverse("agents:voices", args=[cast.tenant.slug, agent.id])


def test_without_a_key_the_list_holds_the_voices_that_we_know_and_says_so(client, cast, asha, settings):
    settings.VENDORS = {}

    text = client.get(page(cast, asha)).content.decode()

    assert "There is no key for Cartesia" in text
    assert "Katie" in text
    assert "Hindi narrator" not in text


def test_a_search_that_finds_nothing_offers_all(client, cast, asha):
    text = client.get(page(cast, asha), {"q": "<b>nobody"}).content.decode()

    assert "No voice matches" in text
    assert "<b>nobody" not in text


def test_a_voice_of_the_list_becomes_the_drafts(client, cast, asha):
    voice = "cartesia/sonic-3.5/0123456789abcdef0123456789abcdef"

    response = client.post(page(cast, asha), {"voice": voice, "language": "en"})

    assert response.status_code == 302
    assert response["Location"].endswith("#identity")
    assert draft(asha).tts == Stage("cartesia", "sonic-3.5", "0123456789abcdef0123456789abcdef")
    editor = client.get(reverse("agents:edit", args=[cast.tenant.slug, asha.id])).content.decode()
    assert "Sonic 3.5: voice 01234567…" in editor


@pytest.mark.parametrize("voice", ["", "cartesia/sonic-3.5/", "cartesia/gone/x", "x" * 400])
def test_what_is_no_voice_does_not_become_the_drafts(client, cast, asha, voice):
    before = draft(asha)

    assert client.post(page(cast, asha), {"voice": voice}).status_code == 400
    assert draft(asha) == before


# An account that has voices


@pytest.fixture
def deepgram(settings):
    with serving(Deepgram()) as fake:
        settings.VENDORS = {"deepgram": (fake.url, KEY)}
        yield fake


def test_the_accounts_own_voices_are_listed_and_asked_for_once_an_hour(client, cast, asha, deepgram):
    query = {"model": "deepgram/aura-2", "language": "en"}

    first, second = (client.get(page(cast, asha), query) for _ in range(2))

    assert first.context["problem"] == ""
    assert first.context["all"] > 0
    assert [voice for voice, _ in first.context["voices"]] == [voice for voice, _ in second.context["voices"]]
    assert len([request for request in deepgram.requests if request.path == "/v1/models"]) == 1


def test_a_vendors_voice_is_heard_through_its_account(client, cast, deepgram):
    first = sample(client, cast, "deepgram/aura-2/thalia-en")
    second = sample(client, cast, "deepgram/aura-2/thalia-en")

    assert (first.status_code, first["Content-Type"]) == (200, "audio/wav")
    assert len(first.content) > 58 + 8_000
    assert second.content == first.content
    assert len([request for request in deepgram.requests if request.path == "/v1/speak"]) == 1


def test_a_wrong_key_is_named_where_a_voice_should_be_heard(client, cast, asha, deepgram):
    deepgram.key = "another"

    heard = sample(client, cast, "deepgram/aura-2/thalia-en")
    listed = client.get(page(cast, asha), {"model": "deepgram/aura-2"}).content.decode()

    assert (heard.status_code, heard.content.decode()) == (502, "No sample: Deepgram refused the key.")
    assert "Deepgram refused the key. These are its best-known voices only." in listed
    with tenant_scope(cast.tenant.id):
        assert accounts()["deepgram"].refused


def test_a_voice_that_was_cloned_in_the_account_is_listed_heard_and_used(client, cast, asha, settings):
    with serving(Cartesia()) as fake:
        settings.VENDORS = {"cartesia": (fake.url, KEY)}
        listed = client.get(page(cast, asha), {"model": "cartesia/sonic-3.6", "language": "en"})
        voice, _ = listed.context["voices"][0]
        heard = sample(client, cast, f"cartesia/sonic-3.6/{voice.id}", language="en")
        client.post(page(cast, asha), {"voice": f"cartesia/sonic-3.6/{voice.id}", "language": "en"})

    assert listed.context["problem"] == ""
    assert heard.status_code == 200
    assert heard.content[:4] == b"RIFF"
    assert draft(asha).tts == Stage("cartesia", "sonic-3.6", voice.id)
