"""Two real programs that make Contracts with each other, and what each of them shows of those.

A is the consumer, B the provider and the Directory; B accepts by rule. Asked through their administration sockets, and
looked at as the other party looks: over `GET /contracts`, where the signatures themselves can be read.
"""

import asyncio
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from certs.authority import create_group, issue
from certs.custody import KeyPair, load_key_pair, load_trust_file
from certs.identity import PeerId, SubjectRule
from certs.tls import client_context
from certs.trust import TrustStore
from clock import SystemClock
from config.load import load_settings
from gateway.http.client import new_session
from klantenregister.admin_client import AdminClient
from tests.e2e.federation import CONSUMER, GROUP, PROVIDER, SERVICE, Member, Program, eventually, free_port

MEMBERS = (CONSUMER, PROVIDER)
PATIENCE_S = 30.0
_LISTENERS = ("manager", "inway", "register", "console", "metrics")
_PAGE = 1000

Signatures = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two programs, with the certificate by which it is who it is."""

    program: Program
    folder: Path

    @property
    def member(self) -> Member:
        return self.program.member

    @property
    def pair(self) -> KeyPair:
        pki = self.folder / "pki"
        return load_key_pair(pki / f"{self.member.slug}.pem", pki / f"{self.member.slug}.key")

    @property
    def trust(self) -> TrustStore:
        return TrustStore.from_pem([load_trust_file(self.folder / "pki" / "root.pem")])

    @property
    def admin(self) -> AdminClient:
        """Its administration socket; made anew for each use, because the program may have been started again."""
        return AdminClient(load_settings(self.program.config, {}))

    def ask(self, method: str, path: str, body: object = None) -> Any:
        """An operation on its tenant. Raises: Failed when it refuses, or is not there."""
        return self.admin.call(method, f"/tenants/{self.member.slug}{path}", body)

    def request(self) -> str:
        """Offer a Contract for the provider's Service; returns its content hash once that is promised to be durable."""
        offered = self.ask("POST", "/contracts", {"service": {"peer_id": PROVIDER.peer_id, "name": SERVICE}})
        content_hash: str = offered["content_hash"]
        return content_hash

    def revoke(self, content_hash: str) -> None:
        """End a Contract."""
        self.ask("POST", f"/contracts/{quote(content_hash, safe='')}/revoke")

    def contract(self, content_hash: str) -> dict[str, Any] | None:
        """What it knows of one Contract."""
        return self.contracts().get(content_hash)

    def contracts(self) -> dict[str, dict[str, Any]]:
        """What it knows of every Contract, by content hash."""
        found: dict[str, dict[str, Any]] = {}
        cursor = ""
        while True:
            page = self.ask("GET", f"/contracts?limit={_PAGE}&cursor={quote(cursor)}")
            for one in page["contracts"]:
                assert one["content_hash"] not in found, "listed twice"
                found[one["content_hash"]] = one
            cursor = page["next_cursor"]
            if not cursor:
                return found

    def shown_to(self, other: "Side") -> dict[str, Signatures]:
        """The signatures of every Contract that it shows to `other`, by the `iv` of the Contract."""
        return asyncio.run(self._shown_to(other))

    async def _shown_to(self, other: "Side") -> dict[str, Signatures]:
        expected = PeerId(self.member.peer_id)
        tls = client_context(other.pair, self.trust, SubjectRule(), expected_peer=expected, clock=SystemClock())
        found: dict[str, Signatures] = {}
        cursor = ""
        async with new_session(connect_timeout_s=5, read_timeout_s=30) as session:
            while True:
                url = f"{self.program.manager}/v1/contracts?limit={_PAGE}&cursor={quote(cursor, safe='')}"
                async with session.get(url, ssl=tls) as answer:
                    page = await answer.json()
                assert answer.status == 200, page
                for one in page["contracts"]:
                    assert one["content"]["iv"] not in found, "listed twice"
                    found[one["content"]["iv"]] = one["signatures"]
                cursor = page["pagination"]["next_cursor"]
                if not cursor:
                    return found

    def check_database(self) -> None:
        """Check the file of a program that does not run."""
        file = self.folder / self.member.slug / "register.db"
        with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        database.close()

    def tracebacks(self) -> list[str]:
        """Every line of its log with a traceback."""
        return [line for line in self.program.log.read_text().splitlines() if "Traceback" in line]


@dataclass(frozen=True, slots=True)
class Pair:
    """Both programs."""

    consumer: Side
    provider: Side

    @classmethod
    def prepare(cls, folder: Path, *, doors: Mapping[str, int] | None = None) -> "Pair":
        """Certificates and configurations; nothing runs yet. `doors`: the port of the address of each, by slug."""
        create_group(folder / "pki", GROUP, now=SystemClock().now())
        ports = {member.slug: {name: free_port() for name in _LISTENERS} for member in MEMBERS}
        known = {member.slug: ports[member.slug]["manager"] for member in MEMBERS} | dict(doors or {})
        addresses = {member.slug: f"https://{member.manager_host}:{known[member.slug]}" for member in MEMBERS}
        sides = []
        for member in MEMBERS:
            issue(
                folder / "pki",
                peer_id=member.peer_id,
                name=member.name,
                dns_names=[member.manager_host, member.inway_host],
                now=SystemClock().now(),
                stem=folder / "pki" / member.slug,
            )
            settings = _settings(member, ports[member.slug], addresses)
            sides.append(Side(Program(member, folder, ports[member.slug], settings), folder))
        return cls(*sides)

    @property
    def both(self) -> tuple[Side, Side]:
        return (self.consumer, self.provider)

    def start(self) -> None:
        """Start both."""
        for side in self.both:
            side.program.start()

    def stop(self) -> None:
        """Stop what runs."""
        for side in self.both:
            side.program.stop()

    def agree_on(self, content_hash: str, state: str = "VALID") -> None:
        """Wait until both hold this Contract in `state`, with the same signatures, and owe each other nothing."""

        def agreed() -> bool | None:
            seen = [side.contract(content_hash) for side in self.both]
            if any(one is None or one["state"] != state or one["deliveries"] for one in seen):
                return None
            return True if self.signatures_agree() else None

        eventually(f"{content_hash} to be {state} on both sides", agreed, patience_s=PATIENCE_S)

    def signatures_agree(self) -> bool:
        """Whether both show each other the same Contracts with the same signatures."""
        return self.provider.shown_to(self.consumer) == self.consumer.shown_to(self.provider)


def _settings(member: Member, ports: Mapping[str, int], addresses: Mapping[str, str]) -> dict[str, Any]:
    tenant: dict[str, Any] = {
        "peer_id": member.peer_id,
        "name": member.name,
        "slug": member.slug,
        "certificates": [{"cert": f"pki/{member.slug}.pem", "key": f"pki/{member.slug}.key"}],
        "manager_address": addresses[member.slug],
        "inway_address": f"https://{member.inway_host}:{ports['inway']}",
    }
    if member is PROVIDER:
        tenant |= {
            "directory": True,
            "services": [{"name": SERVICE, "upstream": "http://127.0.0.1:9"}],
            "accept": [{"grants": ["service_connection"], "peers": [CONSUMER.peer_id]}],
        }
    return {
        "group": {
            "id": GROUP,
            "trust_anchors": ["pki/root.pem"],
            "allow_any_port": True,
            "directories": [{"peer_id": PROVIDER.peer_id, "manager_address": addresses[PROVIDER.slug]}],
            "revocation": {"mode": "off"},
        },
        "storage": f"sqlite:///{member.slug}/register.db",
        "keys": {"master_file": f"{member.slug}/master.key"},
        "listen": {**{name: f"127.0.0.1:{ports[name]}" for name in _LISTENERS}, "admin": f"unix:{member.slug}.sock"},
        "timeouts": {"connect_seconds": 1, "peer_request_seconds": 1, "shutdown_seconds": 1},
        "tenants": [tenant],
    }
