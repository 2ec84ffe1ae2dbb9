"""An installation to measure: certificates, configuration and data in a directory, and `serve` on a core of its own."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from certs.authority import create_group
from certs.custody import KeyPair, PrivateKey, key_pem, load_key_pair, load_trust_file, write_new_file
from certs.handshake import PeerContext
from certs.identity import PeerId, SubjectRule
from certs.tls import client_context, server_context
from certs.trust import TrustStore
from clock import SystemClock

REPOSITORY = Path(__file__).parents[1]
GROUP = "bench.klantenregister.test"
SERVICE = "bench"
PATIENCE_S = 60.0
_TICKS = os.sysconf("SC_CLK_TCK")


class KeyKind(StrEnum):
    """What the certificates of both Peers hold."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    EC_P256 = "ec-p256"

    @property
    def is_curve(self) -> bool:
        """Whether it signs with ES256."""
        return self is KeyKind.EC_P256

    def make(self) -> PrivateKey:
        """A new key."""
        match self:
            case KeyKind.RSA_2048:
                return rsa.generate_private_key(public_exponent=65537, key_size=2048)
            case KeyKind.RSA_3072:
                return rsa.generate_private_key(public_exponent=65537, key_size=3072)
            case KeyKind.EC_P256:
                return ec.generate_private_key(ec.SECP256R1())


@dataclass(frozen=True, slots=True)
class Member:
    """A Peer of the bench's Group."""

    slug: str
    peer_id: PeerId
    name: str

    @property
    def manager_host(self) -> str:
        """The name of its Manager, on loopback."""
        return f"manager.{self.slug}.localhost"


PROVIDER = Member("provider", PeerId("00000001823288444000"), "Gemeente Voorbeeld")
CONSUMER = Member("consumer", PeerId("00000001950428139000"), "Gemeente Elders")
"""Played by the load generator."""


@dataclass(slots=True)
class Site:
    """One installation that hosts PROVIDER, and what CONSUMER needs to talk to it."""

    folder: Path
    kind: KeyKind
    ports: dict[str, int] = field(default_factory=dict)

    @classmethod
    def make(cls, folder: Path, kind: KeyKind) -> "Site":
        """Issue certificates and write the configuration; nothing runs yet."""
        folder.mkdir(parents=True)
        names = ("manager", "inway", "register", "console", "metrics", "consumer")
        site = cls(folder, kind, dict(zip(names, _free_ports(len(names)), strict=True)))
        now = SystemClock().now()
        authority = create_group(folder / "pki", "bench", now=now)
        for member in (PROVIDER, CONSUMER):
            pair = authority.issue(
                peer_id=member.peer_id,
                name=member.name,
                dns_names=[member.manager_host, f"inway.{member.slug}.localhost"],
                private_key=kind.make(),
            )
            write_new_file(folder / f"{member.slug}.pem", pair.pem_chain())
            write_new_file(folder / f"{member.slug}.key", key_pem(pair.private_key), mode=0o600)
        site.config.write_text(json.dumps(site._settings(), indent=1), encoding="utf-8")
        return site

    @property
    def config(self) -> Path:
        """The configuration of the program."""
        return self.folder / "klantenregister.yaml"

    @property
    def database(self) -> Path:
        """The SQLite file of the program."""
        return self.folder / "register.db"

    @property
    def consumer_address(self) -> str:
        """Where CONSUMER's Manager is played."""
        return f"https://{CONSUMER.manager_host}:{self.ports['consumer']}"

    def pair(self, member: Member) -> KeyPair:
        """The certificate of a Peer, with its key."""
        return load_key_pair(self.folder / f"{member.slug}.pem", self.folder / f"{member.slug}.key")

    def contexts(self) -> tuple[PeerContext, PeerContext]:
        """How CONSUMER calls PROVIDER, and how CONSUMER's own Manager answers."""
        trust = TrustStore.from_pem([load_trust_file(self.folder / "pki" / "root.pem")])
        pair, rule, clock = self.pair(CONSUMER), SubjectRule(), SystemClock()
        caller = client_context(pair, trust, rule, expected_peer=PROVIDER.peer_id, clock=clock)
        return caller, server_context(pair, trust, rule, clock=clock)

    def _settings(self) -> dict[str, Any]:
        listen = {name: f"127.0.0.1:{port}" for name, port in self.ports.items() if name != "consumer"}
        return {
            "group": {
                "id": GROUP,
                "trust_anchors": ["pki/root.pem"],
                "allow_any_port": True,
                "revocation": {"mode": "soft", "crl": ["pki/root.crl", "pki/ca.crl"]},
            },
            "storage": f"sqlite:///{self.database.name}",
            "keys": {"master_file": "master.key"},
            "listen": {**listen, "admin": "unix:admin.sock"},
            "timeouts": {"shutdown_seconds": 1},
            "tenants": [
                {
                    "peer_id": PROVIDER.peer_id,
                    "name": PROVIDER.name,
                    "slug": PROVIDER.slug,
                    "certificates": [{"cert": f"{PROVIDER.slug}.pem", "key": f"{PROVIDER.slug}.key"}],
                    "manager_address": f"https://{PROVIDER.manager_host}:{self.ports['manager']}",
                    "inway_address": f"https://inway.{PROVIDER.slug}.localhost:{self.ports['inway']}",
                    "services": [{"name": SERVICE, "upstream": "http://127.0.0.1:9", "publish": False}],
                    "accept": [{"grants": ["service_connection"], "peers": ["*"]}],
                }
            ],
        }


@dataclass(frozen=True, slots=True)
class Program:
    """A running `serve`."""

    process: "subprocess.Popen[bytes]"
    start_s: float

    def cpu_s(self) -> float:
        """CPU seconds that it has used, all threads, user and system."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def memory_mb(self) -> float:
        """Resident memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
        return 0.0


@contextlib.contextmanager
def serving(site: Site, *, core: int, profile: Path | None = None) -> Iterator[Program]:
    """Run `serve` with the Manager role on one core; `profile` is where cProfile leaves its figures."""
    profiling = [] if profile is None else ["-m", "cProfile", "-o", str(profile)]
    command = [sys.executable, *profiling, "-m", "klantenregister", "serve", "--config", str(site.config)]
    begin = time.monotonic()
    with (site.folder / "serve.log").open("ab") as log:
        process = subprocess.Popen(  # noqa: S603 - our own program
            ["taskset", "-c", str(core), *command, "--roles", "manager"],  # noqa: S607 - of util-linux
            cwd=REPOSITORY,
            stdout=log,
            stderr=log,
        )
    try:
        while not _is_ready(site.ports["metrics"]):
            if process.poll() is not None or time.monotonic() - begin > PATIENCE_S:
                raise RuntimeError(f"the program did not start: see {site.folder / 'serve.log'}")
            time.sleep(0.02)
        yield Program(process, time.monotonic() - begin)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/health/ready")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
