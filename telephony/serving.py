"""A recording over HTTP: players seek, so a single `Range` is honoured (RFC 9110, section 14)."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from typing import IO, Final

from django.core.files.storage import default_storage
from django.core.handlers.asgi import ASGIRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse

from telephony.models import Recording

PIECE: Final = 64 * 1024
_RANGE = re.compile(r"bytes=(\d*)-(\d*)", re.ASCII)


class NotSatisfiableError(ValueError):
    """No byte of the file lies in the range."""


def wav(request: HttpRequest, recording: Recording, *, as_file: bool) -> HttpResponseBase:
    """A recording of ours; see `stored`."""
    return stored(request, recording.name, "audio/wav", f"call-{recording.call_id}.wav" if as_file else "")


def stored(request: HttpRequest, name: str, media_type: str, file_name: str = "") -> HttpResponseBase:
    """200 with all of it, 206 with a part, 416 for a part that is not there. Raises `Http404` without the file.

    With a `file_name` browsers save it.
    """
    try:
        file = default_storage.open(name)
        size = file.size
    except FileNotFoundError as error:
        raise Http404 from error
    try:
        part = asked(request.headers.get("Range", ""), size)
    except NotSatisfiableError:
        file.close()
        return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
    first, last = part or (0, size - 1)
    length = last - first + 1
    file.seek(first)
    body = _later(file, length) if isinstance(request, ASGIRequest) else _now(file, length)
    response = StreamingHttpResponse(body, status=206 if part else 200, content_type=media_type)
    response.headers["Content-Length"] = str(length)
    response.headers["Accept-Ranges"] = "bytes"
    if part:
        response.headers["Content-Range"] = f"bytes {first}-{last}/{size}"
    if file_name:
        response.headers["Content-Disposition"] = f'attachment; filename="{file_name}"'
    return response


def asked(header: str, size: int) -> tuple[int, int] | None:
    """First and last byte of a single range; None for all of it: no range, several, or one that makes no sense."""
    match = _RANGE.fullmatch(header.strip())
    if match is None or not (match[1] or match[2]):
        return None
    if not match[1]:
        wanted = int(match[2])
        if wanted == 0:
            raise NotSatisfiableError
        return max(0, size - wanted), size - 1
    first = int(match[1])
    last = min(int(match[2]), size - 1) if match[2] else size - 1
    if match[2] and int(match[2]) < first:
        return None
    if first >= size:
        raise NotSatisfiableError
    return first, last


def _now(file: IO[bytes], length: int) -> Iterator[bytes]:
    with file:
        while length > 0 and (piece := file.read(min(PIECE, length))):
            length -= len(piece)
            yield piece


async def _later(file: IO[bytes], length: int) -> AsyncIterator[bytes]:
    try:
        while length > 0 and (piece := await asyncio.to_thread(file.read, min(PIECE, length))):
            length -= len(piece)
            yield piece
    finally:
        file.close()
