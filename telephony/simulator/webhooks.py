"""The carrier's HTTP side: form-encoded callbacks as Vobiz makes them, signed, retried, timed and noted."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from time import perf_counter
from typing import Literal
from urllib.parse import urlencode

import httpx

from telephony.simulator.errors import Unreachable
from telephony.simulator.report import Webhook
from telephony.simulator.xml import MAX_BYTES
from telephony.vobiz.signature import Version, sign, sign_plivo

Signing = Literal["none", "v2+v3", "v2", "v3", "ma", "rotated", "wrong", "missing-nonce", "plivo", "v2+plivo"]
SIGNINGS: tuple[Signing, ...] = (
    "none",
    "v2+v3",
    "v2",
    "v3",
    "ma",
    "rotated",
    "wrong",
    "missing-nonce",
    "plivo",
    "v2+plivo",
)
MAX_WAITING_NOTICES = 500
LAST_NOTICES_S = 5.0
LATE_BY_S = (0.1, 1.0)
OVERTAKES_WITHIN_S = 0.3


_VERSIONS: Mapping[Signing, tuple[Version, ...]] = {"v2": ("V2",), "v3": ("V3",), "plivo": ("V3",)}


@dataclass(frozen=True, slots=True)
class Retries:
    """Vobiz tries again three times with growing pauses when the answer is not 2xx."""

    tries: int = 4
    first_pause_s: float = 0.5
    timeout_s: float = 15.0


@dataclass(frozen=True, slots=True)
class Answered:
    """A 2xx answer, cut after 100 KB and a byte."""

    body: bytes
    content_type: str


class Signer:
    """Makes the headers of a callback. Signed callbacks carry the account's tokens in clear text in `auth-token` and
    `parent-auth-token`, as Vobiz's do: whoever logs raw headers leaks them."""

    def __init__(self, mode: Signing, token: str, parent_token: str, rng: Random) -> None:
        self._mode = mode
        self._token = token
        self._parent_token = parent_token or token
        self._rng = rng

    def headers(self, url: str, fields: Mapping[str, str] | None = None, method: str = "POST") -> dict[str, str]:
        """Fresh headers for one request to `url`, with a nonce of 20 digits. The old (Plivo) form covers `fields`."""
        if self._mode == "none" or not self._token:
            return {}
        nonce = "".join(self._rng.choices("0123456789", k=20))
        leak = {"auth-token": self._token, "parent-auth-token": self._parent_token}
        key = {"ma": self._parent_token, "wrong": f"not-{self._token}"}.get(self._mode, self._token)
        prefix = "X-Vobiz-Signature-MA-" if self._mode == "ma" else "X-Vobiz-Signature-"
        found: dict[str, str] = {}
        for version in _VERSIONS.get(self._mode, ("V2", "V3")):
            value = sign(version, key, url, nonce)
            if version == "V3" and self._mode.endswith("plivo"):
                value = sign_plivo(key, url, nonce, fields or {}, method)
            if self._mode == "rotated":
                value = f"{sign(version, f'old-{key}', url, nonce)},{value}"
            found[f"{prefix}{version}"] = value
            if self._mode != "missing-nonce":
                found[f"X-Vobiz-Signature-{version}-Nonce"] = nonce
        return found | leak


class Poster:
    """One call's callbacks. `log` collects what became of each."""

    def __init__(self, client: httpx.AsyncClient, signer: Signer, retries: Retries) -> None:
        self._client = client
        self._signer = signer
        self._retries = retries
        self.log: list[Webhook] = []

    async def fetch(self, event: str, url: str, fields: Mapping[str, str], method: str, code: int) -> Answered:
        """Ask for a document. `Unreachable` with `code` when no try got a 2xx."""
        answered, hook = await self._deliver(event, url, fields, method, self._retries.tries)
        if answered is None:
            raise Unreachable(code, f"{event}: {hook.error or f'status {hook.status}'}")
        return answered

    async def ask(self, event: str, url: str, fields: Mapping[str, str], method: str) -> Answered | None:
        """Notify, and give what was answered, if anything was. Never raises for what the other side does."""
        answered, _ = await self._deliver(event, url, fields, method, self._retries.tries)
        return answered

    async def tell(self, event: str, url: str, fields: Mapping[str, str], method: str = "POST", tries: int = 0) -> None:
        """Notify; the answer does not matter. Never raises for what the other side does."""
        await self._deliver(event, url, fields, method, tries or self._retries.tries)

    async def _deliver(
        self, event: str, url: str, fields: Mapping[str, str], method: str, tries: int
    ) -> tuple[Answered | None, Webhook]:
        began = perf_counter()
        answered, status, error, tried = None, 0, "", 0
        for tried in range(1, tries + 1):
            if tried > 1:
                await asyncio.sleep(self._retries.first_pause_s * 2 ** (tried - 2))
            try:
                status, answered = await self._once(url, {"Event": event, **fields}, method)
                error = ""
            except (httpx.HTTPError, httpx.InvalidURL, OSError) as problem:
                status, error = 0, f"{type(problem).__name__}: {problem}".strip(": ")
            if answered is not None:
                break
        hook = Webhook(event, status, round((perf_counter() - began) * 1000), tried, error)
        self.log.append(hook)
        return answered, hook

    async def _once(self, url: str, fields: Mapping[str, str], method: str) -> tuple[int, Answered | None]:
        headers = {"User-Agent": "Vobiz", **self._signer.headers(url, fields, method)}
        if method == "GET":
            url = f"{url}{'&' if '?' in url else '?'}{urlencode(fields)}"
            request = self._client.build_request("GET", url, headers=headers, timeout=self._retries.timeout_s)
        else:
            data = dict(fields)
            request = self._client.build_request(
                "POST", url, headers=headers, data=data, timeout=self._retries.timeout_s
            )
        response = await self._client.send(request, stream=True)
        try:
            body = b""
            async for part in response.aiter_bytes():
                body += part
                if len(body) > MAX_BYTES:
                    break
        finally:
            await response.aclose()
        if not response.is_success:
            return response.status_code, None
        return response.status_code, Answered(body, response.headers.get("content-type", ""))


@dataclass(frozen=True, slots=True)
class Notice:
    """A callback whose answer does not matter. `tries` 0: as many as a document gets."""

    event: str
    url: str
    fields: Mapping[str, str]
    method: str
    tries: int


class Courier:
    """The callbacks of one call: documents are fetched at once, notices wait in a bounded queue and go out one after
    the other (what does not fit is dropped and counted). Of `faults`, `duplicate-`, `delayed-` and `reordered-webhooks`
    and `missing-hangup` are his."""

    def __init__(self, poster: Poster, faults: tuple[str, ...], rng: Random) -> None:
        self.poster = poster
        self._faults = faults
        self._rng = rng
        self._waiting: asyncio.Queue[Notice | None] = asyncio.Queue()
        self._finished = False
        self.counters: Counter[str] = Counter()

    async def fetch(self, event: str, url: str, fields: Mapping[str, str], method: str, code: int) -> Answered:
        """Ask for a document. `Unreachable` with `code` when no try got a 2xx."""
        if "duplicate-webhooks" in self._faults:
            await self.poster.tell(event, url, fields, method, tries=1)
        return await self.poster.fetch(event, url, fields, method, code)

    def post(self, event: str, url: str, fields: Mapping[str, str], method: str = "POST", tries: int = 0) -> None:
        """Queue a notice; nothing without a URL."""
        if not url:
            return
        if self._waiting.qsize() >= MAX_WAITING_NOTICES or self._finished:
            self.counters["status_callbacks_dropped"] += 1
            return
        self._waiting.put_nowait(Notice(event, url, dict(fields), method, tries))

    async def tell(self, event: str, url: str, fields: Mapping[str, str], method: str = "POST") -> None:
        """Deliver a notice now, past those that wait."""
        await self._deliver(Notice(event, url, fields, method, 0))

    def finish(self) -> None:
        """No more will come."""
        self._finished = True
        self._waiting.put_nowait(None)

    async def run(self) -> None:
        """Deliver until `finish`."""
        while (notice := await self._waiting.get()) is not None:
            overtaking = await self._overtaking() if "reordered-webhooks" in self._faults else ()
            for each in overtaking:
                if each is None:
                    self._waiting.put_nowait(None)
                else:
                    await self._deliver(each)
            await self._deliver(notice)

    async def _overtaking(self) -> tuple[Notice | None, ...]:
        """The next notice, when one comes soon enough."""
        try:
            async with asyncio.timeout(OVERTAKES_WITHIN_S):
                return (await self._waiting.get(),)
        except TimeoutError:
            return ()

    async def _deliver(self, notice: Notice) -> None:
        if notice.event == "Hangup" and "missing-hangup" in self._faults:
            return
        if "delayed-webhooks" in self._faults:
            await asyncio.sleep(self._rng.uniform(*LATE_BY_S))
        for _ in range(2 if "duplicate-webhooks" in self._faults else 1):
            await self.poster.tell(notice.event, notice.url, notice.fields, notice.method, notice.tries)
