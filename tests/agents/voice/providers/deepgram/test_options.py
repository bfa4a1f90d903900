"""What is asked of Deepgram for which blueprint."""

import pytest

from agents.voice.blueprint import Stage, Tongue
from agents.voice.errors import ProviderRefused
from agents.voice.providers import build
from agents.voice.providers.deepgram import aura, flux, nova
from tests.agents.voice.providers.contract.rows import blueprint


def asked(module, model, language="en", **more):
    return module.query(blueprint(language, stt=Stage("deepgram", model), **more))


@pytest.mark.parametrize(
    ("language", "tongues", "expected"),
    [
        ("en", (), "en"),
        ("hi", (), "hi"),
        ("en-IN", (), "en"),
        ("en", (Tongue("hi", Stage("x", "y")),), "multi"),
        ("hi", (Tongue("hi", Stage("x", "y")),), "hi"),
    ],
)
def test_nova_listens_for_the_languages_of_the_call(language, tongues, expected):
    query = dict(asked(nova, "nova-3", language, tongues=tongues))

    assert query["language"] == expected
    assert query.get("numerals") == ("true" if expected == "en" else None)
    assert (query["endpointing"], query["utterance_end_ms"], query["interim_results"]) == ("300", "1000", "true")


def test_flux_hints_languages_to_the_multilingual_model_alone():
    def hints(*given):
        return [value for name, value in asked(flux, *given) if name == "language_hint"]

    assert hints("flux-general-en") == []
    assert hints("flux-general-multi") == ["en"]
    assert hints("flux-general-multi", "hi") == ["hi", "en"]
    assert "numerals" not in dict(asked(flux, "flux-general-multi", "hi"))


def test_key_terms_are_repeated_and_stay_below_the_limit():
    terms = [value for name, value in asked(nova, "nova-3", key_terms=("Dr. Rao", "MRI")) if name == "keyterm"]
    assert terms == ["Dr. Rao", "MRI"]
    many = [value for name, value in asked(flux, "flux-general-en", key_terms=("x" * 30,) * 500) if name == "keyterm"]
    assert sum(map(len, many)) <= 1_200
    assert many


def test_the_voice_is_the_model():
    assert aura.model_on_the_wire(Stage("deepgram", "aura-2", "thalia-en")) == "aura-2-thalia-en"
    assert aura.model_on_the_wire(Stage("deepgram", "aura-2", "aura-2-thalia-en")) == "aura-2-thalia-en"


@pytest.mark.parametrize(
    ("model", "turns", "languages"),
    [
        ("nova-3", "segments", ("en", "hi")),
        ("flux-general-en", "provider", ("en",)),
        ("flux-general-multi", "provider", ("en", "hi")),
    ],
)
def test_the_table_finds_the_adapter_of_each_model(model, turns, languages):
    made = build(blueprint(stt=Stage("deepgram", model), tts=Stage("deepgram", "aura-2", "thalia-en")))

    assert (made.stt.capabilities.turns, made.stt.capabilities.languages) == (turns, languages)
    assert isinstance(made.tts, aura.Aura)


async def test_without_a_key_nobody_is_asked():
    for adapter in (nova.Nova(), flux.english(), aura.Aura()):
        with pytest.raises(ProviderRefused) as caught:
            async with adapter.open(blueprint()):
                pass
        assert caught.value.kind == "no_key"
