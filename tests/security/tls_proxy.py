"""A PostgreSQL server with TLS: a proxy on this machine that encrypts, before the embedded server, which does not."""

from __future__ import annotations

import asyncio
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

#: The eight bytes in which a PostgreSQL client asks for TLS (protocol 3.0, section "SSL Session Encryption").
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@dataclass
class TlsProxy:
    """Where it listens, and how many of its clients asked for TLS; all others are turned away."""

    port: int = 0
    encrypted: int = 0
    turned_away: int = 0
    loop: asyncio.AbstractEventLoop | None = None


def make_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """A certificate that vouches for itself, in the name of a host, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    certificate = builder.sign(key, hashes.SHA256())
    of_certificate, of_key = folder / f"{host}.pem", folder / f"{host}.key"
    of_certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    of_key.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return of_certificate, of_key


@contextmanager
def tls_proxy(port: int, certificate: Path, key: Path) -> Iterator[TlsProxy]:
    """Encrypts what clients say to a server on this machine, for the length of a ``with`` block."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    ready, stop = threading.Event(), asyncio.Event()

    async def encrypt(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ssl.SSLError, ConnectionError, asyncio.IncompleteReadError):  # it did not like the certificate
            if await reader.readexactly(len(SSL_REQUEST)) != SSL_REQUEST:
                state.turned_away += 1
            else:
                writer.write(b"S")
                await writer.start_tls(context)
                state.encrypted += 1
                from_server, to_server = await asyncio.open_connection("127.0.0.1", port)
                await asyncio.gather(carry(reader, to_server), carry(from_server, writer))
        writer.close()

    async def serve() -> None:
        async with await asyncio.start_server(encrypt, "127.0.0.1", 0) as server:
            state.port = server.sockets[0].getsockname()[1]
            state.loop = asyncio.get_running_loop()
            ready.set()
            await stop.wait()

    state = TlsProxy()
    thread = threading.Thread(target=asyncio.run, args=(serve(),), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield state
    finally:
        assert state.loop is not None
        state.loop.call_soon_threadsafe(stop.set)
        thread.join(20)


async def carry(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    """Carries everything one way, then closes that end."""
    with suppress(ConnectionError):  # the other way was closed
        while piece := await source.read(65_536):
            target.write(piece)
            await target.drain()
    target.close()
