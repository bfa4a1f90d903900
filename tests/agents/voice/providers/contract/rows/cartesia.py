"""Cartesia: Ink in both ways, and the three Sonics (which differ in a name)."""

from functools import partial

from agents.voice.blueprint import Access, Stage
from agents.voice.providers.cartesia.ink import InkManual, InkTurns
from agents.voice.providers.cartesia.sonic import Sonic
from tests.agents.voice.providers.contract.rows import SttRow, TtsRow, blueprint
from tests.fakes.cartesia import VOICES, Cartesia, sound_of

UNKNOWN = '{"type":"something.new","payload":{"a":[1,2]}}'


def listens(fake, key, model="ink-2"):
    access = Access("cartesia", key, fake.url, fake.ws_url)
    return blueprint(stt=Stage("cartesia", model), access=(access,))


def speaks(fake, key):
    access = Access("cartesia", key, fake.url, fake.ws_url)
    return blueprint(tts=Stage("cartesia", "sonic-3.6", VOICES[0]["id"]), access=(access,))


def silence(fake):
    fake.voiceless = True


STT = [
    SttRow("ink-turns", InkTurns, Cartesia, listens, UNKNOWN, greets=1),
    SttRow("ink-manual", InkManual, Cartesia, partial(listens, model="ink-2-manual"), UNKNOWN),
]
TTS = [TtsRow("sonic", Sonic, Cartesia, speaks, sound_of, silence, UNKNOWN)]
