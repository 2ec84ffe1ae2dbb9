"""Calls to other Peers: mutual TLS in the name of one tenant, to the Peer that was meant and no other.

A connection is made with a context that knows which Peer ID must be at the other end; it is checked within the
handshake, so nothing is sent to anybody else. Connections are pooled per context, hence per Peer.
"""

import asyncio
import errno
import os
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp
from aiohttp import AddrInfoType

from certs.custody import KeyPair
from certs.errors import CertsError
from certs.identity import PeerId
from gateway.http.resolver import LocalhostResolver


class PeerUnreachable(Exception):
    """No usable answer: DNS, TCP, TLS, the Peer's identity or our own, a timeout, or an answer beyond the limits."""


class AnswerTooLarge(PeerUnreachable):
    """The Peer answered, with more than we read."""


@dataclass(frozen=True, slots=True)
class PeerAnswer:
    """The whole answer of a Peer to one call; `body` is bounded."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class ContextFor(Protocol):
    """Makes or finds the TLS context of one tenant for calls to one Peer."""

    def __call__(self, peer_id: PeerId, pair: KeyPair | None = None) -> ssl.SSLContext:
        """The context that calls `peer_id` and nobody else with `pair`; None: with the pair that signs now."""


def new_session(*, connect_timeout_s: float, read_timeout_s: float) -> aiohttp.ClientSession:
    """A session that sends exactly the headers it is given and decodes nothing.

    Units: `connect_timeout_s` is for one TCP connection; `read_timeout_s` the silence allowed once a request is sent,
    before the answer and within it.
    """
    connector = aiohttp.TCPConnector(
        resolver=LocalhostResolver(), limit=0, ttl_dns_cache=30, socket_factory=_loop_owned_socket
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_timeout_s, sock_read=read_timeout_s),
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        trust_env=False,
    )


class LoopOwnedSocket(socket.socket):
    """A socket whose descriptor is closed by whoever opened a connection on it, never by the garbage collector.

    uvloop closes the descriptor without telling the socket where a connection is cut while it is being made: the
    finalizer would then close whatever connection got that number since (as in MagicStack/uvloop#738, which 0.23 mends
    for some of the ways). What fails before uvloop has it is closed by aiohappyeyeballs.
    """

    def __del__(self) -> None:
        self.detach()


def _loop_owned_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    return LoopOwnedSocket(family, kind, protocol)


class PeerClient:
    """Short calls to the Managers of other Peers, in the name of one tenant."""

    def __init__(
        self, session: aiohttp.ClientSession, context_for: ContextFor, *, timeout_s: float, max_body_bytes: int
    ) -> None:
        self._session = session
        self._context_for = context_for
        self._timeout_s = timeout_s
        self._max_body_bytes = max_body_bytes

    async def call(
        self,
        peer_id: PeerId,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        pair: KeyPair | None = None,
    ) -> PeerAnswer:
        """One request to `peer_id` at `url` with `pair` (None: the one that signs now), whatever its status.

        Raises: PeerUnreachable.
        """
        try:
            async with (
                asyncio.timeout(self._timeout_s),
                self._session.request(
                    method, url, headers=headers, data=body, ssl=self._context_for(peer_id, pair), allow_redirects=False
                ) as answer,
            ):
                read = await answer.content.read(self._max_body_bytes + 1)
                while len(read) <= self._max_body_bytes and not answer.content.at_eof():
                    read += await answer.content.read(self._max_body_bytes + 1 - len(read))
                if len(read) > self._max_body_bytes:
                    raise AnswerTooLarge(f"{url} answered with more than {self._max_body_bytes} bytes")
                return PeerAnswer(answer.status, answer.headers, read)
        except TimeoutError as error:
            raise PeerUnreachable(f"{url} did not answer within {self._timeout_s:g} s") from error
        except (aiohttp.ClientError, CertsError, OSError, ValueError) as error:
            raise PeerUnreachable(f"{url}: {describe_failure(error)}") from error


def describe_failure(error: BaseException) -> str:
    """Why a connection failed, in one line for a person: the innermost reason, without the library's wrapping."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return str(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorError):
        return describe_failure(error.os_error)
    if isinstance(error, OSError) and error.strerror and not isinstance(error, ssl.SSLError):
        # asyncio puts addresses and numbers around what the system says; of a name it is the resolver that speaks.
        by_resolver = isinstance(error, socket.gaierror) or error.errno not in errno.errorcode
        return error.strerror if by_resolver or error.errno is None else os.strerror(error.errno)
    return str(error) or type(error).__name__
