"""The caller's voice."""

import importlib.util
import shutil

import pytest

from telephony.simulator import audio, voice
from telephony.simulator.errors import BadAudio


@pytest.mark.parametrize("present", [["flite"], ["espeak-ng"], []])
def test_every_way_to_speak_gives_speech(present, monkeypatch):
    if any(shutil.which(name) is None for name in present) or not (
        present or importlib.util.find_spec("espeakng_loader")
    ):
        pytest.skip("not on this machine; allowed in CI: the others are asked instead")
    which = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: which(name) if name in present else None)
    voice.synthesise.cache_clear()

    said = voice.synthesise("Good morning, I would like to book a table.")

    start, end = audio.audible_span_ms(said)
    assert 1500 < end - start < 5000


@pytest.mark.parametrize("text", ["", "   ", "x" * 3000])
def test_nothing_and_too_much_cannot_be_said(text):
    with pytest.raises(BadAudio):
        voice.synthesise(text)
