"""The Peers of the bench: certificates, configuration, and a Contract that two running programs negotiated over `/v1`.

PROVIDER's program (which hosts the Directory too) and CONSUMER's are real processes. CONSUMER declares a connection;
once its Outway gets an answer of the Service, the Contract is valid on both sides, and PROVIDER's Manager gives the
access token that every candidate is then loaded with. `Variant`s are copies of PROVIDER's data in other settings.
"""

import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.dataplane.calls import Caller, ask
from bench.dataplane.processes import BenchFailed, Program, free_ports, started
from bench.site import CONSUMER, GROUP, PATIENCE_S, PROVIDER, SERVICE, KeyKind, Member
from certs.authority import create_group
from certs.custody import KeyPair, key_pem, load_key_pair, write_new_file
from certs.identity import PeerId
from clock import SystemClock

DIRECTORY = Member("directory", PeerId("00000099000000000010"), "Directory")
STRANGER = Member("stranger", PeerId("00000001123456789000"), "Gemeente Vreemd")
"""A Peer of the Group without any Contract."""
INWAY_HOST = f"inway.{PROVIDER.slug}.localhost"
_LISTENERS = ("manager", "inway", "register", "console", "metrics")
_TOKEN_TTL_S = 7_200
"""Longer than a whole run: a token is asked for once."""
_OWN_KEYS = {PROVIDER}


@dataclass(slots=True)
class Federation:
    """What the bench's Group has on disk; `kind` is the key of PROVIDER's certificate, which signs its tokens."""

    folder: Path
    kind: KeyKind
    checkout: Path
    service_port: int
    home: dict[str, int] = field(default_factory=dict)
    consumer: dict[str, int] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, kind: KeyKind, *, checkout: Path, service_port: int) -> "Federation":
        """Issue the certificates; nothing runs yet. Every other Peer has a P-256 key."""
        pki = folder / "pki"
        folder.mkdir(parents=True)
        authority = create_group(pki, "bench", now=SystemClock().now())
        for member in (PROVIDER, CONSUMER, DIRECTORY, STRANGER):
            own = kind if member in _OWN_KEYS else KeyKind.EC_P256
            pair = authority.issue(
                peer_id=member.peer_id,
                name=member.name,
                dns_names=[member.manager_host, f"inway.{member.slug}.localhost"],
                private_key=own.make(),
            )
            write_new_file(pki / f"{member.slug}.pem", pair.pem_chain())
            write_new_file(pki / f"{member.slug}.key", key_pem(pair.private_key), mode=0o600)
        made = cls(folder, kind, checkout, service_port)
        made.home = dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))
        names = (*_LISTENERS, "outway")
        ports = [port for port in free_ports(2 * len(names)) if port not in made.home.values()]
        made.consumer = dict(zip(names, ports, strict=False))
        return made

    @property
    def pki(self) -> Path:
        """Where certificates, keys and revocation lists are."""
        return self.folder / "pki"

    @property
    def manager_address(self) -> str:
        """PROVIDER's Manager."""
        return f"https://{PROVIDER.manager_host}:{self.home['manager']}"

    @property
    def inway_address(self) -> str:
        """PROVIDER's Inway: the audience of every token, on whatever port a variant listens."""
        return f"https://{INWAY_HOST}:{self.home['inway']}"

    def pair(self, member: Member) -> KeyPair:
        """The certificate of a Peer, with its key."""
        return load_key_pair(self.pki / f"{member.slug}.pem", self.pki / f"{member.slug}.key")

    @contextlib.contextmanager
    def negotiated(self) -> Iterator["Negotiated"]:
        """Both programs, running, with a valid Contract between them."""
        with (
            self._serving(PROVIDER, self.home, [self._provider(), self._directory()]) as provider,
            self._serving(CONSUMER, self.consumer, [self._consumer()]) as consumer,
        ):
            deadline = time.monotonic() + PATIENCE_S
            while self._ask_outway() != 200:
                if time.monotonic() > deadline:
                    raise BenchFailed(f"no Contract became valid; the end of a log:\n{consumer.end_of_log()}")
                time.sleep(0.1)
            yield Negotiated(provider, consumer, self._grant_hash())

    @contextlib.contextmanager
    def variant(self, name: str, *, workers: int, is_logging: bool) -> Iterator["Variant"]:
        """Another program over a copy of PROVIDER's data, which must not be in use."""
        folder = self.folder / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder / PROVIDER.slug, folder, ignore=shutil.ignore_patterns("*.sock", "*.log"))
        ports = dict(zip(_LISTENERS, free_ports(len(_LISTENERS)), strict=True))
        settings = self._installation(folder, ports, [self._provider()], is_with_directory=False)
        if not is_logging:
            settings["transaction_log"] = {"mode": "off"}
        begin = time.monotonic()
        with self._running(name, folder, ports, settings, workers) as program:
            yield Variant(program, ports, time.monotonic() - begin)

    def caller(self, member: Member | None) -> Caller:
        """A client with the certificate of `member`, or without one."""
        stem = None if member is None else self.pki / member.slug
        certificate, key = (None, None) if stem is None else (stem.with_suffix(".pem"), stem.with_suffix(".key"))
        return Caller(certificate, key, self.pki / "root.pem")

    def ask_for_token(self, grant_hash: str) -> str:
        """An access token for CONSUMER, from PROVIDER's running Manager."""
        form = urlencode({"grant_type": "client_credentials", "scope": grant_hash, "client_id": CONSUMER.peer_id})
        answer = ask(
            self.caller(CONSUMER),
            PROVIDER.manager_host,
            self.home["manager"],
            "POST",
            "/v1/token",
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=form.encode(),
        )
        if answer.status != 200:
            raise BenchFailed(f"/token answered {answer.status}: {answer.body.decode(errors='replace')}")
        token: str = json.loads(answer.body)["access_token"]
        return token

    def _ask_outway(self) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.consumer["outway"], timeout=10)
        try:
            connection.request("GET", "/", headers={"Fsc-Service": f"{PROVIDER.peer_id}/{SERVICE}"})
            return connection.getresponse().status
        except OSError:
            return 0
        finally:
            connection.close()

    def _grant_hash(self) -> str:
        config = self.folder / CONSUMER.slug / "klantenregister.yaml"
        command = [sys.executable, "-m", "klantenregister", "contracts", "list", "--state", "valid", "--json"]
        said = subprocess.run(  # noqa: S603 - our own program
            [*command, "--config", str(config)], cwd=self.checkout, capture_output=True, text=True, check=True
        ).stdout
        grants = [grant for contract in json.loads(said) for grant in contract["grants"]]
        return next(str(grant["grant_hash"]) for grant in grants if "outway" in grant["data"])

    @contextlib.contextmanager
    def _serving(self, member: Member, ports: Mapping[str, int], tenants: list[dict[str, Any]]) -> Iterator[Program]:
        folder = self.folder / member.slug
        folder.mkdir()
        settings = self._installation(folder, ports, tenants, is_with_directory=True)
        with self._running(member.slug, folder, ports, settings, 1) as program:
            yield program

    @contextlib.contextmanager
    def _running(
        self, name: str, folder: Path, ports: Mapping[str, int], settings: dict[str, Any], workers: int
    ) -> Iterator[Program]:
        config = folder / "klantenregister.yaml"
        config.write_text(json.dumps(settings, indent=1), encoding="utf-8")
        command = [sys.executable, "-m", "klantenregister", "serve", "--config", str(config)]
        if workers != 1:
            command += ["--workers", str(workers)]
        log = folder / "serve.log"
        with started(name, command, log, cwd=self.checkout, is_ready=lambda: is_ready(ports["metrics"])) as program:
            yield program

    def _installation(
        self, folder: Path, ports: Mapping[str, int], tenants: list[dict[str, Any]], *, is_with_directory: bool
    ) -> dict[str, Any]:
        address = f"https://{DIRECTORY.manager_host}:{self.home['manager']}"
        directories = [{"peer_id": DIRECTORY.peer_id, "manager_address": address}] if is_with_directory else []
        return {
            "group": {
                "id": GROUP,
                "trust_anchors": [str(self.pki / "root.pem")],
                "allow_any_port": True,
                "directories": directories,
                "revocation": {"mode": "soft", "crl": [str(self.pki / "root.crl"), str(self.pki / "ca.crl")]},
                "token_ttl_seconds": _TOKEN_TTL_S,
            },
            "storage": f"sqlite:///{folder / 'register.db'}",
            "keys": {"master_file": str(folder / "master.key")},
            "listen": {
                **{name: f"127.0.0.1:{ports[name]}" for name in _LISTENERS},
                "admin": f"unix:{folder / 'admin.sock'}",
            },
            "timeouts": {"shutdown_seconds": 1},
            "tenants": tenants,
        }

    def _tenant(self, member: Member, ports: Mapping[str, int]) -> dict[str, Any]:
        return {
            "peer_id": member.peer_id,
            "name": member.name,
            "slug": member.slug,
            "certificates": [
                {"cert": str(self.pki / f"{member.slug}.pem"), "key": str(self.pki / f"{member.slug}.key")}
            ],
            "manager_address": f"https://{member.manager_host}:{ports['manager']}",
            "inway_address": f"https://inway.{member.slug}.localhost:{ports['inway']}",
        }

    def _directory(self) -> dict[str, Any]:
        return self._tenant(DIRECTORY, self.home) | {"directory": True}

    def _provider(self) -> dict[str, Any]:
        return self._tenant(PROVIDER, self.home) | {
            "services": [{"name": SERVICE, "upstream": f"http://127.0.0.1:{self.service_port}"}],
            "accept": [{"grants": ["service_connection"], "peers": [CONSUMER.peer_id]}],
        }

    def _consumer(self) -> dict[str, Any]:
        return self._tenant(CONSUMER, self.consumer) | {
            "outway": {"listen": f"127.0.0.1:{self.consumer['outway']}"},
            "connections": [{"name": SERVICE, "service": {"peer_id": PROVIDER.peer_id, "name": SERVICE}}],
        }


@dataclass(frozen=True, slots=True)
class Negotiated:
    """PROVIDER and CONSUMER with a Contract between them."""

    provider: Program
    consumer: Program
    grant_hash: str


@dataclass(frozen=True, slots=True)
class Variant:
    """A program with PROVIDER's data, and how long it took to be ready."""

    program: Program
    ports: Mapping[str, int]
    start_s: float


def is_ready(port: int) -> bool:
    """Whether the program whose metrics are on `port` says that it is ready."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()
