"""A federation of real processes made to measure: Peers, each a `klantenregister serve`, one of them the Directory.

They agree by configuration alone. `command` runs the command line in the process of the test, because a test asks it
very often; `EchoServer` is a Service to put behind an Inway, and `Traffic` an application that calls all the time.
"""

import base64
import contextlib
import http.client
import io
import json
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from certs.authority import create_group, issue
from clock import SystemClock
from klantenregister import cli
from tests.e2e.federation import GROUP, PATIENCE_S, Member, Program, bare_tenant, eventually, free_port, installation

_PORTS = ("inway", "register", "console", "metrics", "outway")


@dataclass(frozen=True, slots=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    errors: str

    def json(self) -> Any:
        return json.loads(self.out)


def command(program: Program, *arguments: str) -> Said:
    """The command line against a program, with `--config`."""
    return command_alone(*arguments, "--config", str(program.config))


def command_alone(*arguments: str) -> Said:
    """The command line without a terminal."""
    out, errors = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
        code = cli.main(arguments)
    return Said(code, out.getvalue(), errors.getvalue())


def ask(program: Program, *arguments: str) -> Any:
    """What a command prints with `--json`; it must succeed."""
    said = command(program, *arguments, "--json")
    assert said.code == 0, said.errors
    return said.json()


def tenant(program: Program) -> dict[str, Any]:
    """The configuration of its only tenant, to change."""
    [only] = program.settings["tenants"]
    found: dict[str, Any] = only
    return found


def reload(program: Program) -> None:
    """Let it go by `settings` as they are now; returns once it has said what became of them."""
    before = _verdicts(program)
    program.write()
    hang_up(program)
    eventually("the configuration to be read", lambda: True if _verdicts(program) > before else None)


def _verdicts(program: Program) -> int:
    """How often it told that a configuration was applied or refused."""
    told = program.log.read_text(encoding="utf-8")
    return told.count('"configuration_applied"') + told.count('"configuration_refused"')


def hang_up(program: Program) -> None:
    """Send SIGHUP."""
    assert program.process is not None
    program.process.send_signal(signal.SIGHUP)


def contracts(program: Program, *, of: Member | None = None) -> list[dict[str, Any]]:
    """Its Contracts, newest first; `of` says of which tenant when it hosts several."""
    which = () if of is None else ("--tenant", of.slug)
    found: list[dict[str, Any]] = ask(program, "contracts", "list", *which)
    return found


def stored_signature(program: Program, content_hash: str, kind: str, peer_id: str) -> str | None:
    """The signature that it keeps, read from its SQLite file."""
    with contextlib.closing(_database(program)) as database:
        rows = database.execute('SELECT body FROM "documents:contracts" WHERE id = ?', (content_hash,)).fetchall()
    signatures = json.loads(rows[0][0])["signatures"] if rows else {}
    found: str | None = signatures.get(kind, {}).get(peer_id)
    return found


def lose_debts(program: Program) -> int:
    """While it is stopped: forget in its SQLite file whatever it still had to deliver; of how many Contracts."""
    with contextlib.closing(_database(program)) as database:
        owing = database.execute('SELECT row, body FROM "documents:contracts" WHERE "field:owed_at" >= 0').fetchall()
        for row, body in owing:
            changed = json.dumps({**json.loads(body), "deliveries": [], "owed_at": None})
            database.execute(
                'UPDATE "documents:contracts" SET body = ?, "field:owed_at" = NULL WHERE row = ?', (changed, row)
            )
        database.commit()
    return len(owing)


def _database(program: Program) -> sqlite3.Connection:
    return sqlite3.connect(program.directory / program.member.slug / "register.db")


def contract(program: Program, content_hash: str) -> dict[str, Any] | None:
    """One Contract, when it is there."""
    return next((one for one in contracts(program) if one["content_hash"] == content_hash), None)


def connections_to(program: Program, service: str, *, states: tuple[str, ...] = ("PROPOSED", "VALID")) -> set[str]:
    """The content hashes of the connection Contracts about a Service, in these states."""
    return {
        one["content_hash"]
        for one in contracts(program)
        if one["state"] in states
        and any("outway" in grant["data"] and grant["data"]["service"]["name"] == service for grant in one["grants"])
    }


def have_one(service: str, *programs: Program) -> str:
    """The content hash of the one Contract for this Service, once all hold it as valid and no other lives."""

    def one() -> str | None:
        held = [
            (connections_to(program, service), connections_to(program, service, states=("VALID",)))
            for program in programs
        ]
        first = held[0][0]
        return next(iter(first)) if len(first) == 1 and all(every == first for pair in held for every in pair) else None

    return eventually(f"exactly one valid contract for {service} everywhere", one)


def reach(program: Program, content_hash: str, state: str, *, patience_s: float = PATIENCE_S) -> dict[str, Any]:
    """The Contract once this program has it in this state."""

    def look() -> dict[str, Any] | None:
        found = contract(program, content_hash)
        return found if found is not None and found["state"] == state else None

    return eventually(f"{program.member.slug} to see the contract as {state}", look, patience_s=patience_s)


@dataclass(slots=True)
class Neighbours:
    """Programs of one Group in one folder; the first is the Directory."""

    folder: Path
    programs: dict[str, Program] = field(default_factory=dict)

    @classmethod
    def prepare(cls, folder: Path, *members: Member) -> "Neighbours":
        """Certificates and configurations; nothing runs yet."""
        create_group(folder / "pki", GROUP, now=SystemClock().now())
        neighbours = cls(folder)
        directory, port = members[0], free_port()
        for member in members:
            neighbours.certify(member, member.slug)
            ports = {"manager": port if member is directory else free_port()} | {name: free_port() for name in _PORTS}
            settings = installation(member, ports, [bare_tenant(member, ports)], port)
            settings["group"]["directories"][0]["peer_id"] = directory.peer_id
            settings["group"]["directories"][0]["manager_address"] = f"https://{directory.manager_host}:{port}"
            neighbours.programs[member.slug] = Program(member, folder, ports, settings)
        tenant(neighbours.of(directory)).update(
            directory=True,
            accept=[{"grants": ["service_publication", "delegated_service_publication"], "peers": ["*"]}],
        )
        return neighbours

    def of(self, member: Member) -> Program:
        return self.programs[member.slug]

    def host(self, program: Program, member: Member, **more: Any) -> None:
        """Make a program host another tenant too."""
        self.certify(member, member.slug)
        program.settings["tenants"].append(bare_tenant(member, program.ports) | more)

    def certify(self, member: Member, stem: str) -> None:
        """Write a certificate of `member` for a new key to pki/`stem`."""
        pki = self.folder / "pki"
        names = [member.manager_host, member.inway_host]
        now = SystemClock().now()
        issue(pki, peer_id=member.peer_id, name=member.name, dns_names=names, now=now, stem=pki / stem)

    def start(self) -> None:
        for program in self.programs.values():
            program.start()

    def stop(self) -> None:
        for program in self.programs.values():
            program.stop()

    def tracebacks(self) -> list[str]:
        """Every traceback that a program logged."""
        logs = [program.log for program in self.programs.values() if program.log.exists()]
        return [f"{log.name}: {line}" for log in logs for line in log.read_text().splitlines() if "Traceback" in line]


@contextlib.contextmanager
def running(neighbours: Neighbours) -> Iterator[Neighbours]:
    """Start them, and stop them in the end; no log may hold a traceback."""
    try:
        neighbours.start()
        yield neighbours
    finally:
        neighbours.stop()
    assert neighbours.tracebacks() == []


class PlainServer:
    """Something that a test plays over plain HTTP on loopback, answering in threads until it is closed."""

    def __init__(self, handler: type[BaseHTTPRequestHandler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class EchoServer(PlainServer):
    """A Service that answers with its own name and the claims of the token it was called with."""

    def __init__(self, name: str) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                payload = self.headers["Fsc-Authorization"].split(".")[1]
                claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
                body = json.dumps({"service": name, "claims": claims}).encode()
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                del format, args

        super().__init__(Handler)


@dataclass(frozen=True, slots=True)
class Reply:
    """What an application got from the Outway."""

    status: int
    headers: dict[str, str]
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


def through(consumer: Program, host: str, **headers: str) -> Reply:
    """A request of an application by the name of a connection, or by selector headers."""
    connection = http.client.HTTPConnection("127.0.0.1", consumer.ports["outway"], timeout=10)
    try:
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        connection.request("GET", "/x", headers={"Host": f"{host}.localhost", **sent})
        answer = connection.getresponse()
        return Reply(answer.status, dict(answer.getheaders()), answer.read().decode())
    finally:
        connection.close()


class Traffic:
    """An application that calls by the name of a connection, again and again, and keeps every answer that is no 200."""

    def __init__(self, consumer: Program, host: str) -> None:
        self._consumer, self._host = consumer, host
        self._enough = threading.Event()
        self._thread = threading.Thread(target=self._call)
        self.count = 0
        self.failures: list[str] = []
        self.grants: list[str] = []
        """The Grant hashes that were used, each as often as the use changed."""

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        self._thread.join()

    def wait_for_more(self, more: int = 20) -> None:
        """Until so many requests have been answered from now."""
        until = self.count + more
        eventually("requests to be answered", lambda: True if self.count >= until else None)

    def _call(self) -> None:
        while not self._enough.is_set():
            try:
                reply = through(self._consumer, self._host)
            except OSError as error:
                self.failures.append(repr(error))
            else:
                self._note(reply)
            self.count += 1
            time.sleep(0.01)

    def _note(self, reply: Reply) -> None:
        if reply.status != 200:
            self.failures.append(f"{reply.status} {reply.text}")
            return
        used = reply.json()["claims"]["gth"]
        if self.grants[-1:] != [used]:
            self.grants.append(used)
