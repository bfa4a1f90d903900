"""OpenAI Realtime, speech to speech: its recogniser's face."""

from agents.voice.blueprint import Access, Stage
from agents.voice.providers.openai.realtime import Realtime
from tests.agents.voice.providers.contract.rows import SttRow, blueprint
from tests.fakes.openai_realtime import OpenAiRealtimeFake

UNKNOWN = '{"type":"something.new","payload":{"a":[1,2]}}'


def listens(fake, key):
    access = Access("openai", key, fake.url, fake.ws_url)
    stage = Stage("openai", "gpt-realtime-2.1", "marin")
    return blueprint(stt=stage, realtime=stage, access=(access,))


STT = [SttRow("openai-realtime", lambda: Realtime().listener, OpenAiRealtimeFake, listens, UNKNOWN, greets=2)]
