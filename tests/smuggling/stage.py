"""Where it is played: a relay with the reference server behind it, and everything that can go wrong looked at.

reference client -> Inway -> reference server
reference client -> Outway -> Inway -> reference server
reference client -> relay alone -> reference server
"""

import asyncio
import itertools
import logging
import os
import ssl
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvloop

from gateway.errors import ErrorDomain, InvalidRequest, ServiceUnreachable
from gateway.http.listener import listen_plain
from gateway.http.resolver import LocalhostResolver
from gateway.relay.exchange import Exchange
from gateway.relay.fields import Fates, fate_at_outway
from gateway.relay.origin import Origins, parse_origin
from gateway.relay.settings import RelayLimits, RelaySettings, RelayTimeouts
from gateway.relay.site import new_site
from gateway.relay.ticker import Ticker
from gateway.relay.upstream import UpstreamFailed
from tests.background import Background, background
from tests.gateway.dataplane import data_plane, inway_name
from tests.gateway.material import CONSUMER, PROVIDER, client_tls, key_pair
from tests.smuggling.conversation import Connect, Conversation, Reading, converse, cut, read_stream
from tests.smuggling.essence import essence
from tests.smuggling.oracle import adds_later, faults_of, faults_of_parts, faults_of_service
from tests.smuggling.server import ReferenceServer, Seen, reference_server

_SETTLED_S = 10
"""More than a relay listens to a client that it has refused."""
_SETTLING_S = 0.001
_RELAY_S = 5
_ESTABLISHED, _CLOSE_WAIT = "01", "08"
_READ_LIMIT_BYTES = 2**20
_numbers = itertools.count()

IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
_EVERY = 4
"""Of the cases, one of so many goes through the whole chain, and a soak takes them all."""


def is_played(name: str, entrance: str) -> bool:
    """Whether this case is played at this entrance; the same ones in each run."""
    return IS_SOAK or entrance != "chain" or zlib.crc32(name.encode()) % _EVERY == 0


@dataclass(frozen=True, slots=True)
class Entrance:
    """A way into a relay. `lines` are the header lines that each request there must have."""

    connect: Connect
    port: int
    lines: bytes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was said on one connection, what came back, what arrived, and what is wrong with it."""

    reading: Reading
    said: Conversation
    seen: tuple[Seen, ...]
    faults: tuple[str, ...]

    @property
    def statuses(self) -> list[int]:
        return [answer.status for answer in self.said.answers]


class _Errors(logging.Handler):
    """What is logged as a fault of the program."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.faults: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.faults.append(f"logged: {logging.Formatter().format(record)} {record.__dict__}")


@dataclass(slots=True)
class Stage:
    """The relays and the server while they run."""

    loop: Background
    server: ReferenceServer
    entrances: dict[str, Entrance]
    errors: _Errors

    def play(self, entrance: str, stream: bytes, at: Sequence[int] = (), *, may_refuse: bool = False) -> Outcome:
        """Say `stream` on one connection, cut at these places, and judge what became of it."""
        return self.play_together(entrance, [(stream, at)], may_refuse=may_refuse)[0]

    def play_together(
        self, entrance: str, streams: Sequence[tuple[bytes, Sequence[int]]], *, may_refuse: bool = False
    ) -> list[Outcome]:
        """Say each stream on a connection of its own, all at the same time.

        `may_refuse` tells that a relay need not take what the RFC takes.
        """
        return self.loop.run(self._play(self.entrances[entrance], streams, may_refuse))

    async def _play(
        self, entrance: Entrance, streams: Sequence[tuple[bytes, Sequence[int]]], may_refuse: bool
    ) -> list[Outcome]:
        self.server.forget()
        self.errors.faults.clear()
        readings = [read_stream(stream) for stream, _ in streams]
        async with asyncio.TaskGroup() as tasks:
            talks = [
                tasks.create_task(converse(entrance.connect, cut(stream, at), reading))
                for (stream, at), reading in zip(streams, readings, strict=True)
            ]
        unsettled = await self._settle(entrance, {talk.result().port for talk in talks})
        seen = tuple(self.server.seen)
        common = [*unsettled, *faults_of_parts(readings, self.server.partial), *_nobodys(readings, seen)]
        common += await self._probe(entrance)
        common += [*self.server.violations, *self.errors.faults]
        outcomes = []
        for reading, talk in zip(readings, talks, strict=True):
            own, said = _belonging_to(reading, seen), talk.result()
            meets = adds_later(other for other in readings if other is not reading)
            back = faults_of(reading, said, may_refuse=may_refuse, may_meet_more=meets)
            faults = (*back, *faults_of_service(reading, said, own), *common)
            outcomes.append(Outcome(reading, said, own, faults))
        return outcomes

    async def _settle(self, entrance: Entrance, clients: set[int]) -> list[str]:
        """Wait until nothing is under way; what stays that should have gone. `clients` are the ports of ours."""
        try:
            async with asyncio.timeout(_SETTLED_S):
                await asyncio.sleep(_SETTLING_S)
                while self.server.busy or open_connections(entrance.port, clients):  # noqa: ASYNC110 (nobody tells)
                    await asyncio.sleep(_SETTLING_S * 5)
        except TimeoutError:
            left = open_connections(entrance.port, clients)
            return [f"left open: {left} connections of clients, requests on upstream connections {self.server.busy}"]
        return []

    async def _probe(self, entrance: Entrance) -> list[str]:
        """What is wrong with what the next client gets, over whatever connections there are now."""
        stream = request(entrance.lines, b"X-Nonce: probe-%d" % next(_numbers), start=b"GET /probe HTTP/1.1")
        reading = read_stream(stream)
        said = await converse(entrance.connect, [stream], reading)
        return [f"the next client: {fault}" for fault in faults_of(reading, said)]


def request(*lines: bytes, start: bytes = b"POST / HTTP/1.1", body: bytes = b"") -> bytes:
    """A request with these header lines; one may hold several, each with its line break, or none."""
    head = [start, b"Host: klant.x", *(line.removesuffix(b"\r\n") for line in lines if line)]
    return b"\r\n".join(head) + b"\r\n\r\n" + body


def open_connections(port: int, clients: set[int]) -> int:
    """How many connections of these ports to `port` its listener has open, or has not noticed the end of."""
    mine, theirs = f":{port:04X}", {f"{client:04X}" for client in clients}
    rows = (line.split(maxsplit=4) for line in Path("/proc/net/tcp").read_text().splitlines() if mine in line)
    open_states = (_ESTABLISHED, _CLOSE_WAIT)
    return sum(row[1].endswith(mine) and row[2][-4:] in theirs and row[3] in open_states for row in rows)


def _belonging_to(reading: Reading, seen: Sequence[Seen]) -> tuple[Seen, ...]:
    own = {essence(one) for one in reading.requests}
    return tuple(one for one in seen if essence(one.request) in own)


def _nobodys(readings: Sequence[Reading], seen: Sequence[Seen]) -> Iterator[str]:
    sent = {essence(one) for reading in readings for one in reading.requests}
    for one in seen:
        if essence(one.request) not in sent:
            yield f"the server saw what was not sent: {one.request}"


@asynccontextmanager
async def _federation(errors: _Errors, loop: Background) -> AsyncIterator[Stage]:
    async with data_plane() as plane, reference_server() as server:
        plane.upstream_at(server.port)
        tls = client_tls(key_pair(CONSUMER))
        inway = Entrance(connecting(plane.tls_port, tls, inway_name(PROVIDER)), plane.tls_port, plane.authorized())
        outway = Entrance(connecting(plane.outway_port), plane.outway_port, b"")
        async with _relay_alone(server.port) as port:
            relay = Entrance(connecting(port), port, b"")
            yield Stage(loop, server, {"inway": inway, "chain": outway, "relay": relay}, errors)


@asynccontextmanager
async def _relay_alone(service: int) -> AsyncIterator[int]:
    """What Inway and Outway have in common, without either: every request goes to `service`."""
    settings = RelaySettings(RelayLimits(), RelayTimeouts(connect_s=_RELAY_S, read_s=_RELAY_S), Ticker())
    origins = Origins(LocalhostResolver(), settings.timeouts, settings.ticker)
    origin = origins.get(parse_origin(f"http://127.0.0.1:{service}"))

    def pass_on(exchange: Exchange) -> None:
        def fail(error: UpstreamFailed) -> None:
            exchange.refuse(ServiceUnreachable(str(error)))

        if exchange.method == "CONNECT":
            exchange.refuse(InvalidRequest("CONNECT is not served"))
            return
        exchange.relay(origin, origin.host_field, failed=fail)

    site = new_site(ErrorDomain.OUTWAY, Fates(fate_at_outway), lambda _: pass_on, settings)
    listener = await listen_plain("127.0.0.1", 0, site.protocol)
    try:
        yield listener.sockets[0].getsockname()[1]
    finally:
        listener.close()
        await site.drain(0)
        await origins.close()


def connecting(port: int, tls: ssl.SSLContext | None = None, name: str | None = None) -> Connect:
    """What connects to a port of this machine."""

    @asynccontextmanager
    async def connect() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await asyncio.open_connection(
            "127.0.0.1", port, ssl=tls, server_hostname=name, limit=_READ_LIMIT_BYTES
        )
        try:
            yield reader, writer
        finally:
            writer.transport.abort()

    return connect


@contextmanager
def stage() -> Iterator[Stage]:
    """A federation for a whole module, on the loop of the program: nothing that a test says may hinder the next one."""
    errors = _Errors()
    logging.getLogger().addHandler(errors)
    try:
        with background(uvloop.new_event_loop) as loop:
            yield loop.enter(_federation(errors, loop))
    finally:
        logging.getLogger().removeHandler(errors)
