"""Which providers there are, with their models and voices: frozen data.

Names are those of the vendors' SDKs and documentation as of November 2026. What each costs is in `agents.prices`.
Languages are those of `LANGUAGES` alone: a model that knows forty is listed with the two that an agent can be set to.
"""

from __future__ import annotations

from typing import Final

from agents.entries import Language, Model, Provider, Voice

ENGLISH: Final = Language("en", "English")
HINDI: Final = Language("hi", "Hindi")
LANGUAGES: Final = (ENGLISH, HINDI)

_BOTH: Final = ("en", "hi")

# Names of voice files: espeak-ng knows `en-gb` as a language only, which its library does not load by name.
_ESPEAK_VOICES: Final = (
    Voice("en-us+f3", "American, woman", ("en",)),
    Voice("en-us+f2", "American, woman, calmer", ("en",)),
    Voice("en-us", "American, man", ("en",)),
    Voice("en-us+m3", "American, another man", ("en",)),
    Voice("en-gb-x-rp+f3", "British, woman", ("en",)),
    Voice("en-gb-x-rp+f4", "British, woman, calmer", ("en",)),
    Voice("en-gb-x-rp", "British, man", ("en",)),
    Voice("en-gb-scotland+f2", "Scottish, woman", ("en",)),
    Voice("en-gb-scotland", "Scottish, man", ("en",)),
    Voice("en-029+f2", "Caribbean, woman", ("en",)),
    Voice("en-029", "Caribbean, man", ("en",)),
)

LOCAL: Final = Provider(
    id="local",
    name="On this machine",
    keyless=True,
    stt=(
        Model(
            id="pocketsphinx",
            name="PocketSphinx",
            languages=("en",),
            summary="Knows the questions, options and names that you write down, and numbers, days and times.",
            cannot=("It cannot take down free speech, such as a name or an address.",),
            fixed_vocabulary=True,
            expected_ms=30,
        ),
    ),
    llm=(
        Model(
            id="builtin",
            name="Built in, no AI model",
            languages=("en",),
            summary="Finds the answer that fits the question, fills in your forms step by step, puts callers through.",
            cannot=(
                "It speaks English only.",
                "It says nothing that you have not written: no small talk, no reasoning, no sums.",
                "It does not read the instructions; they are for a model that you may choose later.",
            ),
            answers_only=True,
            expected_ms=1,
        ),
    ),
    tts=(Model(id="espeak-ng", name="eSpeak NG", languages=("en",), voices=_ESPEAK_VOICES, expected_ms=10),),
)

# Aura-2 speaks seven languages, and no Hindi.
_AURA_VOICES: Final = (
    Voice("thalia-en", "Thalia, American, woman, clear", ("en",)),
    Voice("andromeda-en", "Andromeda, American, woman, relaxed", ("en",)),
    Voice("helena-en", "Helena, American, woman, friendly", ("en",)),
    Voice("asteria-en", "Asteria, American, woman, confident", ("en",)),
    Voice("athena-en", "Athena, American, woman, calm", ("en",)),
    Voice("apollo-en", "Apollo, American, man, casual", ("en",)),
    Voice("arcas-en", "Arcas, American, man, natural", ("en",)),
    Voice("orion-en", "Orion, American, man, calm", ("en",)),
    Voice("draco-en", "Draco, British, man, warm", ("en",)),
    Voice("pandora-en", "Pandora, British, woman, calm", ("en",)),
    Voice("hyperion-en", "Hyperion, Australian, man, caring", ("en",)),
    Voice("theia-en", "Theia, Australian, woman, sincere", ("en",)),
)

DEEPGRAM: Final = Provider(
    id="deepgram",
    name="Deepgram",
    keys_at="Deepgram’s console, under API Keys",
    stt=(
        Model(
            id="flux-general-multi",
            name="Flux, many languages",
            languages=_BOTH,
            summary="Knows when a caller has finished, and follows one who mixes Hindi and English.",
            recommended=True,
            expected_ms=300,
        ),
        Model(
            id="flux-general-en",
            name="Flux, English",
            languages=("en",),
            summary="Knows when a caller has finished. English only.",
            expected_ms=300,
        ),
        Model(
            id="nova-3",
            name="Nova-3",
            languages=_BOTH,
            summary="Takes down free speech; the end of a turn is decided here, by the pause.",
            expected_ms=420,
        ),
    ),
    tts=(
        Model(
            id="aura-2",
            name="Aura-2",
            languages=("en",),
            voices=_AURA_VOICES,
            more_voices=True,
            expected_ms=100,
        ),
    ),
)

_OPENAI_VOICES: Final = tuple(
    Voice(name, name.capitalize(), _BOTH)
    for name in ("marin", "cedar", "alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse")
)

OPENAI: Final = Provider(
    id="openai",
    name="OpenAI",
    keys_at="OpenAI’s platform, under API keys",
    stt=(
        Model(
            id="gpt-live-transcribe",
            name="GPT Live Transcribe",
            languages=_BOTH,
            summary="Takes down free speech as it is spoken; takes the words to expect as hints.",
            expected_ms=500,
        ),
        Model(
            id="gpt-4o-transcribe",
            name="GPT-4o Transcribe",
            languages=_BOTH,
            summary="The older one.",
            ends="2027-02-26",
            expected_ms=600,
        ),
    ),
    llm=(
        Model(
            id="gpt-5.4-mini",
            name="GPT-5.4 mini",
            languages=_BOTH,
            summary="Good at following instructions and using tools, and quick.",
            recommended=True,
            expected_ms=340,
        ),
        Model(
            id="gpt-6-luna",
            name="GPT-6 Luna",
            languages=_BOTH,
            summary="The cheapest of the new ones, for short and simple calls.",
            expected_ms=300,
        ),
        Model(
            id="gpt-6.1-terra",
            name="GPT-6.1 Terra",
            languages=_BOTH,
            summary="Cleverer, for calls with many rules.",
            expected_ms=500,
        ),
        Model(
            id="gpt-5.4-nano",
            name="GPT-5.4 nano",
            languages=_BOTH,
            summary="Small; makes more mistakes with tools.",
            expected_ms=280,
        ),
    ),
    tts=(
        Model(
            id="gpt-4o-mini-tts",
            name="GPT-4o mini TTS",
            languages=_BOTH,
            voices=_OPENAI_VOICES,
            summary="One request for each sentence, so it begins later than the others.",
            ends="2027-01-06",
            expected_ms=400,
        ),
    ),
    realtime=(
        Model(
            id="gpt-realtime-2.1",
            name="GPT Realtime 2.1",
            languages=_BOTH,
            voices=_OPENAI_VOICES,
            summary="Hears and speaks itself; it keeps the tone of a conversation, and costs the most.",
            recommended=True,
            expected_ms=500,
        ),
        Model(
            id="gpt-realtime-2.1-mini",
            name="GPT Realtime 2.1 mini",
            languages=_BOTH,
            voices=_OPENAI_VOICES,
            summary="Hears and speaks itself, for about a third.",
            expected_ms=450,
        ),
        Model(
            id="gpt-realtime-1.5",
            name="GPT Realtime 1.5",
            languages=_BOTH,
            voices=_OPENAI_VOICES,
            summary="The older one; it does not think before it speaks.",
            expected_ms=400,
        ),
    ),
)

OPENAI_COMPATIBLE: Final = Provider(
    id="openai_compatible",
    name="Another server",
    own_address=True,
    keys_at="whoever runs the server",
    llm=(
        Model(
            id="",
            name="A model that you name",
            languages=_BOTH,
            summary="Any server that speaks OpenAI’s chat protocol over public HTTPS.",
            cannot=("What it costs, and how quick it is, only its operator knows.",),
            free_name=True,
        ),
    ),
)

ANTHROPIC: Final = Provider(
    id="anthropic",
    name="Anthropic",
    keys_at="Anthropic’s console, under API keys",
    llm=(
        Model(
            id="claude-haiku-5-5",
            name="Claude Haiku 5.5",
            languages=_BOTH,
            summary="The quickest of the family.",
            recommended=True,
            expected_ms=400,
        ),
        Model(
            id="claude-sonnet-5-5",
            name="Claude Sonnet 5.5",
            languages=_BOTH,
            summary="Cleverer, for calls with many rules.",
            expected_ms=700,
        ),
        Model(
            id="claude-haiku-4-5",
            name="Claude Haiku 4.5",
            languages=_BOTH,
            summary="The older small one; it does not think before it speaks.",
            expected_ms=500,
        ),
    ),
)

# Each of them can be asked to speak any language; `speaks` is what it was recorded in.
_SONIC_VOICES: Final = (
    Voice("f786b574-daa5-4673-aa0c-cbe3e8534c02", "Katie, American, woman", ("en",)),
    Voice("9626c31c-bec5-4cca-baa8-f8ba9e84c8bc", "Jacqueline, American, woman", ("en",)),
    Voice("a5136bf9-224c-4d76-b823-52bd5efcffcc", "Jameson, American, man", ("en",)),
    Voice("71a7ad14-091c-4e8e-a314-022ece01c121", "British lady, reads aloud", ("en",)),
    Voice("95d51f79-c397-46f9-b49a-23763d3eaa2d", "Arushi, Indian, woman, Hindi and English", _BOTH),
    Voice("3b554273-4299-48b9-9aaf-eefd438e3941", "Indian lady, English and Hindi", _BOTH),
    Voice("c1abd502-9231-4558-a054-10ac950c356d", "Hindi narrator, a woman", ("hi",)),
    Voice("7f423809-0011-4658-ba48-a411f5e516ba", "Hindi narrator, a man", ("hi",)),
    Voice("ac7ee4fa-25db-420d-bfff-f590d740aeb2", "Hindi calm man", ("hi",)),
)

CARTESIA: Final = Provider(
    id="cartesia",
    name="Cartesia",
    keys_at="Cartesia’s playground, under API keys",
    stt=(
        Model(
            id="ink-2",
            name="Ink-2",
            languages=("en",),
            summary="Knows when a caller has finished. English only.",
            expected_ms=300,
        ),
        Model(
            id="ink-2-manual",
            name="Ink-2, turns by pause",
            languages=("en",),
            summary="The same model; the end of a turn is decided here, by the pause.",
            expected_ms=420,
        ),
    ),
    tts=(
        Model(
            id="sonic-3.6",
            name="Sonic 3.6",
            languages=_BOTH,
            voices=_SONIC_VOICES,
            more_voices=True,
            polyglot=True,
            recommended=True,
            expected_ms=90,
        ),
        Model(
            id="sonic-3.5",
            name="Sonic 3.5",
            languages=_BOTH,
            voices=_SONIC_VOICES,
            more_voices=True,
            polyglot=True,
            expected_ms=90,
        ),
        Model(
            id="sonic-3",
            name="Sonic 3",
            languages=_BOTH,
            voices=_SONIC_VOICES,
            more_voices=True,
            polyglot=True,
            expected_ms=90,
        ),
    ),
)

SCRIPTED: Final = Provider(
    id="scripted",
    name="Scripted, for tests",
    keyless=True,
    offered=False,
    stt=(Model("scripted", "Scripted", _BOTH),),
    llm=(Model("scripted", "Scripted", _BOTH),),
    tts=(Model("scripted", "Scripted", _BOTH),),
)

PROVIDERS: Final = (LOCAL, DEEPGRAM, OPENAI, CARTESIA, ANTHROPIC, OPENAI_COMPATIBLE, SCRIPTED)
