"""The carrier's half of one media stream, without a socket: frames out, frames in, 20 ms at a time.

After Vobiz: the queue plays at real time, a checkpoint is acknowledged only when heard, `clearAudio` empties the queue
and is acknowledged a little later (what is sent in between is lost in part), `stop` ends at once. In the other dialect
a flush takes effect at once and returns the marks. Named faults change how frames go out (`network.py`) and what is
owed.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np

from telephony.simulator import audio, faults
from telephony.simulator.dialects import Clear, Codec, Format, Mark, PlayAudio, Stop, Wrong
from telephony.simulator.elements import Track
from telephony.simulator.network import Network
from telephony.simulator.playback import Playback, Pull

FAULT_AFTER_MS = 1000
STALL_AFTER_MS = 2000
SMALL_BUFFER_MS = 40_000
DEGRADED_AT = (0.3, 0.6, 0.9)


@dataclass(frozen=True, slots=True)
class Notice:
    """Something for the stream's status callback: `PlayedStream` (with its mark's name), `ClearedAudio`, or
    `DegradedStream` for a queue that fills up."""

    event: Literal["PlayedStream", "ClearedAudio", "DegradedStream"]
    name: str = ""


class CarrierStream:
    """Between `open` and the end: call `hear`, then `speak`, once per 20 ms, and `receive` for each message.

    What has to be sent collects in `outbox` (a memoryview is a binary message), status callbacks in `notices`; the
    owner empties both. `stopped` is set when the application said `stop`, `stalled` when the network shall go dead.
    """

    def __init__(
        self,
        codec: Codec,
        rng: Random,
        *,
        bidirectional: bool = True,
        track: Track = "inbound",
        jitter_ms: int = 0,
        fault_names: tuple[str, ...] = (),
    ) -> None:
        self.outbox: list[bytes | memoryview] = []
        self.notices: list[Notice] = []
        self.counters: Counter[str] = Counter()
        self.stopped = False
        self.flushed = False
        self.stalled = False
        self._codec = codec
        self._rng = rng
        self._bidirectional = bidirectional
        self._track = track
        self._fault_names = fault_names
        self._network = Network.of(rng, jitter_ms, fault_names)
        self._order = ">i2" if "big-endian" in fault_names else "<i2"
        self._small = "small-buffer" in fault_names
        self._degraded = 0
        self._playback = Playback(SMALL_BUFFER_MS) if self._small else Playback()
        self._resamplers: dict[Format, audio.Downsampler] = {}
        self._clearing_until_ms: int | None = None
        self._now_ms = 0
        self._opened_ms = 0
        self._last_sample = 0

    def open(self, at_ms: int, epoch_ms: int) -> None:
        """The socket is up: say hello."""
        self._now_ms = self._opened_ms = at_ms
        if "media-before-start" in self._fault_names:
            self.outbox += [self._media(audio.SILENCE, at_ms, epoch_ms) for _ in range(faults.EARLY_MEDIA_FRAMES)]
        self.outbox += self._codec.opening()

    def hear(self, at_ms: int) -> Pull:
        """The 20 ms that the caller hears from `at_ms` on."""
        self._now_ms = at_ms
        if self._clearing_until_ms is not None and at_ms >= self._clearing_until_ms:
            self._acknowledge_clear()
        pull = self._playback.pull()
        if pull.marks:
            for name in pull.marks:
                self._played(name)
        return pull

    def speak(self, ulaw: bytes, at_ms: int, epoch_ms: int, heard: bytes = audio.SILENCE) -> None:
        """Send the caller's 20 ms (and what was `heard`, on a stream of that track), through the network."""
        if self._fault_names:
            self._misbehave(at_ms - self._opened_ms, epoch_ms)
        if self._track == "outbound":
            ulaw = heard
        frame = self._media(ulaw, at_ms, epoch_ms)
        if self._network is None:
            self.outbox.append(frame)
        else:
            self.outbox += self._network.send(frame)
        if self._track == "both":
            self.outbox.append(self._media(heard, at_ms, epoch_ms).replace(b'"inbound"', b'"outbound"', 1))

    def press(self, digit: str, epoch_ms: int) -> None:
        """The caller pressed a key."""
        self.outbox.append(self._codec.digit(digit, epoch_ms))

    def goodbye(self) -> None:
        """The call is over: the last frame, where the dialect has one."""
        frame = self._codec.stop()
        if frame is not None:
            self.outbox.append(frame)

    def receive(self, message: bytes | memoryview) -> None:
        """One message from the application; a memoryview came as a binary one. Rubbish is counted and ignored."""
        self.counters["messages_received"] += 1
        command = Wrong("binary_frame") if isinstance(message, memoryview) else self._codec.read(message)
        if not self._bidirectional and not isinstance(command, Wrong):
            command = Wrong("not_bidirectional")
        match command:
            case PlayAudio(declared, payload):
                self._play(declared, payload)
            case Mark(name):
                self._mark(name)
            case Clear():
                self._clear()
            case Stop():
                self.stopped = True
                self._playback.flush()
            case Wrong(reason):
                self.counters[f"wrong_{reason}"] += 1

    def _misbehave(self, elapsed_ms: int, epoch_ms: int) -> None:
        if elapsed_ms == FAULT_AFTER_MS:
            for name in self._fault_names:
                self.outbox += faults.frames(name, self._codec, epoch_ms)
        if elapsed_ms >= STALL_AFTER_MS and "half-open" in self._fault_names:
            self.stalled = True

    def _acknowledge_clear(self) -> None:
        self._clearing_until_ms = None
        if "never-cleared" in self._fault_names:
            return
        frame = self._codec.cleared()
        if frame is not None:
            self.outbox.append(frame)
        self.notices.append(Notice("ClearedAudio"))

    def _media(self, ulaw: bytes, at_ms: int, epoch_ms: int) -> bytes:
        self.counters["frames_sent"] += 1
        return self._codec.media(self._inbound(ulaw), at_ms - self._opened_ms, epoch_ms)

    def _inbound(self, ulaw: bytes) -> bytes:
        wanted = self._codec.inbound
        if wanted.encoding == "audio/x-mulaw":
            return ulaw
        pcm = audio.decode(ulaw)
        if wanted.rate == 16000:
            before = np.concatenate(([self._last_sample], pcm))
            self._last_sample = int(pcm[-1])
            pcm = np.column_stack(((before[:-1].astype(np.int32) + pcm) // 2, pcm)).reshape(-1).astype(np.int16)
        return pcm.astype(self._order).tobytes()

    def _play(self, declared: Format, payload: bytes) -> None:
        self.counters["audio_messages"] += 1
        if len(payload) != declared.bytes_per_frame:
            self.counters["audio_not_20_ms"] += 1
        if self._clearing_until_ms is not None and self._lost_in_flush("audio"):
            return
        if declared.encoding == "audio/x-l16":
            resampler = self._resamplers.setdefault(declared, audio.Downsampler(declared.rate))
            payload = audio.encode(resampler.feed(np.frombuffer(payload, "<i2").astype(np.int16)))
        self._playback.add(payload)
        if self._playback.overflowed_bytes:
            self.counters["overflowed_ms"] = self._playback.overflowed_bytes // audio.BYTES_PER_MS
        if self._small:
            self._warn()

    def _warn(self) -> None:
        full = self._playback.queued_ms / SMALL_BUFFER_MS
        level = sum(full >= at for at in DEGRADED_AT)
        if level > self._degraded:
            self.notices.append(Notice("DegradedStream"))
        self._degraded = level

    def _lost_in_flush(self, what: str) -> bool:
        """Audio and marks sent into a flush are dropped in part: three of four."""
        lost = self._rng.random() < 0.75
        self.counters[f"{what}_{'lost' if lost else 'sent'}_in_flush"] += 1
        return lost

    def _mark(self, name: str) -> None:
        self.counters["marks"] += 1
        if self._clearing_until_ms is None or not self._lost_in_flush("marks"):
            self._playback.mark(name)

    def _clear(self) -> None:
        self.counters["clears"] += 1
        lost_ms, marks = self._playback.flush()
        self.counters["flushed_ms"] += lost_ms
        self.flushed = True
        if self._codec.returns_cleared_marks:
            for name in marks:
                self._played(name)
        elif self._clearing_until_ms is None:
            self._clearing_until_ms = self._now_ms + self._rng.randint(5, 100)

    def _played(self, name: str) -> None:
        self.counters["marks_returned"] += 1
        self.outbox.append(self._codec.played(name))
        self.notices.append(Notice("PlayedStream", name))
