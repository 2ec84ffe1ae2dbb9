"""The load: a process of its own that plays CONSUMER, kept busy over keep-alive mTLS connections.

It takes one JSON command a line on standard input and answers each with one line: `{"requests": KIND, "seconds": S}`
with what came back, `{"bodies": N}` gets ready: it makes N Contracts to submit and looks up a cursor deep in the list.
It also plays CONSUMER's Manager: it serves the key set, and says 201 to every signature that is brought.
HTTP is written by hand, so that this side costs a fraction of what it measures.
"""

import argparse
import asyncio
import json
import ssl
import statistics
import sys
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from time import perf_counter
from typing import cast
from urllib.parse import quote

import uvloop

from bench.contracts import submission
from bench.site import CONSUMER, PROVIDER, KeyKind, Site
from gateway.fsc.jwks import build_jwks
from storage.documents import JsonObject

CONNECTIONS = 16
_LARGEST_PAGE = 1000
_CREATED = b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n"


class _Messages(asyncio.Protocol):
    """Takes HTTP/1.1 messages with a Content-Length (or without a body) off a connection."""

    def __init__(self) -> None:
        self.transport: asyncio.WriteTransport | None = None
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.WriteTransport, transport)

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            place = head.find(b"content-length:")
            size = int(head[place + 15 :].split(b"\r", 1)[0]) if place >= 0 else 0
            if len(self._received) < end + 4 + size:
                return
            message, self._received = self._received[: end + 4 + size], self._received[end + 4 + size :]
            self.message(message, end + 4)

    @abstractmethod
    def message(self, message: bytes, body_at: int) -> None:
        """One message is complete."""


class PlayedManager(_Messages):
    """CONSUMER's Manager: the key set, and 201 to all else."""

    def __init__(self, jwks: bytes, delivered: Callable[[], None]) -> None:
        super().__init__()
        self._jwks = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(jwks) + jwks
        self._delivered = delivered

    def message(self, message: bytes, body_at: int) -> None:
        """Answer at once."""
        assert self.transport is not None
        if message.startswith(b"GET "):
            self.transport.write(self._jwks)
        else:
            self._delivered()
            self.transport.write(_CREATED)


@dataclass(slots=True)
class Tally:
    """What one run brought."""

    statuses: Counter[str] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    sample: str = ""


class Caller(_Messages):
    """One connection, for one request at a time."""

    def __init__(self) -> None:
        super().__init__()
        self._answer: asyncio.Future[tuple[bytes, int]] | None = None

    async def ask(self, request: bytes) -> tuple[str, bytes]:
        """Status and body of the answer to `request`. Raises: ConnectionError."""
        assert self.transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        message, body_at = await self._answer
        return message[9:12].decode(), message[body_at:]

    def message(self, message: bytes, body_at: int) -> None:
        """The answer is complete."""
        if self._answer is not None:
            self._answer.set_result((message, body_at))

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing more will come."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the program closed the connection"))


class Load:
    """The requests of CONSUMER, by kind."""

    def __init__(self, site: Site, grant_hashes: list[str]) -> None:
        self._site = site
        self._pair = site.pair(CONSUMER)
        self._grant_hashes = grant_hashes
        self._bodies: Iterator[bytes] = iter(())
        self._host = f"{PROVIDER.manager_host}:{site.ports['manager']}"
        self._cursor = ""
        self._callers: list[Caller] = []
        self.delivered = 0

    async def open(self) -> None:
        """Play the Manager, and connect."""
        outgoing, incoming = self._site.contexts()
        loop = asyncio.get_running_loop()
        jwks = json.dumps(build_jwks([self._pair.chain])).encode()
        await loop.create_server(
            lambda: PlayedManager(jwks, self._count), "127.0.0.1", self._site.ports["consumer"], ssl=incoming
        )
        self._callers = [await self._connected(outgoing) for _ in range(CONNECTIONS)]

    async def command(self, command: JsonObject) -> JsonObject:
        """Do what a line asks."""
        if "bodies" in command:
            self._bodies = iter([submission(self._pair) for _ in range(command["bodies"])])
            self._cursor = await self._deep_cursor()
            return {"bodies": command["bodies"]}
        if command["requests"] == "delivered":
            return {"delivered": self.delivered}
        return await self._run(self._requests(command["requests"]), command["seconds"])

    def _requests(self, kind: str) -> Iterator[bytes]:
        match kind:
            case "token":
                return cycle([self._token(one) for one in self._grant_hashes])
            case "submit":
                return (self._submit(one) for one in self._bodies)
            case "lookup":
                return cycle([self._get(f"/v1/contracts?grant_hash={quote(one)}") for one in self._grant_hashes])
            case "list":
                return cycle([self._get("/v1/contracts?limit=25")])
            case "list-deep":
                return cycle([self._get(f"/v1/contracts?limit=25&cursor={quote(self._cursor)}")])
            case "peer":
                return cycle([self._get("/v1/peer")])
        raise ValueError(kind)

    async def _run(self, requests: Iterator[bytes], seconds: float) -> JsonObject:
        tally = Tally()
        begin = perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for caller in self._callers:
                tasks.create_task(_keep_asking(caller, requests, tally, begin + seconds))
        latencies = sorted(tally.latencies)
        return {
            "seconds": perf_counter() - begin,
            "statuses": dict(tally.statuses),
            "sample": tally.sample,
            "p50_ms": 1000 * statistics.median(latencies),
            "p99_ms": 1000 * latencies[int(0.99 * len(latencies))],
        }

    async def _deep_cursor(self) -> str:
        """The cursor after three quarters of the list."""
        cursor, left = "", len(self._grant_hashes) * 3 // 4
        while left > 0:
            target = f"/v1/contracts?limit={min(left, _LARGEST_PAGE)}&cursor={quote(cursor)}"
            _, body = await self._callers[0].ask(self._get(target))
            cursor = json.loads(body)["pagination"]["next_cursor"]
            left -= _LARGEST_PAGE
        return cursor

    async def _connected(self, context: ssl.SSLContext) -> Caller:
        _, caller = await asyncio.get_running_loop().create_connection(
            Caller, "127.0.0.1", self._site.ports["manager"], ssl=context, server_hostname=PROVIDER.manager_host
        )
        return caller

    def _count(self) -> None:
        self.delivered += 1

    def _get(self, target: str) -> bytes:
        return f"GET {target} HTTP/1.1\r\nHost: {self._host}\r\n\r\n".encode()

    def _token(self, grant_hash: str) -> bytes:
        form = f"grant_type=client_credentials&scope={quote(grant_hash)}&client_id={CONSUMER.peer_id}".encode()
        return self._post("/v1/token", "application/x-www-form-urlencoded", form)

    def _submit(self, body: bytes) -> bytes:
        return self._post("/v1/contracts", "application/json", body)

    def _post(self, target: str, content_type: str, body: bytes) -> bytes:
        head = (
            f"POST {target} HTTP/1.1\r\nHost: {self._host}\r\nContent-Type: {content_type}\r\n"
            f"Fsc-Manager-Address: {self._site.consumer_address}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


async def _keep_asking(caller: Caller, requests: Iterator[bytes], tally: Tally, until: float) -> None:
    """The next request as soon as the answer to the last is there, until requests or time are over."""
    while perf_counter() < until and (request := next(requests, None)) is not None:
        sent_at = perf_counter()
        status, body = await caller.ask(request)
        tally.latencies.append(perf_counter() - sent_at)
        tally.statuses[status] += 1
        if status[0] != "2" and not tally.sample:
            tally.sample = body.decode()


async def _serve(site: Site, hashes: list[str]) -> None:
    load = Load(site, hashes)
    await load.open()
    lines = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    sys.stdout.write('{"ready": true}\n')
    sys.stdout.flush()
    while line := await lines.readline():
        sys.stdout.write(json.dumps(await load.command(json.loads(line))) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Play CONSUMER for the site whose folder, key kind, ports and Grant hashes a file tells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("plan", type=Path)
    plan = json.loads(parser.parse_args().plan.read_text(encoding="utf-8"))
    site = Site(Path(plan["folder"]), KeyKind(plan["kind"]), plan["ports"])
    uvloop.run(_serve(site, plan["grant_hashes"]))


if __name__ == "__main__":
    main()
