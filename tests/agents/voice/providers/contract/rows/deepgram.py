"""Deepgram: Nova-3, both Flux models, Aura-2."""

from functools import partial

from agents.voice.blueprint import Access, Stage
from agents.voice.providers.deepgram.aura import Aura
from agents.voice.providers.deepgram.flux import english, multilingual
from agents.voice.providers.deepgram.nova import Nova
from tests.agents.voice.providers.contract.rows import SttRow, TtsRow, blueprint
from tests.fakes.deepgram import Deepgram, sound_of

UNKNOWN = '{"type":"SomethingNew","payload":{"a":[1,2]}}'


def listens(fake, key, model="nova-3"):
    access = Access("deepgram", key, fake.url, fake.ws_url)
    return blueprint(stt=Stage("deepgram", model), access=(access,))


def speaks(fake, key):
    access = Access("deepgram", key, fake.url, fake.ws_url)
    return blueprint(tts=Stage("deepgram", "aura-2", "thalia-en"), access=(access,))


def silence(fake):
    fake.voiceless = True


STT = [
    SttRow("nova-3", Nova, Deepgram, listens, UNKNOWN),
    SttRow("flux-en", english, Deepgram, partial(listens, model="flux-general-en"), UNKNOWN, greets=1),
    SttRow("flux-multi", multilingual, Deepgram, partial(listens, model="flux-general-multi"), UNKNOWN, greets=1),
]
TTS = [TtsRow("aura-2", Aura, Deepgram, speaks, sound_of, silence, UNKNOWN, greets=1)]
