"""Which stream worker a call is sent to: they take turns, and one that does not live is passed over.

A caller who has just lost a worker must not be sent to a dead one again, so then each is asked first. Blocking.
"""

from __future__ import annotations

import itertools
import threading
import time
from functools import cache
from typing import Final

import httpx
import structlog
from django.conf import settings

ASK_S: Final = 0.3
GOOD_S: Final = 0.2
"""How long what is known of a worker is believed: the calls of a dead one all ask at once."""
BAD_S: Final = 3.0
"""How long a worker that did not answer is left out of the turns, without being asked."""
DRAINING: Final = "draining"

_turn = itertools.count()
_asking = threading.Lock()
_known: dict[str, tuple[bool, float]] = {}
"""Address of a worker: whether it lives, and until when that is believed."""
_bad: dict[str, float] = {}
"""Address of a worker that did not answer: until when it is believed to be gone."""

log = structlog.get_logger(__name__)


def next_url() -> str:
    """The next worker's address, as in `STREAM_URLS`; nobody is asked."""
    urls, now = settings.STREAM_URLS, time.monotonic()
    first = next(_turn)
    ordered = [urls[(first + index) % len(urls)] for index in range(len(urls))]
    return next((url for url in ordered if _bad.get(url, 0.0) <= now), ordered[0])


def alive_url() -> str | None:
    """The next worker that lives and does not drain; None when there is none at the moment."""
    urls = settings.STREAM_URLS
    first = next(_turn)
    return next((url for at in range(len(urls)) if _lives(url := urls[(first + at) % len(urls)])), None)


def _lives(url: str) -> bool:
    """What is known, or is found out: one thread asks for all."""
    good, until = _known.get(url, (False, 0.0))
    if until > time.monotonic():
        return good
    with _asking:
        good, until = _known.get(url, (False, 0.0))
        if until > time.monotonic():
            return good
        good = lives(url)
        now = time.monotonic()
        _known[url] = (good, now + GOOD_S)
        if good:
            _bad.pop(url, None)
        else:
            _bad[url] = now + BAD_S
    return good


def lives(url: str) -> bool:
    """Whether a worker takes calls over: it answers, or is only too busy to, when the connection was accepted. Behind a
    proxy that keeps `/healthz` to itself any answer will do. It is asked at its address of `STREAM_INTERNAL_URL`."""
    place = settings.STREAM_INTERNAL_URLS.get(url, url)
    try:
        answer = _client().get(place.replace("ws", "http", 1).rstrip("/") + "/healthz")
    except httpx.ReadTimeout:
        log.info("stream_worker_busy", url=url)
        return True
    except httpx.HTTPError as error:
        log.info("stream_worker_away", url=url, error=type(error).__name__)
        return False
    return answer.status_code < 500 and answer.text.strip() != DRAINING


@cache
def _client() -> httpx.Client:
    return httpx.Client(timeout=ASK_S, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))
