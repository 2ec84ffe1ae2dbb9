"""Real installations in the process of the test: certificates, configuration and ports of its own, stores in memory.

`serving` runs them as `serve` does; `command` runs the command line against one, in a thread, while it goes on;
`dialogue` does so as a process on a terminal.
"""

import asyncio
import contextlib
import json
import os
import pty
import select
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import ClientSession
from multidict import CIMultiDictProxy

from certs.authority import create_group, issue
from certs.custody import KeyPair, load_key_pair, load_trust_file
from certs.identity import PeerId, SubjectRule
from certs.tls import client_context
from certs.trust import TrustStore
from clock import SystemClock
from config.load import load_settings
from config.settings import Settings
from gateway.http.client import new_session
from klantenregister import cli
from klantenregister.composition import running
from klantenregister.hosting import ALL_ROLES, HostedPeer, Role
from klantenregister.installation import Installation
from tests.e2e.federation import CONSUMER, DIRECTORY, PROVIDER, REPOSITORY, SERVICE, Member, free_port

__all__ = ["CONSUMER", "DIRECTORY", "PROVIDER", "SERVICE", "Answer", "Member", "Place", "command", "free_port"]

APPLICATION_TOKEN = "an-application-key-0123456789-abcdefghij"
SCOPES = [f"{SERVICE}.{right}" for right in ("lezen", "aanmaken", "bijwerken", "verwijderen")] + ["bsn.zoeken"]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, whole."""

    status: int
    headers: CIMultiDictProxy[str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Place:
    """A folder with a Group's certificates, and the configuration of an installation in it."""

    folder: Path
    ports: dict[str, int] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, *members: Member, storage: str = "memory:") -> "Place":
        """An installation that hosts `members`, the first three of which play Directory, provider and consumer."""
        names = ("manager", "inway", "register", "console", "metrics", "outway")
        place = cls(folder, {name: free_port() for name in names})
        create_group(folder / "pki", "test", now=SystemClock().now())
        place.document = {
            "group": {"id": "fsc.example.test", "trust_anchors": ["pki/root.pem"], "allow_any_port": True},
            "storage": storage,
            "keys": {"master_file": "master.key"},
            "listen": {
                **{name: f"127.0.0.1:{place.ports[name]}" for name in names[:-1]},
                "admin": "unix:admin.sock",
            },
            "timeouts": {"shutdown_seconds": 1},
            "tenants": [place.tenant(member) for member in members or (PROVIDER,)],
        }
        return place

    @classmethod
    def federation(cls, folder: Path, *, storage: str = "memory:") -> "Place":
        """A Directory, a provider and a consumer in one installation, which agree by themselves."""
        place = cls.make(folder, DIRECTORY, PROVIDER, CONSUMER, storage=storage)
        directory, provider, consumer = place.document["tenants"]
        place.document["group"]["directories"] = [
            {"peer_id": DIRECTORY.peer_id, "manager_address": directory["manager_address"]}
        ]
        directory |= {"directory": True, "accept": [{"grants": ["service_publication"], "peers": ["*"]}]}
        provider["services"] = [place.service(publish=True)]
        provider["accept"] = [{"grants": ["service_connection"], "peers": [CONSUMER.peer_id]}]
        provider["applications"] = [{"id": "kiss", "token": APPLICATION_TOKEN, "scopes": SCOPES}]
        consumer["outway"] = {"listen": f"127.0.0.1:{place.ports['outway']}"}
        consumer["connections"] = [{"name": SERVICE, "service": {"peer_id": PROVIDER.peer_id, "name": SERVICE}}]
        return place

    @property
    def config(self) -> Path:
        return self.folder / "klantenregister.yaml"

    @property
    def socket_file(self) -> Path:
        return self.folder / "admin.sock"

    def tenant(self, member: Member, **more: Any) -> dict[str, Any]:
        """The configuration of one tenant, whose certificate is issued when it has none."""
        if not (self.folder / "pki" / f"{member.slug}.pem").exists():
            self.issue(member)
        return {
            "peer_id": member.peer_id,
            "name": member.name,
            "slug": member.slug,
            "certificates": [{"cert": f"pki/{member.slug}.pem", "key": f"pki/{member.slug}.key"}],
            "manager_address": f"https://{member.manager_host}:{self.ports['manager']}",
            "inway_address": f"https://{member.inway_host}:{self.ports['inway']}",
            **more,
        }

    def service(self, **more: Any) -> dict[str, Any]:
        """The klantinteracties Service, open to the consumer."""
        peers = [{"peer_ids": [CONSUMER.peer_id], "scopes": SCOPES}]
        return {"name": SERVICE, "upstream": f"register:{SERVICE}", "peers": peers, **more}

    def issue(self, member: Member, stem: str = "") -> None:
        """Write a (new) certificate of `member`."""
        target = self.folder / "pki" / (stem or member.slug)
        for suffix in ("pem", "key"):
            target.with_name(f"{target.name}.{suffix}").unlink(missing_ok=True)
        issue(
            self.folder / "pki",
            peer_id=member.peer_id,
            name=member.name,
            dns_names=[member.manager_host, member.inway_host],
            now=SystemClock().now(),
            stem=target,
        )

    def write(self) -> Path:
        """Write the configuration as it is in `document` now."""
        # JSON is YAML, and keeps text text.
        self.config.write_text(json.dumps(self.document), encoding="utf-8")
        return self.config

    def settings(self) -> Settings:
        """Write the configuration and read it back."""
        return load_settings(self.write(), {})

    def pair(self, member: Member) -> KeyPair:
        """The certificate of `member` and its key."""
        return load_key_pair(self.folder / "pki" / f"{member.slug}.pem", self.folder / "pki" / f"{member.slug}.key")

    def context(self, caller: Member, callee: Member | None) -> ssl.SSLContext:
        """How `caller` opens a connection to `callee`; None: to whoever answers."""
        trust = TrustStore.from_pem([load_trust_file(self.folder / "pki" / "root.pem")])
        expected = None if callee is None else PeerId(callee.peer_id)
        return client_context(self.pair(caller), trust, SubjectRule(), expected_peer=expected, clock=SystemClock())

    async def call(
        self,
        caller: Member,
        callee: Member | None,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """A call over mutual TLS."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"} if form else {}
        async with (
            new_session(connect_timeout_s=5, read_timeout_s=10) as session,
            session.request(
                method, url, headers={**kind, **(headers or {})}, data=form, ssl=self.context(caller, callee)
            ) as answer,
        ):
            return Answer(answer.status, answer.headers, await answer.text())

    def manager(self, member: Member, path: str = "/v1/peer") -> str:
        """A URL at a Manager."""
        return f"https://{member.manager_host}:{self.ports['manager']}{path}"

    def inway(self, member: Member, path: str = "/") -> str:
        """A URL at an Inway."""
        return f"https://{member.inway_host}:{self.ports['inway']}{path}"

    async def token(self, grant_hash: str) -> str:
        """An access token of the provider for the consumer."""
        form = {"grant_type": "client_credentials", "scope": grant_hash, "client_id": CONSUMER.peer_id}
        answer = await self.call(CONSUMER, PROVIDER, "POST", self.manager(PROVIDER, "/v1/token"), form=form)
        assert answer.status == 200, answer.text
        token: str = answer.json()["access_token"]
        return token


async def plain(
    port: int, path: str, *, method: str = "GET", headers: Mapping[str, str] | None = None, body: Any = None
) -> Answer:
    """A call without TLS on loopback."""
    async with (
        ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{port}{path}", headers=headers, json=body) as answer,
    ):
        return Answer(answer.status, answer.headers, await answer.text())


@contextlib.asynccontextmanager
async def serving(settings: Settings, roles: frozenset[Role] = ALL_ROLES) -> AsyncIterator[Installation]:
    """A running installation, as `serve` has it."""
    try:
        async with running(settings, SystemClock(), roles) as installation:
            yield installation
    finally:
        # Both ends of its connections are in this loop: they need a few rounds more to take leave of each other.
        await asyncio.sleep(0.05)


def listens(port: int) -> bool:
    """Whether somebody accepts connections on this port of loopback."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


async def command(*words: object) -> int:
    """Run the command line in a thread, while the installation goes on in this one; returns its exit code."""

    def run() -> int:
        try:
            return cli.main([str(word) for word in words])
        except SystemExit as ended:  # how argparse refuses
            return int(ended.code or 0)

    return await asyncio.to_thread(run)


async def dialogue(words: Sequence[object], *exchange: tuple[str, str]) -> tuple[int, str]:
    """Run the command line on a terminal, as a process: wait for each text, type the answer; exit code and output."""
    return await asyncio.to_thread(_dialogue, [str(word) for word in words], exchange)


def _dialogue(words: list[str], exchange: Sequence[tuple[str, str]]) -> tuple[int, str]:
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-m", "klantenregister", *words],
        cwd=REPOSITORY,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    ) as process:
        os.close(slave)
        shown = ""
        for awaited, answer in exchange:
            shown += _read_until(master, awaited)
            os.write(master, answer.encode())
        shown += _read_until(master, None)
        os.close(master)
        return process.wait(timeout=20), shown


def _read_until(terminal: int, awaited: str | None) -> str:
    """What the terminal shows until `awaited` is in it; None: until the program ends."""
    shown = b""
    while awaited is None or awaited.encode() not in shown:
        ready, _, _ = select.select([terminal], [], [], 20)
        assert ready, f"waited for {awaited}, saw {shown.decode()}"
        try:
            part = os.read(terminal, 1_000)
        except OSError:  # how Linux says that the other end was closed
            part = b""
        if not part:
            assert awaited is None, f"waited for {awaited}, saw {shown.decode()}"
            break
        shown += part
    return shown.decode()


def hosted(installation: Installation, member: Member) -> HostedPeer:
    """The hosted Peer that is `member`."""
    return next(one for one in installation.hosts.all() if one.slug == member.slug)


def agreed(installation: Installation) -> bool:
    """Whether provider and consumer both hold a valid connection, and the Directory a valid publication."""
    return all(
        hosted(installation, member).peer.contracts.view.valid(installation.clock.now())
        for member in (DIRECTORY, PROVIDER, CONSUMER)
    ) and bool(connection_grant(installation))


def connection_grant(installation: Installation) -> str:
    """The Grant hash of the connection that both sides hold; empty while there is none."""
    now = installation.clock.now()
    ours, theirs = [
        {one.grant_hashes[0] for one in hosted(installation, member).peer.contracts.view.valid(now)}
        for member in (CONSUMER, PROVIDER)
    ]
    return next(iter(ours & theirs), "")
