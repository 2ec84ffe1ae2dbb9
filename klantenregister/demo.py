"""A whole federation in one process: a Directory, a municipality that provides its register, one that consumes it.

Nothing is staged: certificates are issued, both sides announce themselves, negotiate publication and connection
contracts over mutual TLS on loopback, and the lookup crosses Outway, Inway and register with both logs written.
"""

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import aiohttp
import yaml

from certs.authority import create_group, issue
from clock import SystemClock
from config.settings import Settings
from gateway.state.transactions import RecordFilter
from klantenregister.composition import running
from klantenregister.errors import AddressInUse, Failed
from klantenregister.hosting import HostedPeer
from klantenregister.installation import Installation
from klantenregister.settings_file import read_settings
from register.synthetic import load_people, synthetic_bsns

GROUP = "demo.klantenregister.localhost"
SERVICE = "klantinteracties"
SEARCH_PATH = "/klantinteracties/api/v1/partijen/_zoek"
PEOPLE = 250
PERSON = 41
_PATIENCE_S = 30.0
_POLL_S = 0.02
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Municipality:
    """A Peer of the demonstration."""

    slug: str
    peer_id: str
    name: str


DIRECTORY = Municipality("directory", "00000099000000000010", "Directory van de demo")
PROVIDER = Municipality("voorbeeld", "00000001823288444000", "Gemeente Voorbeeld")
CONSUMER = Municipality("elders", "00000001950428139000", "Gemeente Elders")

Say = Callable[[str], None]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Report:
    """What `--json` prints, in the shape that DESIGN section 2 fixes."""

    status: int
    count: int
    transaction_id: str
    grant_hash: str
    outgoing: int
    incoming: int
    seconds: dict[str, float]

    @property
    def is_ok(self) -> bool:
        """Whether the person was found and both sides logged it once."""
        return (self.status, self.count, self.outgoing, self.incoming) == (200, 1, 1, 1)

    def as_json(self) -> str:
        """One line."""
        return json.dumps(
            {
                "ok": self.is_ok,
                "lookup": {"status": self.status, "count": self.count},
                "transaction_id": self.transaction_id,
                "grant_hash": self.grant_hash,
                "log": {"outgoing": self.outgoing, "incoming": self.incoming},
                "seconds": self.seconds,
            }
        )


async def run_demo(directory: Path, say: Say, *, stop: asyncio.Event | None) -> Report:
    """Build the federation in `directory`, look one person up, and stay up until `stop` when it is given.

    Raises: Failed when a step does not succeed in time.
    """
    began = time.monotonic()
    say("1. A Group: root, intermediate and a certificate for each of three Peers")
    issue_certificates(directory)
    say("2. One process: Directory, two municipalities, their Managers, Inway, Outway and register")
    async with _started(directory) as installation:
        settings, started = installation.settings, time.monotonic()
        provider, consumer = _hosted(installation, PROVIDER), _hosted(installation, CONSUMER)
        say("3. Each announces itself to the Directory and offers the contracts that its configuration declares")
        grant_hash = await _valid_connection(consumer)
        await _valid_publication(_hosted(installation, DIRECTORY))
        agreed = time.monotonic()
        say(f"   publication and connection are signed by both sides, grant {grant_hash[:24]}...")
        say(f"4. {PEOPLE} synthetic people in the register of {PROVIDER.name}")
        await load_people(
            installation.stores.documents,
            installation.keyring,
            PROVIDER.peer_id,
            PEOPLE,
            now_ms=SystemClock().now_ms(),
        )
        outway = _outway_address(settings)
        body = _search_body()
        say("5. A person is looked up by BSN: application, Outway, Inway, register, and back")
        asked = time.monotonic()
        status, count, transaction_id = await _look_up(outway, body)
        answered = time.monotonic()
        report = Report(
            status=status,
            count=count,
            transaction_id=transaction_id,
            grant_hash=grant_hash,
            outgoing=await _logged(consumer, transaction_id),
            incoming=await _logged(provider, transaction_id),
            seconds={
                "start": round(started - began, 3),
                "contract": round(agreed - started, 3),
                "request": round(answered - asked, 3),
            },
        )
        say(f"   status {status}, {count} person found, transaction {transaction_id}")
        say(f"   logged {report.outgoing}x by {CONSUMER.name}, {report.incoming}x by {PROVIDER.name}")
        if stop is not None:
            for line in _invitation(directory, settings, body):
                say(line)
            await stop.wait()
            say("Stopping.")
    return report


class _QuotingDumper(yaml.SafeDumper):
    """Quotes text that looks like a number: a Peer ID without quotes would lose its leading zeros."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if text.isdigit() else None)


_QuotingDumper.add_representer(str, _text)


@contextlib.asynccontextmanager
async def _started(directory: Path) -> AsyncIterator[Installation]:
    """The federation, running; on other ports when somebody took one between our looking and our listening."""
    async with contextlib.AsyncExitStack() as stack:
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                installation = await stack.enter_async_context(running(configure(directory), SystemClock()))
            except AddressInUse:
                if attempt == _ATTEMPTS:
                    raise
                continue
            yield installation
            return


def issue_certificates(directory: Path) -> None:
    """Make the Group and a certificate for each Peer below `directory`."""
    now = SystemClock().now()
    pki = directory / "pki"
    create_group(pki, GROUP, now=now)
    for peer in (DIRECTORY, PROVIDER, CONSUMER):
        names = [f"{role}.{peer.slug}.localhost" for role in ("manager", "inway")]
        issue(pki, peer_id=peer.peer_id, name=peer.name, dns_names=names, now=now, stem=pki / peer.slug)


def configure(directory: Path) -> Settings:
    """Write a configuration with ports that are free now, and read it back as `serve` would. Raises: WrongUsage."""
    file = directory / "demo.yaml"
    text = yaml.dump(_configuration(), Dumper=_QuotingDumper, sort_keys=False, allow_unicode=True)
    file.write_text(text, encoding="utf-8")
    return read_settings(file, environ={})


def _configuration() -> dict[str, Any]:
    manager, inway, register, console, metrics, outway = _ports(8443, 8444, 8000, 8080, 9100, 8081)
    directory_address = f"https://manager.{DIRECTORY.slug}.localhost:{manager}"

    def tenant(peer: Municipality, **more: Any) -> dict[str, Any]:
        return {
            "peer_id": peer.peer_id,
            "name": peer.name,
            "slug": peer.slug,
            "certificates": [{"cert": f"pki/{peer.slug}.pem", "key": f"pki/{peer.slug}.key"}],
            "manager_address": f"https://manager.{peer.slug}.localhost:{manager}",
            "inway_address": f"https://inway.{peer.slug}.localhost:{inway}",
            **more,
        }

    return {
        "group": {
            "id": GROUP,
            "trust_anchors": ["pki/root.pem"],
            "allow_any_port": True,
            "directories": [{"peer_id": DIRECTORY.peer_id, "manager_address": directory_address}],
            "revocation": {"mode": "soft", "crl": ["pki/root.crl", "pki/ca.crl"]},
        },
        "listen": {
            "manager": f"127.0.0.1:{manager}",
            "inway": f"127.0.0.1:{inway}",
            "register": f"127.0.0.1:{register}",
            "console": f"127.0.0.1:{console}",
            "metrics": f"127.0.0.1:{metrics}",
        },
        "tenants": [
            tenant(DIRECTORY, directory=True, accept=[{"grants": ["service_publication"], "peers": ["*"]}]),
            tenant(
                PROVIDER,
                rsin=["823288444"],
                services=[
                    {
                        "name": SERVICE,
                        "upstream": f"register:{SERVICE}",
                        "publish": True,
                        "peers": [{"peer_ids": [CONSUMER.peer_id], "scopes": [f"{SERVICE}.lezen", "bsn.zoeken"]}],
                    }
                ],
                accept=[
                    {
                        "grants": ["service_connection"],
                        "services": [SERVICE],
                        "peers": [CONSUMER.peer_id],
                        "max_days": 400,
                    }
                ],
            ),
            tenant(
                CONSUMER,
                rsin=["950428139"],
                outway={"listen": f"127.0.0.1:{outway}"},
                connections=[{"name": SERVICE, "service": {"peer_id": PROVIDER.peer_id, "name": SERVICE}}],
            ),
        ],
    }


def _ports(*wanted: int) -> list[int]:
    """The wanted ports where they are free on loopback, others where they are not."""
    held: list[socket.socket] = []
    try:
        for port in wanted:
            try:
                held.append(_bound(port))
            except OSError:
                held.append(_bound(0))
        return [one.getsockname()[1] for one in held]
    finally:
        for one in held:
            one.close()


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(("127.0.0.1", port))
        # With SO_REUSEADDR two sockets may bind; only listening shows whether somebody else listens already.
        bound.listen(1)
    except OSError:
        bound.close()
        raise
    return bound


def _hosted(installation: Installation, peer: Municipality) -> HostedPeer:
    return next(one for one in installation.hosts.all() if one.slug == peer.slug)


async def _valid_connection(consumer: HostedPeer) -> str:
    """The Grant hash of the connection, once the consumer holds both signatures."""
    peer = consumer.peer

    def found() -> str | None:
        for record in peer.contracts.view.valid(peer.clock.now()):
            return record.grant_hashes[0]
        return None

    return await _eventually("the connection contract to be signed by both sides", found)


async def _valid_publication(directory: HostedPeer) -> None:
    peer = directory.peer
    await _eventually(
        "the publication contract to be signed by both sides",
        lambda: peer.contracts.view.valid(peer.clock.now()) or None,
    )


async def _eventually(what: str, look: Callable[[], T | None]) -> T:
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        await asyncio.sleep(_POLL_S)
    raise Failed(f"waited {_PATIENCE_S:g} s for {what}; the log on standard error tells why")


async def _look_up(outway: str, body: str) -> tuple[int, int, str]:
    headers = {"Host": f"{SERVICE}.localhost", "Content-Type": "application/json"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"http://{outway}{SEARCH_PATH}", data=body, headers=headers) as answer,
    ):
        found = await answer.json(content_type=None)
        if answer.status != 200:
            raise Failed(f"the lookup was answered with {answer.status}: {found}")
        return answer.status, found["count"], answer.headers["Fsc-Transaction-Id"]


async def _logged(hosted: HostedPeer, transaction_id: str) -> int:
    records, _ = await hosted.peer.log.find(RecordFilter(transaction_ids=(transaction_id,)))
    return len(records)


def _search_body() -> str:
    bsn = next(bsn for place, bsn in enumerate(synthetic_bsns()) if place == PERSON)
    return json.dumps({"partijIdentificator__codeSoortObjectId": "bsn", "partijIdentificator__objectId": bsn})


def _outway_address(settings: Settings) -> str:
    outway = next(tenant.outway for tenant in settings.tenants if tenant.slug == CONSUMER.slug)
    assert outway is not None
    return str(outway.listen)


def _invitation(directory: Path, settings: Settings, body: str) -> list[str]:
    outway = _outway_address(settings)
    port = outway.rpartition(":")[2]
    config = directory / "demo.yaml"
    return [
        "",
        f"The Outway of {CONSUMER.name} listens on {outway}. Look the same person up yourself:",
        "",
        f"  curl -s -H 'Content-Type: application/json' -d '{body}' http://{SERVICE}.localhost:{port}{SEARCH_PATH}",
        "",
        "And see what was agreed and logged:",
        "",
        f"  .venv/bin/klantenregister contracts list --tenant {PROVIDER.slug} --config {config}",
        f"  .venv/bin/klantenregister logs --tenant {CONSUMER.slug} --config {config}",
        "",
        "Ctrl-C stops it; everything it made is gone then.",
    ]
