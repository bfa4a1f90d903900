"""The media socket as a protocol without a socket: text in → events, commands → text.

    protocol = StreamProtocol()
    for event in protocol.receive(text): ...      # bytes are 20 ms of the caller; the rest is in `events`
    send(protocol.play(frame))                    # 160 bytes of µ-law

Both dialects and the carrier's older shapes are understood; the first frames decide which one the peer speaks, and we
answer in kind. What makes no sense is counted and returned as `Ignored`, never raised, until a stated bound is passed:
then `StreamBroken` says with which code to close. State belongs to one object; two streams cannot touch each other.

Three things the carrier does not say plainly, and what follows. `media` may come before `start`: up to 50 messages are
held. An acknowledged mark names only itself (the stream's id may be absent). The Twilio-like dialect returns marks also
when `clear` drops them: those are taken for what they are, `Ignored(void_mark)`.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Mapping
from typing import Literal

from telephony.vobiz import shapes
from telephony.vobiz.commands import Commands
from telephony.vobiz.errors import LocalError, StreamBroken
from telephony.vobiz.events import (
    RUBBISH,
    Cleared,
    Dialect,
    Digit,
    Event,
    Gap,
    Ignored,
    Kind,
    Played,
    Started,
    Stopped,
)
from telephony.vobiz.frames import UNREADABLE, MediaMessage, decode_any, decode_media, patient_media
from telephony.vobiz.gaps import GapFinder
from telephony.vobiz.marks import Marks
from telephony.vobiz.media import (
    FRAME_BYTES,
    L16_8K,
    MULAW_8K,
    ByteOrder,
    Chunker,
    Encoding,
    MediaFormat,
    ToMulaw,
    l16_from_mulaw,
    parse_format,
)

MAX_MESSAGE_CHARS = 64 * 1024
MAX_BEFORE_START = 50
MAX_EARLY_BYTES = 64 * 1024
MAX_RUBBISH = 100

_CALLER = ("inbound", "inbound_track", None)
_IGNORED = {kind: Ignored(kind) for kind in Kind}


class StreamProtocol:
    """Our side of one media socket.

    `expected` is the format our answer asked for, used when the peer does not name one. `byte_order` concerns L16 lines
    only. `start_optional` lets a stream go on that never sends `start` but whose `media` carry an id.

    Measured on a shared core: 1.3 µs per regular media message, 0.35 µs per frame played.
    """

    def __init__(
        self,
        *,
        expected: MediaFormat = MULAW_8K,
        byte_order: ByteOrder | Literal["auto"] = "auto",
        start_optional: bool = False,
    ) -> None:
        self.started: Started | None = None
        self.messages = 0
        """Text and binary messages received."""
        self._expected = expected
        self._byte_order: ByteOrder | Literal["auto"] = byte_order
        self._start_optional = start_optional
        self._stopped = False
        self._seen: MediaMessage | None = None
        self._early: list[MediaMessage | Digit] = []
        self._early_bytes = 0
        self._counts: Counter[Kind] = Counter()
        self._rubbish = 0
        self._last_digits: deque[tuple[int, str]] = deque(maxlen=16)
        self._marks = Marks()
        self._chunker = Chunker()
        self._gaps = GapFinder()
        self._convert = ToMulaw(expected, byte_order)
        self._commands: Commands | None = None
        self._linear = False
        self._sample_bytes = expected.sample_bytes
        self._handlers: Mapping[str, Callable[[Mapping[str, object]], list[Event]]] = {
            "connected": self._on_connected,
            "start": self._on_start,
            "media": self._on_odd_media,
            "dtmf": self._on_dtmf,
            "playedStream": self._on_played,
            "mark": self._on_mark,
            "clearedAudio": self._on_cleared,
            "stop": self._on_stop,
        }

    @property
    def dialect(self) -> Dialect | None:
        """Known once `Started` has been returned."""
        return self.started.dialect if self.started else None

    @property
    def call_id(self) -> str:
        """The carrier's id of the call; empty before the start and when the peer does not name it."""
        return self.started.call_id if self.started else ""

    @property
    def stream_id(self) -> str:
        """The carrier's id of this stream; a reconnection has another one."""
        return self.started.stream_id if self.started else ""

    @property
    def acks_clear(self) -> bool:
        """Whether `Cleared` follows a `clear()`."""
        return self.dialect is not Dialect.TWILIO

    @property
    def marks_return_on_clear(self) -> bool:
        """Whether the peer sends back the marks that a `clear()` dropped. They are not reported as `Played`."""
        return self.dialect is Dialect.TWILIO

    @property
    def counters(self) -> Mapping[str, int]:
        """How many messages were received, how many of them ignored and why, and L16 byte order corrections."""
        counts = {"messages": self.messages, "byte_order_flips": self._convert.flips, "gap_ms": self._gaps.total_ms}
        return counts | {kind.value: number for kind, number in self._counts.items()}

    def receive(self, text: str) -> list[Event]:
        """What one text message means, in order. Raises `StreamBroken` when a bound is passed, nothing else."""
        self.messages += 1
        if len(text) > MAX_MESSAGE_CHARS:
            raise StreamBroken("too_long", f"a message may have {MAX_MESSAGE_CHARS} characters", close_code=1009)
        try:
            message = decode_media(text)
        except UNREADABLE:
            return self._receive_other(text)
        if self._stopped:
            return self._ignore(Kind.AFTER_STOP)
        if self.started is None:
            return self._hold(message)
        return self._hear(message)

    def receive_binary(self, data: bytes) -> list[Event]:
        """No dialect has binary messages: counted as rubbish."""
        self.messages += 1
        if len(data) > MAX_MESSAGE_CHARS:
            raise StreamBroken("too_long", f"a message may have {MAX_MESSAGE_CHARS} bytes", close_code=1009)
        return self._ignore(Kind.BINARY) + self._count_early()

    def start_overdue(self) -> list[Event]:
        """To be called when no `Started` came in time (5 s). Goes on with what is known or raises `StreamBroken`."""
        if self.started is not None:
            return []
        stream_id = shapes.identifier(self._seen.named_stream) if self._seen else None
        if not self._start_optional or self._seen is None or stream_id is None:
            raise StreamBroken("no_start", "no usable start message")
        dialect = Dialect.VOBIZ if self._seen.stream_id else Dialect.TWILIO
        return self._begin(Started("", stream_id, self._expected, dialect, {}))

    def play(self, frame: bytes) -> str:
        """Queue 20 ms (160 bytes of µ-law) at the carrier."""
        if len(frame) != FRAME_BYTES:
            raise LocalError(f"a frame has {FRAME_BYTES} bytes, not {len(frame)}")
        commands = self._ready()
        return commands.play(l16_from_mulaw(frame, self._convert.byte_order) if self._linear else frame)

    def mark(self, name: str) -> str:
        """Ask for `Played(name)` when everything sent so far has been played. It may never come."""
        if shapes.mark_name(name) is None:
            raise LocalError("the name of a mark has 1 to 128 printable characters")
        command = self._ready().mark(name)
        self._marks.sent(name)
        return command

    def clear(self) -> str:
        """Drop what the carrier has queued; open marks are void."""
        command = self._ready().clear()
        self._marks.cleared(will_return=self.marks_return_on_clear)
        return command

    def stop(self) -> str | None:
        """End the stream, losing what is queued. None when the dialect cannot say so: close the socket instead."""
        return self._ready().stop()

    def _ready(self) -> Commands:
        if self._commands is None:
            raise LocalError("the stream has not started")
        return self._commands

    def _hear(self, message: MediaMessage) -> list[Event]:
        media = message.media
        named = message.named_stream
        if named is not None and named != self.stream_id:
            return self._ignore(Kind.OTHER_STREAM)
        if media.track not in _CALLER:
            self._gaps.distrust()
            return self._ignore(Kind.OTHER_TRACK)
        if media.sample_rate is not None or media.content_type is not None:
            source = self._convert.source
            declared = parse_format(media.content_type or source.encoding.value, media.sample_rate)
            if declared != source:
                return self._ignore(Kind.WRONG_FORMAT)
        audio = media.payload
        if self._sample_bytes != 1:
            if len(audio) % self._sample_bytes:
                return self._ignore(Kind.ODD_BYTES)
            audio = self._convert.feed(audio)
        if missing := self._gaps.before(media.chunk, media.timestamp, len(audio)):
            rest = self._chunker.flush()
            return [*([rest] if rest else []), Gap(missing), *self._chunker.push(audio)]
        return self._chunker.push(audio)  # type: ignore[return-value]  # frames are events

    def _hold(self, message: MediaMessage) -> list[Event]:
        self._seen = self._seen or message
        self._early_bytes += len(message.media.payload)
        ignored = self._ignore(Kind.TOO_EARLY) if self._early_bytes > MAX_EARLY_BYTES else []
        if not ignored:
            self._early.append(message)
        return ignored + self._count_early()

    def _count_early(self) -> list[Event]:
        if self.started is None and self.messages > MAX_BEFORE_START:
            return self.start_overdue()
        return []

    def _begin(self, started: Started) -> list[Event]:
        self.started = started
        self._convert = ToMulaw(started.format, self._byte_order)
        self._sample_bytes = started.format.sample_bytes
        self._linear = started.format.encoding is Encoding.L16
        self._commands = Commands(started.dialect, started.stream_id, L16_8K if self._linear else MULAW_8K)
        events: list[Event] = [started]
        early, self._early = self._early, []
        for held in early:
            events += [held] if isinstance(held, Digit) else self._hear(held)
        return events

    def _receive_other(self, text: str) -> list[Event]:
        try:
            message = decode_any(text)
        except RecursionError:
            return self._ignore(Kind.TOO_DEEP) + self._count_early()
        except UNREADABLE:
            return self._ignore(Kind.NOT_JSON) + self._count_early()
        name = message.get("event") if shapes.is_object(message) else None
        if not isinstance(name, str):
            return self._ignore(Kind.NOT_AN_EVENT) + self._count_early()
        if self._stopped:
            return self._ignore(Kind.AFTER_STOP)
        handler = self._handlers.get(name)
        events = handler(message) if handler else self._ignore(Kind.UNKNOWN_EVENT)
        return events + self._count_early()

    def _on_connected(self, message: Mapping[str, object]) -> list[Event]:
        return []

    def _on_start(self, message: Mapping[str, object]) -> list[Event]:
        if self.started is not None:
            return self._ignore(Kind.SECOND_START)
        started = shapes.started(message, self._expected)
        return self._begin(started) if started else self._ignore(Kind.BAD_START)

    def _on_odd_media(self, message: Mapping[str, object]) -> list[Event]:
        rebuilt = patient_media(message)
        if isinstance(rebuilt, Kind):
            return self._ignore(rebuilt)
        return self._hold(rebuilt) if self.started is None else self._hear(rebuilt)

    def _on_dtmf(self, message: Mapping[str, object]) -> list[Event]:
        if self._elsewhere(message):
            return self._ignore(Kind.OTHER_STREAM)
        inner = message.get("dtmf")
        if shapes.is_object(inner) and inner.get("track") not in _CALLER:
            return self._ignore(Kind.OTHER_TRACK)
        keys = shapes.digits(message)
        if keys is None:
            return self._ignore(Kind.BAD_DIGIT)
        sequence = shapes.whole(message.get("sequenceNumber"))
        if sequence:
            if (sequence, keys) in self._last_digits:
                return self._ignore(Kind.REPEATED_DIGIT)
            self._last_digits.append((sequence, keys))
        pressed = [Digit(key) for key in keys]
        if self.started is None:
            self._early += pressed
            return []
        return [*pressed]

    def _on_played(self, message: Mapping[str, object]) -> list[Event]:
        return self._played(message.get("name"))

    def _on_mark(self, message: Mapping[str, object]) -> list[Event]:
        mark = message.get("mark")
        return self._played(mark.get("name") if shapes.is_object(mark) else message.get("name"))

    def _played(self, value: object) -> list[Event]:
        name = shapes.mark_name(value)
        if name is None:
            return self._ignore(Kind.BAD_NAME)
        if self.started is None:
            return self._ignore(Kind.TOO_EARLY)
        return [Played(name)] if self._marks.returned(name) else self._ignore(Kind.VOID_MARK)

    def _on_cleared(self, message: Mapping[str, object]) -> list[Event]:
        if self._elsewhere(message):
            return self._ignore(Kind.OTHER_STREAM)
        return [Cleared()] if self.started else self._ignore(Kind.TOO_EARLY)

    def _on_stop(self, message: Mapping[str, object]) -> list[Event]:
        if self._elsewhere(message):
            return self._ignore(Kind.OTHER_STREAM)
        self._stopped = True
        rest = self._chunker.flush()
        stopped = Stopped(shapes.stop_reason(message))
        return [rest, stopped] if rest else [stopped]

    def _elsewhere(self, message: Mapping[str, object]) -> bool:
        """Whether the message names a stream that is not ours."""
        named = message.get("streamId") or message.get("streamSid")
        return bool(named) and self.started is not None and shapes.identifier(named) != self.stream_id

    def _ignore(self, kind: Kind) -> list[Event]:
        self._counts[kind] += 1
        if kind in RUBBISH:
            self._rubbish += 1
            if self._rubbish > MAX_RUBBISH:
                raise StreamBroken("rubbish", f"more than {MAX_RUBBISH} messages made no sense")
        return [_IGNORED[kind]]
