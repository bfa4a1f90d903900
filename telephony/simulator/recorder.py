"""The carrier's store of recordings, and the callbacks that tell of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from telephony.simulator.elements import Record
from telephony.simulator.leg import Leg
from telephony.simulator.tape import Recorded, Tape

MEDIA_URL = "https://media.vobiz.ai"


class Recorder:
    """Recordings by id. `media_url` is where their files are served, with the account's credentials."""

    def __init__(self, media_url: str = MEDIA_URL) -> None:
        self.media_url = media_url
        self.kept: dict[str, Recorded] = {}
        self._running: dict[str, list[tuple[Tape, Record]]] = {}

    def keep(self, leg: Leg, tape: Tape, element: Record) -> None:
        """This tape ends with the leg."""
        self._running.setdefault(leg.call_id, []).append((tape, element))

    def hung_up(self, leg: Leg) -> None:
        """The leg is over and its hang-up told: store its recordings and tell of them."""
        for tape, element in self._running.pop(leg.call_id, ()):
            self.done(leg, tape, element, "maxLength" if tape.full else "HungUp")

    def dial_answered(self, leg: Leg) -> None:
        """Recordings that wait for a bridge (`startOnDialAnswer`) begin."""
        for tape, element in self._running.get(leg.call_id, ()):
            if element.on_dial_answer and tape not in leg.tapes:
                tape.began_ms = leg.now_ms
                leg.tapes.append(tape)

    def stop(self, leg: Leg, recording_id: str = "") -> bool:
        """End one running recording of a leg, or all; whether there was any."""
        running = self._running.get(leg.call_id, [])
        ending = [each for each in running if recording_id in ("", each[0].recording_id)]
        for tape, element in ending:
            running.remove((tape, element))
            if tape in leg.tapes:
                leg.tapes.remove(tape)
            self.done(leg, tape, element, "Stopped")
        return bool(ending)

    def done(self, leg: Leg, tape: Tape, element: Record, reason: str) -> None:
        """A recording is complete."""
        began = (leg.answered_at or datetime.now(UTC)) + timedelta(milliseconds=tape.began_ms)
        channels = 2 if element.session else 1
        self.kept[tape.recording_id] = Recorded(
            recording_id=tape.recording_id,
            account=leg.facts.account,
            call_id=leg.call_id,
            conference="",
            file_format=element.file_format,
            length_ms=tape.length_ms,
            began_at=began,
            data=tape.wav(channels),
        )
        fields = self.fields(leg, tape, element, tape.length_ms, reason)
        status = leg.facts.common(leg.status)
        leg.courier.post("RecordStop", element.callback_url, status | fields, element.callback_method)

    def fields(self, leg: Leg, tape: Tape, element: Record, length_ms: int, reason: str) -> dict[str, str]:
        """What callbacks say of a recording; lengths are -1 at its beginning."""
        url = self.url(leg.facts.account, tape.recording_id, element.file_format)
        fields = {
            "RecordingID": tape.recording_id,
            "RecordUrl": url,
            "RecordFile": url,
            "RecordingDuration": str(length_ms // 1000 if length_ms >= 0 else -1),
            "RecordingDurationMs": str(length_ms),
        }
        if not reason:
            return fields
        began = int((leg.answered_at or datetime.now(UTC)).timestamp() * 1000) + tape.began_ms
        times = {"RecordingStartMs": str(began), "RecordingEndMs": str(began + length_ms)}
        return fields | times | {"RecordingEndReason": reason}

    def url(self, account: str, recording_id: str, file_format: str) -> str:
        """Where the file is."""
        return f"{self.media_url}/api/v1/Account/{account}/Recording/{recording_id}.{file_format}"
