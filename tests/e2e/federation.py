"""A federation of real processes: a Directory, a provider and a consumer, each `klantenregister serve`, on loopback.

Certificates come from the development CA, ports are free ones, and everything a test asks of a running program goes
through its outside: Manager, Inway, Outway, the internal listener, or the command line.
"""

import http.client
import itertools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from certs.authority import create_group, issue
from clock import SystemClock

REPOSITORY = Path(__file__).parents[2]
GROUP = "e2e.klantenregister.test"
SERVICE = "klantinteracties"
TOKEN = "e2e-application-key-0123456789-abcdefghij"
PATIENCE_S = 20.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Member:
    """A Peer of the federation."""

    slug: str
    peer_id: str
    name: str

    @property
    def manager_host(self) -> str:
        return f"manager.{self.slug}.localhost"

    @property
    def inway_host(self) -> str:
        return f"inway.{self.slug}.localhost"


DIRECTORY = Member("directory", "00000099000000000010", "Directory van de test")
PROVIDER = Member("voorbeeld", "00000001823288444000", "Gemeente Voorbeeld")
CONSUMER = Member("elders", "00000001950428139000", "Gemeente Elders")


# Each worker of one run has a range of its own; two runs at once begin elsewhere in it.
_worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_candidates = itertools.islice(
    itertools.cycle(range(20_000 + _worker % 6 * 2_000, 22_000 + _worker % 6 * 2_000)), os.getppid() * 97 % 2_000, None
)


def free_port() -> int:
    """A port of loopback that nobody listens on, from below those that the system gives to outgoing connections."""
    for port in _candidates:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    raise AssertionError("every port is taken")


def eventually(what: str, look: Callable[[], T | None], *, patience_s: float = PATIENCE_S) -> T:
    """What `look` returns once it is not None; fails the test when that takes too long."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        found = look()
        if found is not None:
            return found
        time.sleep(0.05)
    raise AssertionError(f"waited {patience_s:g} s for {what}")


@dataclass(slots=True)
class Program:
    """One `klantenregister serve`, with the configuration it runs by."""

    member: Member
    directory: Path
    ports: Mapping[str, int]
    settings: dict[str, Any]
    process: "subprocess.Popen[bytes] | None" = None
    options: tuple[str, ...] = ()
    """More options of `serve`."""

    @property
    def config(self) -> Path:
        return self.directory / f"{self.member.slug}.yaml"

    @property
    def log(self) -> Path:
        return self.directory / f"{self.member.slug}.log"

    @property
    def manager(self) -> str:
        return f"https://{self.member.manager_host}:{self.ports['manager']}"

    @property
    def inway(self) -> str:
        return f"https://{self.member.inway_host}:{self.ports['inway']}"

    def write(self) -> None:
        """Write the configuration as it is in `settings` now, at once: it may be read at any moment."""
        written = self.config.with_suffix(".new")
        # JSON is YAML, and keeps text text.
        written.write_text(json.dumps(self.settings, indent=1), encoding="utf-8")
        written.replace(self.config)

    def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        self.write()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "klantenregister", "serve", "--config", str(self.config), *self.options],
                cwd=REPOSITORY,
                stdout=log,
                stderr=log,
            )
        eventually(f"{self.member.slug} to be ready", self._is_ready)

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(number)
        return process.wait(timeout=30)

    def kill(self) -> None:
        """As a crash or the OOM killer would."""
        self.stop(signal.SIGKILL)

    def restart(self) -> None:
        """Start it again where it was killed."""
        self.stop()
        self.start()

    def run(self, *arguments: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """The command line against this program."""
        return run_command(*arguments, "--config", str(self.config), text=text)

    def ask(self, *arguments: str) -> Any:
        """What a command prints with `--json`."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def contracts(self, **filters: str) -> list[dict[str, Any]]:
        """Its Contracts, newest first."""
        options = [part for name, value in filters.items() for part in (f"--{name}", value)]
        found: list[dict[str, Any]] = self.ask("contracts", "list", *options)
        return found

    def _is_ready(self) -> bool | None:
        assert self.process is not None
        if self.process.poll() is not None:
            raise AssertionError(f"{self.member.slug} ended with {self.process.returncode}: {self.log.read_text()}")
        status, _ = http_get(self.ports["metrics"], "/health/ready")
        return True if status == 200 else None


def http_get(port: int, path: str) -> tuple[int, str]:
    """A plain GET on loopback; status 0 when nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def run_command(
    *arguments: str, text: str | None = None, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """`klantenregister` with these arguments, as a process of its own without a terminal."""
    return subprocess.run(
        [sys.executable, "-m", "klantenregister", *arguments],
        cwd=REPOSITORY,
        input=text if text is not None else "",
        env={**os.environ, **(environ or {})},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@dataclass(slots=True)
class Federation:
    """Three programs that know each other by certificate and Directory only."""

    directory: Path
    programs: dict[str, Program] = field(default_factory=dict)

    @classmethod
    def prepare(cls, directory: Path) -> "Federation":
        """Certificates and configurations; nothing runs yet."""
        federation = cls(directory)
        now = SystemClock().now()
        pki = directory / "pki"
        create_group(pki, GROUP, now=now)
        directory_port = free_port()
        for member in (DIRECTORY, PROVIDER, CONSUMER):
            issue(
                pki,
                peer_id=member.peer_id,
                name=member.name,
                dns_names=[member.manager_host, member.inway_host],
                now=now,
                stem=pki / member.slug,
            )
            names = ("inway", "register", "console", "metrics", "outway")
            ports = {"manager": directory_port if member is DIRECTORY else free_port()}
            ports |= {name: free_port() for name in names}
            settings = _settings(member, ports, directory_port)
            federation.programs[member.slug] = Program(member, directory, ports, settings)
        return federation

    @property
    def provider(self) -> Program:
        return self.programs[PROVIDER.slug]

    @property
    def consumer(self) -> Program:
        return self.programs[CONSUMER.slug]

    def start(self) -> None:
        """Start all three."""
        for program in self.programs.values():
            program.start()

    def stop(self) -> None:
        """Stop what runs; no log may hold a traceback."""
        for program in self.programs.values():
            program.stop()

    def tracebacks(self) -> list[str]:
        """Every traceback that a program logged."""
        return [
            f"{program.member.slug}: {line}"
            for program in self.programs.values()
            if program.log.exists()
            for line in program.log.read_text().splitlines()
            if "Traceback" in line
        ]

    def connection(self) -> str:
        """The Grant hash of the consumer's connection, once its Contract is valid on both sides."""

        def valid_at_both() -> str | None:
            valid = [_connection_grants(one.contracts(state="valid")) for one in (self.consumer, self.provider)]
            shared = valid[0] & valid[1]
            return next(iter(shared)) if shared else None

        return eventually("the connection to be valid on both sides", valid_at_both)


def _connection_grants(contracts: list[dict[str, Any]]) -> set[str]:
    return {grant["grant_hash"] for one in contracts for grant in one["grants"] if "outway" in grant["data"]}


def bare_tenant(member: Member, ports: Mapping[str, int]) -> dict[str, Any]:
    """The least configuration of a tenant."""
    return {
        "peer_id": member.peer_id,
        "name": member.name,
        "slug": member.slug,
        "certificates": [{"cert": f"pki/{member.slug}.pem", "key": f"pki/{member.slug}.key"}],
        "manager_address": f"https://{member.manager_host}:{ports['manager']}",
        "inway_address": f"https://{member.inway_host}:{ports['inway']}",
    }


def _settings(member: Member, ports: Mapping[str, int], directory_port: int) -> dict[str, Any]:
    tenant = bare_tenant(member, ports)
    if member is DIRECTORY:
        tenant |= {"directory": True, "accept": [{"grants": ["service_publication"], "peers": ["*"]}]}
    if member is PROVIDER:
        tenant |= {
            "rsin": ["823288444"],
            "services": [
                {
                    "name": SERVICE,
                    "upstream": f"register:{SERVICE}",
                    "publish": True,
                    "peers": [{"peer_ids": [CONSUMER.peer_id], "scopes": [f"{SERVICE}.lezen", "bsn.zoeken"]}],
                }
            ],
            "accept": [{"grants": ["service_connection"], "peers": [CONSUMER.peer_id]}],
            "applications": [
                {
                    "id": "e2e",
                    "token": TOKEN,
                    "scopes": [f"{SERVICE}.{right}" for right in ("lezen", "aanmaken", "bijwerken", "verwijderen")]
                    + ["bsn.zoeken"],
                }
            ],
        }
    if member is CONSUMER:
        tenant |= {
            "outway": {"listen": f"127.0.0.1:{ports['outway']}"},
            "connections": [{"name": SERVICE, "service": {"peer_id": PROVIDER.peer_id, "name": SERVICE}}],
        }
    return installation(member, ports, [tenant], directory_port)


def installation(
    member: Member, ports: Mapping[str, int], tenants: list[dict[str, Any]], directory_port: int
) -> dict[str, Any]:
    """The configuration of a program that is named after `member`."""
    return {
        "group": {
            "id": GROUP,
            "trust_anchors": ["pki/root.pem"],
            "allow_any_port": True,
            "directories": [
                {
                    "peer_id": DIRECTORY.peer_id,
                    "manager_address": f"https://{DIRECTORY.manager_host}:{directory_port}",
                }
            ],
            "revocation": {"mode": "soft", "crl": ["pki/root.crl", "pki/ca.crl"]},
        },
        "storage": f"sqlite:///{member.slug}/register.db",
        "keys": {"master_file": f"{member.slug}/master.key"},
        "listen": {
            "manager": f"127.0.0.1:{ports['manager']}",
            "inway": f"127.0.0.1:{ports['inway']}",
            "register": f"127.0.0.1:{ports['register']}",
            "console": f"127.0.0.1:{ports['console']}",
            "metrics": f"127.0.0.1:{ports['metrics']}",
            "admin": f"unix:{member.slug}.sock",
        },
        "tenants": tenants,
    }
