"""What of an agent changes with the language that is spoken: its sentences, its prompt, and who can serve it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields, replace
from typing import Final

from agents.voice.blueprint import Blueprint, Phrases, Tongue

_HINDI: Final = Phrases(
    idle="क्या आप लाइन पर हैं?",
    goodbye="कॉल करने के लिए धन्यवाद। नमस्ते।",
    trouble="माफ़ कीजिए, एक तकनीकी समस्या के कारण मैं समझ नहीं पाई। क्या आप फिर से कहेंगे?",
    failed="माफ़ कीजिए, हमारे यहाँ तकनीकी समस्या है। कृपया थोड़ी देर बाद फिर कॉल करें।",
    closing="एक मिनट में मुझे यह कॉल समाप्त करनी होगी।",
    wait="एक मिनट रुकिए।",
    resumed="माफ़ कीजिए, एक पल के लिए लाइन कट गई थी।",
    again="क्या आप वह फिर से कहेंगे?",
    unheard="माफ़ कीजिए, आपकी आवाज़ साफ़ नहीं आ रही है। क्या आप फ़ोन के थोड़ा पास आकर बोलेंगे?",
    voicemail="नमस्ते। हमने आपसे बात करने के लिए फ़ोन किया था, और हम फिर से कोशिश करेंगे। धन्यवाद, नमस्ते।",
)
_SHIPPED: Final = {"en": Phrases(), "hi": _HINDI}
_NAMES: Final = {"en": "English", "hi": "Hindi"}
_WRITTEN: Final = {"hi": " Write Hindi in Devanagari."}
"""What the voices of a language need to read it well."""

SENTENCES: Final = tuple(one.name for one in fields(Phrases))
"""Names of the sentences that the engine itself may need."""


def base(language: str) -> str:
    """`hi` for `hi-IN`."""
    return language.partition("-")[0].casefold()


def called(language: str) -> str:
    """The language's English name; its code where we have none."""
    return _NAMES.get(base(language), language)


def knows(languages: Iterable[str], language: str) -> bool:
    """Whether a language is among those that somebody declares; who declares none is taken to know all."""
    known = {base(one) for one in languages}
    return not known or not language or base(language) in known


def shipped(language: str) -> Phrases:
    """The sentences that come with the product; the English ones where there are no others."""
    return _SHIPPED.get(base(language), _SHIPPED["en"])


def phrases_of(tongue: Tongue) -> Phrases:
    """The shipped sentences of its language, with those that the tenant has written in their places."""
    own = {name: text for name, text in tongue.phrases if name in SENTENCES and text.strip()}
    return replace(shipped(tongue.language), **own)


def own_phrases(phrases: Phrases, language: str) -> tuple[tuple[str, str], ...]:
    """What `Tongue.phrases` keeps of a whole set: those that are not as shipped."""
    usual = shipped(language)
    pairs = ((name, getattr(phrases, name)) for name in SENTENCES)
    return tuple((name, text) for name, text in pairs if text.strip() and text != getattr(usual, name))


def moved(phrases: Phrases, before: str, now: str) -> Phrases:
    """The first language has changed: sentences that were as shipped are so in the new one, all others stay."""
    usual, new = shipped(before), shipped(now)
    same = {name: getattr(new, name) for name in SENTENCES if getattr(phrases, name) == getattr(usual, name)}
    return replace(phrases, **same)


def books(blueprint: Blueprint) -> dict[str, Phrases]:
    """The sentences by the language that is spoken."""
    further = {tongue.language: phrases_of(tongue) for tongue in reversed(blueprint.tongues)}
    return {**further, blueprint.language: blueprint.phrases}


def prompt(blueprint: Blueprint, language: str) -> str:
    """What a model is told, besides the instructions, while this language is spoken."""
    name = called(language)
    told = f"The conversation is in {name} now: answer in {name}, whatever language these instructions are in."
    own = next((tongue.instructions for tongue in blueprint.tongues if tongue.language == language), "")
    first = language == blueprint.language
    return f"{told}{_WRITTEN.get(base(language), '')}" + (f"\n\n{own}" if own and not first else "")


def of_words(blueprint: Blueprint, text: str) -> str:
    """The language of a sentence that opens a call: that of its tongue when it is there, else the agent's first one."""
    for tongue in blueprint.tongues:
        if tongue.language == blueprint.begins_in and text in (tongue.greeting, tongue.consent):
            return tongue.language
    return blueprint.language
