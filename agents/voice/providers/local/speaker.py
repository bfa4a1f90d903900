"""The child process that runs espeak-ng: `python -m agents.voice.providers.local.speaker`.

espeak-ng is GPL-3; it is loaded here and nowhere else, and only messages pass between it and us. It speaks about a
thousand times faster than real time, so requests are served one after the other and nobody waits.
"""

from __future__ import annotations

import ctypes
import json
import warnings
from collections import deque
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from agents.voice.providers.local.arpabet import arpabet
from agents.voice.providers.local.resample import Resampler
from agents.voice.providers.local.wire import Parent

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import audioop

SPEAK, CANCEL, PRONOUNCE = range(1, 4)
AUDIO, WORDS, DONE, SPELLING, TROUBLE = range(1, 6)

RATE: Final = 22_050
_SYNCHRONOUS: Final = 2
_UTF8: Final = 1
_IPA: Final = 2
_WORD: Final = 1
_BUFFER_MS: Final = 100
_WORDS_A_MINUTE: Final = 165
_TARGET_RMS: Final = 2_600.0
"""-22 dBFS while speaking: the level of a telephone voice."""
_KNEE: Final = 10_000.0
_CEILING: Final = 16_400.0
"""-6 dBFS: no peak passes it."""
_SAMPLE: Final = "The quick brown fox jumps over the lazy dog, and nobody knows why."


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", ctypes.c_char * 8),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


class Engine:
    """espeak-ng. One per process: the library has one state."""

    def __init__(self) -> None:
        import espeakng_loader

        self._library: Any = ctypes.CDLL(espeakng_loader.get_library_path())
        rate = self._library.espeak_Initialize(
            _SYNCHRONOUS, _BUFFER_MS, str(espeakng_loader.get_data_path()).encode(), 0
        )
        if rate != RATE:
            raise RuntimeError(f"espeak-ng gives {rate} samples a second")
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._callback = _Callback(self._take)
        self._library.espeak_SetSynthCallback(self._callback)
        self._library.espeak_SetParameter(1, _WORDS_A_MINUTE, 0)
        self._voice = ""
        self._gains: dict[str, float] = {}
        self._sink: Any = None

    def voice(self, name: str) -> bool:
        """Choose a voice; False when there is none of that name."""
        if name != self._voice:
            if self._library.espeak_SetVoiceByName(name.encode()) != 0:
                self._voice = ""
                self._library.espeak_SetVoiceByName(b"en-us")
                return False
            self._voice = name
            self._library.espeak_SetParameter(1, _WORDS_A_MINUTE, 0)
        return True

    def speak(self, text: str, sink: Any) -> None:
        """Call `sink(samples, words)` with each piece; true ends it. `words` are (position, length, sample)."""
        encoded = text.encode()
        self._sink = sink
        self._library.espeak_Synth(encoded, len(encoded) + 1, 0, 1, 0, _UTF8, None, None)
        self._sink = None

    def gain(self) -> float:
        """What brings the chosen voice to the target level: measured once over a sentence."""
        if self._voice not in self._gains:
            heard: list[NDArray[np.int16]] = []
            self.speak(_SAMPLE, lambda samples, words: heard.append(samples))
            samples = np.concatenate(heard).astype(np.float64)
            frames = samples[: len(samples) // 441 * 441].reshape(-1, 441)
            levels = np.sqrt((frames**2).mean(axis=1))
            loud = levels[levels > levels.max() / 10]
            self._gains[self._voice] = _TARGET_RMS / float(np.sqrt((loud**2).mean()))
        return self._gains[self._voice]

    def ipa(self, text: str) -> str:
        """The sounds of a text."""
        pointer = ctypes.c_char_p(text.encode())
        found = self._library.espeak_TextToPhonemes(ctypes.byref(pointer), _UTF8, _IPA)
        return (found or b"").decode()

    def _take(self, wave: Any, count: int, events: Any) -> int:
        if self._sink is None:
            return 1
        words = []
        index = 0
        while events[index].type != 0:
            event = events[index]
            if event.type == _WORD:
                words.append((event.text_position - 1, event.length, event.sample))
            index += 1
        samples = np.ctypeslib.as_array(wave, (count,)).copy() if wave and count else np.zeros(0, dtype=np.int16)
        return 1 if self._sink(samples, words) else 0


def limited(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """16-bit samples: as they are up to the knee, bent below the ceiling beyond it."""
    size = np.abs(samples)
    room = _CEILING - _KNEE
    bent = np.where(size > _KNEE, _KNEE + room * np.tanh((size - _KNEE) / room), size)
    return np.asarray(np.copysign(bent, samples), dtype=np.int16)


class Speaker:
    """The requests of one parent, in order."""

    def __init__(self, parent: Parent, engine: Engine) -> None:
        self.parent = parent
        self.engine = engine
        self.requests: deque[tuple[int, int, bytes]] = deque()
        self.cancelled: set[int] = set()

    def run(self) -> None:
        """Until the parent has gone."""
        while self.listen(wait=not self.requests):
            if not self.requests:
                continue
            kind, number, payload = self.requests.popleft()
            if kind == PRONOUNCE:
                ways = {word: arpabet(self.engine.ipa(word)) for word in json.loads(payload)}
                self.parent.send(SPELLING, number, json.dumps(ways).encode())
            elif number not in self.cancelled:
                self.speak(number, payload)
            self.cancelled.discard(number)

    def listen(self, *, wait: bool) -> bool:
        """Take what the parent has sent; False when it has gone."""
        messages = self.parent.messages(wait=wait)
        for kind, number, payload in messages or ():
            if kind != CANCEL:
                self.requests.append((kind, number, payload))
            elif any(waiting[1] == number for waiting in self.requests):
                self.cancelled.add(number)
            else:
                self.cancelled = {number} if number == self.speaking else set()
        return messages is not None

    speaking = 0

    def speak(self, number: int, payload: bytes) -> None:
        voice, text = json.loads(payload)
        if not self.engine.voice(voice):
            self.parent.send(TROUBLE, number, f"no voice {voice!r}".encode())
            return
        gain = np.float32(self.engine.gain())
        resampler = Resampler()
        self.speaking = number
        samples_so_far = 0
        open_word: tuple[int, int] | None = None

        def sink(samples: NDArray[np.int16], words: list[tuple[int, int, int]]) -> bool:
            nonlocal open_word, samples_so_far
            ended: list[tuple[str, int]] = []
            for position, length, sample in words:
                if open_word is not None:
                    ended.append((text[open_word[0] : sum(open_word)], sample * 1000 // RATE))
                open_word = (position, length)
            samples_so_far += len(samples)
            if ended:
                self.parent.send(WORDS, number, json.dumps(ended).encode())
            self.send(number, resampler.push(samples) * gain)
            gone = not self.listen(wait=False)
            return gone or number in self.cancelled

        self.engine.speak(text, sink)
        self.speaking = 0
        if number not in self.cancelled:
            self.send(number, resampler.flush() * gain)
            if open_word is not None:
                last = [(text[open_word[0] : sum(open_word)], samples_so_far * 1000 // RATE)]
                self.parent.send(WORDS, number, json.dumps(last).encode())
            self.parent.send(DONE, number)

    def send(self, number: int, samples: NDArray[np.float32]) -> None:
        if len(samples):
            self.parent.send(AUDIO, number, audioop.lin2ulaw(limited(samples).tobytes(), 2))


def main() -> None:
    """Serve the parent on standard input."""
    Speaker(Parent(), Engine()).run()


if __name__ == "__main__":
    main()
