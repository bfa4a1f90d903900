"""Somebody's HTTP server, on a real socket: it answers by script and remembers what came in."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID


@dataclass
class Asked:
    """One request."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """One reply. `chunks` go out one by one, `pause_s` before each, and then the socket closes."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    chunks: tuple[bytes, ...] = ()
    pause_s: float = 0.0


Script = Callable[[Asked], Answer | Awaitable[Answer]]


class Web:
    """`port` is where it listens. `answer` may be replaced between requests."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Script = lambda asked: Answer()
        self.port = 0
        self.names: list[str | None] = []
        """Server names that TLS clients asked for."""

        self._tasks: set[asyncio.Task[None]] = set()

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        try:
            while await self._one(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.strip().split("\r\n")
        method, target, _ = first.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        asked = Asked(method, target, headers, body)
        self.asked.append(asked)
        found = self.answer(asked)
        answer = found if isinstance(found, Answer) else await found
        given = dict(answer.headers)
        if not answer.chunks:
            given["Content-Length"] = str(len(answer.body))
        lines = [f"HTTP/1.1 {answer.status} Whatever", *(f"{name}: {value}" for name, value in given.items())]
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        for chunk in answer.chunks or (answer.body,):
            await asyncio.sleep(answer.pause_s)
            writer.write(chunk)
            await writer.drain()
        return not answer.chunks

    async def stop(self) -> None:
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


@asynccontextmanager
async def web(certificate: Certificate | None = None, host: str = "127.0.0.1") -> AsyncIterator[Web]:
    server = Web()
    context = certificate.server(server.names) if certificate else None
    listening = await asyncio.start_server(server.connected, host, 0, ssl=context)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await server.stop()


@dataclass(frozen=True)
class Certificate:
    """Self-signed, for one name."""

    path: Path

    def server(self, names: list[str | None]) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.path)
        context.sni_callback = lambda socket, name, context: names.append(name)  # type: ignore[assignment]
        return context

    def client(self) -> ssl.SSLContext:
        """Trusts it, and nothing else."""
        return ssl.create_default_context(cafile=str(self.path))


def certify(name: str, folder: Path) -> Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return Certificate(path)
