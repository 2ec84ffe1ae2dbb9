"""A consumer and a provider as real programs, the Service behind the provider's Inway, and the doors to knock at.

clients -> Outway of the consumer -> Inway of the provider -> Service
clients with the consumer's certificate -> Inway of the provider -> Service
"""

import asyncio
import copy
import os
import ssl
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from certs.authority import create_group, issue
from clock import SystemClock
from config.load import load_settings
from klantenregister.admin_client import AdminClient
from tests.e2e.calls import as_peer, key_pair
from tests.e2e.federation import (
    CONSUMER,
    GROUP,
    PROVIDER,
    Federation,
    Member,
    Program,
    bare_tenant,
    free_port,
    installation,
)
from tests.load.behind import Behind
from tests.load.processes import rss_mb
from tests.load.traffic import Attempt, Door, Outcome

IS_SOAK = os.environ.get("HYPOTHESIS_PROFILE") == "soak"
SERVICE = "echo"
_LISTENERS = ("manager", "inway", "register", "console", "metrics", "outway")
_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything that runs. A test leaves it running, with the connection valid."""

    federation: Federation
    behind: Behind

    @classmethod
    def prepare(cls, folder: Path) -> "Scene":
        """Certificates and configurations; nothing runs yet."""
        create_group(folder / "pki", GROUP, now=SystemClock().now())
        behind = Behind(folder)
        members = (PROVIDER, CONSUMER)
        ports = {member: {name: free_port() for name in _LISTENERS} for member in members}
        federation = Federation(folder)
        for member in members:
            certify(folder, member, member.slug)
            settings = installation(member, ports[member], [bare_tenant(member, ports[member])], 0)
            settings["group"]["directories"] = [
                {
                    "peer_id": PROVIDER.peer_id,
                    "manager_address": f"https://{PROVIDER.manager_host}:{ports[PROVIDER]['manager']}",
                }
            ]
            settings["timeouts"] = {"shutdown_seconds": 3}
            federation.programs[member.slug] = Program(member, folder, ports[member], settings)
        tenant(federation.provider).update(
            directory=True,
            services=[{"name": SERVICE, "upstream": f"http://127.0.0.1:{behind.port}"}],
            accept=[{"grants": ["service_connection"], "peers": [CONSUMER.peer_id]}],
        )
        tenant(federation.consumer).update(
            outway={"listen": f"127.0.0.1:{ports[CONSUMER]['outway']}"},
            connections=[{"name": SERVICE, "service": {"peer_id": PROVIDER.peer_id, "name": SERVICE}}],
        )
        return cls(federation, behind)

    @property
    def provider(self) -> Program:
        return self.federation.provider

    @property
    def consumer(self) -> Program:
        return self.federation.consumer

    @property
    def programs(self) -> tuple[Program, Program]:
        return self.provider, self.consumer

    def start(self) -> None:
        """Start all, and wait for the connection."""
        self.behind.start()
        self.federation.start()
        self.federation.connection()

    def stop(self) -> None:
        """Stop all; no log may hold a traceback."""
        self.federation.stop()
        self.behind.stop()
        assert self.federation.tracebacks() == []

    def outway(self, grant_hash: str | None = None) -> Door:
        """The Outway of the consumer, for an application that names the connection, or a Grant."""
        chosen = "" if grant_hash is None else f"\r\nFsc-Grant-Hash: {grant_hash}"
        return Door(self.consumer.ports["outway"], f"Host: {SERVICE}.localhost{chosen}")

    async def inway(self, grant_hash: str | None = None) -> Door:
        """The Inway of the provider, for who has the consumer's certificate and a token of its connection."""
        token = await asyncio.to_thread(self._token, grant_hash or self.federation.connection())
        head = f"Host: {PROVIDER.inway_host}\r\nFsc-Authorization: Bearer {token}"
        return Door(self.provider.ports["inway"], head, self.tls(), PROVIDER.inway_host)

    def tls(self) -> ssl.SSLContext:
        """As the consumer connects: a context of the standard library, none of ours."""
        pki = self.federation.directory / "pki"
        context = ssl.create_default_context(cafile=str(pki / "root.pem"))
        context.load_cert_chain(pki / f"{CONSUMER.slug}.pem", pki / f"{CONSUMER.slug}.key")
        return context

    def admin(self, program: Program, method: str, path: str, body: object = None, **query: str) -> Any:
        """An operation on the tenant of a running program."""
        client = AdminClient(load_settings(program.config, {}))
        return client.call(method, f"/tenants/{program.member.slug}{path}", body, **query)

    def logged(self, program: Program) -> set[str]:
        """The transaction ids of all records of a running program."""
        found: set[str] = set()
        cursor = ""
        while True:
            page = self.admin(program, "GET", "/logs", limit=str(_PAGE), cursor=cursor)
            found |= {one["transaction_id"] for one in page["records"]}
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def unlogged(self, program: Program, attempts: Iterable[Attempt]) -> set[str]:
        """Those of the requests that the Service has seen of which the program has no record."""
        return self.seen_of(attempts) - self.logged(program)

    def seen_of(self, attempts: Iterable[Attempt]) -> set[str]:
        """Those of the requests that the Service has seen."""
        return {one.transaction_id for one in attempts} & set(self.behind.seen())

    def check_failed_unseen(self, attempts: Iterable[Attempt]) -> None:
        """What was turned away is sent anew by its client: then the Service must not have seen it."""
        assert self.seen_of(one for one in attempts if one.outcome is Outcome.TURNED_AWAY) == set()

    @asynccontextmanager
    async def running(
        self, program: Program, *options: str, member: dict[str, Any] | None = None, **settings: dict[str, Any]
    ) -> AsyncIterator[None]:
        """`program` with other options, settings of the installation and of its tenant, until the context is left."""
        before = copy.deepcopy(program.settings), program.options
        for section, changes in settings.items():
            program.settings[section] = {**program.settings.get(section, {}), **changes}
        tenant(program).update(member or {})
        program.options = options
        try:
            await asyncio.to_thread(program.restart)
            yield
        finally:
            program.settings, program.options = before
            await asyncio.to_thread(program.restart)

    def _token(self, grant_hash: str) -> str:
        answer = as_peer(
            self.federation,
            key_pair(self.federation, CONSUMER),
            "POST",
            f"{self.provider.manager}/v1/token",
            form={"grant_type": "client_credentials", "scope": grant_hash, "client_id": CONSUMER.peer_id},
        )
        assert answer.status == 200, answer.text
        token: str = answer.json()["access_token"]
        return token


def tenant(program: Program) -> dict[str, Any]:
    """The configuration of its only tenant, to change."""
    [only] = program.settings["tenants"]
    found: dict[str, Any] = only
    return found


def certify(folder: Path, member: Member, stem: str) -> None:
    """Write a certificate of `member` for a new key to pki/`stem`."""
    pki = folder / "pki"
    names = [member.manager_host, member.inway_host]
    issue(pki, peer_id=member.peer_id, name=member.name, dns_names=names, now=SystemClock().now(), stem=pki / stem)


def memory_mb(program: Program) -> float:
    """The resident memory of a running program, its workers included, in MB."""
    assert program.process is not None
    return rss_mb(program.process.pid)
