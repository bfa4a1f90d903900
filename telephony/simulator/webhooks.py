"""The carrier's HTTP side: form-encoded callbacks as Vobiz makes them, signed, retried, timed and noted."""

from __future__ import annotations

import asyncio
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
from telephony.vobiz.signature import sign

Signing = Literal["none", "v2+v3", "v2", "v3", "ma", "rotated", "wrong", "missing-nonce"]
SIGNINGS: tuple[Signing, ...] = ("none", "v2+v3", "v2", "v3", "ma", "rotated", "wrong", "missing-nonce")


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

    def headers(self, url: str) -> dict[str, str]:
        """Fresh headers for one request to `url`, with a nonce of 20 digits."""
        if self._mode == "none" or not self._token:
            return {}
        nonce = "".join(self._rng.choices("0123456789", k=20))
        leak = {"auth-token": self._token, "parent-auth-token": self._parent_token}
        key = {"ma": self._parent_token, "wrong": f"not-{self._token}"}.get(self._mode, self._token)
        prefix = "X-Vobiz-Signature-MA-" if self._mode == "ma" else "X-Vobiz-Signature-"
        found: dict[str, str] = {}
        for version in ("V2", "V3"):
            if self._mode in ("v2", "v3") and self._mode != version.lower():
                continue
            value = sign(version, key, url, nonce)
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
        headers = {"User-Agent": "Vobiz", **self._signer.headers(url)}
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
