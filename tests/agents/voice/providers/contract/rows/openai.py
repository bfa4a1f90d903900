"""OpenAI: realtime transcription with both kinds of models, and speech."""

from functools import partial

from agents.voice.blueprint import Access, Stage
from agents.voice.providers.openai.stt import Transcription
from agents.voice.providers.openai.tts import Speech
from tests.agents.voice.providers.contract.rows import SttRow, TtsRow, blueprint
from tests.fakes.openai import OpenAiFake, sound_of

UNKNOWN = '{"type":"something.new","event_id":"event_1","payload":{"a":[1,2]}}'


def hears(lines, **more):
    return OpenAiFake(heard=lines, **more)


def listens(fake, key, model="gpt-live-transcribe"):
    access = Access("openai", key, fake.base_url, fake.ws_base)
    return blueprint(stt=Stage("openai", model), access=(access,))


def speaks(fake, key):
    access = Access("openai", key, fake.base_url, fake.ws_base)
    return blueprint(tts=Stage("openai", "gpt-4o-mini-tts", "marin"), access=(access,))


def silence(fake):
    fake.voiceless = True


STT = [
    SttRow("openai-live", Transcription, hears, listens, UNKNOWN, greets=2),
    SttRow("openai-4o", Transcription, hears, partial(listens, model="gpt-4o-transcribe"), UNKNOWN, greets=2),
]
TTS = [TtsRow("openai-speech", Speech, OpenAiFake, speaks, sound_of, silence, sockets=False)]
