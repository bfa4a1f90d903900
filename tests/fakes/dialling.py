"""A carrier that places calls by the test's clock: REST over a real socket, callbacks when the test asks for them.

What the simulator does in real time this one does in a week that takes seconds. It knows five requests: place a call,
the live ones, one of them, one record, records of a number; and `auth/me`.
"""

import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

CAUSES = {"busy": (3010, "USER_BUSY"), "no_answer": (3000, "NO_ANSWER"), "failed": (5000, "NETWORK_OUT_OF_ORDER")}
NORMAL = (4000, "NORMAL_CLEARING")


@dataclass
class Rung:
    """One call that was placed. `fate` is what the person, or the network, does with it."""

    uuid: str
    at: datetime
    body: dict
    fate: str
    ends: datetime
    answered: datetime | None = None
    over: bool = False
    silent: bool = False

    @property
    def to(self) -> str:
        return self.body["to"]

    def cdr(self) -> dict:
        code, cause = CAUSES.get(self.fate, NORMAL)
        return {
            "uuid": self.uuid,
            "call_direction": "outbound",
            "caller_id_number": self.body["from"],
            "destination_number": self.to.lstrip("+"),
            "start_time": f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "end_time": f"{self.ends.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "duration": int((self.ends - self.at).total_seconds()),
            "billsec": int((self.ends - self.answered).total_seconds()) if self.answered else 0,
            "hangup_cause_code": code,
            "hangup_cause": cause,
            "currency": "INR",
        }


@dataclass
class DiallingCarrier:
    """`clock` tells the time; `fate(body)` says what becomes of a call (a key of `CAUSES`, `reached`, `voicemail`);
    `trouble(body)` a status to fail with (429 and 400 do nothing first, 502 does), or None."""

    clock: object
    fate: object
    trouble: object = lambda body: None
    calls_a_second: int = 2
    calls: list[Rung] = field(default_factory=list)

    def __enter__(self):
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                parts = urlsplit(self.path)
                self.reply(*fake.get(parts.path, {name: value[-1] for name, value in parse_qs(parts.query).items()}))

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                self.reply(*fake.post(body))

            def reply(self, status, told):
                text = json.dumps(told).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                if status == 429:
                    self.send_header("Retry-After", "30")
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/v1"
        return self

    def __exit__(self, *raised):
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def post(self, body):
        status = self.trouble(body)
        if status in (400, 429):
            return status, {"error": "no"}
        now, fate = self.clock(), self.fate(body)
        answered = now + timedelta(seconds=8) if fate in ("reached", "voicemail") else None
        lasts = {"busy": 3, "failed": 1, "no_answer": int(body["ring_timeout"])}.get(fate, 70)
        rung = Rung(str(uuid.uuid4()), now, body, fate, now + timedelta(seconds=lasts), answered)
        self.calls.append(rung)
        if status is not None:
            return status, {"error": "gateway"}
        return 201, {"api_id": "1", "message": "call fired", "request_uuid": rung.uuid}

    def get(self, path, query):
        if path.endswith("/auth/me"):
            return 200, {"auth_id": "MA_TEST", "cps_limit": self.calls_a_second, "concurrent_calls_limit": 10}
        live = [call for call in self.calls if call.ends > self.clock()]
        ended = [call for call in self.calls if call.ends <= self.clock()]
        if found := re.search(r"/cdr/([^/]+)$", path):
            records = [call.cdr() for call in ended if call.uuid == found[1]]
            return (200, {"success": True, "data": records[0]}) if records else (404, {"error": "none"})
        if path.endswith("/cdr"):
            wanted = query.get("to_number", "").strip().lstrip("+")
            return 200, {"success": True, "data": [call.cdr() for call in ended if call.to.lstrip("+") == wanted]}
        if found := re.search(r"/Call/([^/]+)$", path):
            one = [call for call in live if call.uuid == found[1]]
            told = {"call_status": "ringing", "direction": "outbound"}
            return (200, {**told, **_ids(one[0])}) if one else (404, {"error": "none"})
        return 200, {"calls": [call.uuid for call in live] if query.get("status") == "live" else []}

    def live_at(self, moment):
        """How many calls there were at a moment."""
        return sum(call.at <= moment < call.ends for call in self.calls)


def _ids(call):
    return {"call_uuid": call.uuid, "request_uuid": call.uuid, "from": call.body["from"], "to": call.to.lstrip("+")}
