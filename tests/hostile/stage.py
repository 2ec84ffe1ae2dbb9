"""One running program, and the Peers that a test plays against it: what they send is whatever the test says.

The program is a process of its own (`klantenregister serve`) that hosts PROVIDER; the played Peers live on a loop in a
thread, so that tests are plain functions and a property can be tried against the same program again and again.
"""

import contextlib
import io
import itertools
import json
import os
from collections.abc import Coroutine, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from yarl import URL

from certs.custody import KeyPair, key_pem
from certs.identity import PeerId
from clock import SystemClock
from gateway.fsc.grants import Grant
from gateway.fsc.jcs import JsonObject
from gateway.fsc.signature import SignatureType
from tests.background import Background, background
from tests.e2e.federation import PROVIDER as HOST
from tests.e2e.federation import Program, free_port
from tests.gateway.echo import EchoService
from tests.gateway.harness import (
    FOREIGN,
    GROUP,
    PROVIDER,
    SERVICE,
    Answer,
    Federation,
    ForeignPeer,
    authority,
    connection,
    content_hash_of,
    federation,
    grant_hash_of,
    key_pair,
    make_content,
    signed,
)
from tests.gateway.wire import listening

T = TypeVar("T")

KEY_SET = "/v1/.well-known/jwks.json"
PEER_TIMEOUT_S = 2
BODY_TIMEOUT_S = 4
MAX_BODY_BYTES = 10_485_760
_numbers = itertools.count(1)


def now() -> int:
    """The present, in Unix seconds."""
    return SystemClock().now()


@dataclass(repr=False)
class Stage:
    """The program under attack, and the loop on which Peers are played."""

    program: Program
    loop: Background
    group: Federation
    service: EchoService
    pair: KeyPair
    revoked: KeyPair
    """A certificate of FOREIGN that is on the CRL of its issuer."""

    def __repr__(self) -> str:
        return f"<stage of {self.program.directory}>"  # the fields say nothing to whom an example failed

    # -- playing a Peer

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` on the loop of the played Peers."""
        return self.loop.run(work)

    def peer(self, peer_id: PeerId | None = None, pair: KeyPair | None = None) -> ForeignPeer:
        """A Peer that listens; without a Peer ID, one that nobody has met before."""
        unknown = PeerId(f"000000037{next(_numbers):011}")
        return self.run(self.group.foreign(peer_id or unknown, pair))

    def url(self, path: str) -> str:
        """Where the program's Manager is."""
        return f"{self.program.manager}/v1{path}"

    def call(
        self,
        peer: ForeignPeer,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        data: bytes | None = None,
    ) -> Answer:
        """One request to the Manager in the name of `peer`."""
        return self.run(self._called(peer, method, path, headers, data))

    async def asked(self, peer: ForeignPeer, content: object, signature: object) -> Answer:
        """What `submit` does, for a test that is on the loop of the played Peers itself."""
        return await self._called(peer, "POST", "/contracts", headers_of(peer), submission(content, signature))

    async def _called(
        self, peer: ForeignPeer, method: str, path: str, headers: Mapping[str, str] | None, data: bytes | None
    ) -> Answer:
        body = None if data is None else io.BytesIO(data)  # aiohttp warns of large bytes
        url = URL(self.url(path), encoded=True)  # which would be spelled in another way otherwise
        async with peer.session.request(method, url, headers=headers, data=body, ssl=peer.context) as answer:
            return Answer(answer.status, answer.headers, await answer.text())

    def post(self, peer: ForeignPeer, body: bytes, path: str = "/contracts", **headers: str) -> Answer:
        """POST these bytes as a Contract; `headers` are written with underscores."""
        sent = headers_of(peer) | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.call(peer, "POST", path, headers=sent, data=body)

    def submit(self, peer: ForeignPeer, content: object, signature: object, **headers: str) -> Answer:
        """POST this Contract with this signature."""
        return self.post(peer, submission(content, signature), **headers)

    def put(self, peer: ForeignPeer, content: JsonObject, kind: SignatureType, signature: object) -> Answer:
        """PUT this signature of `kind`."""
        path = f"/contracts/{quote(content_hash_of(content), safe='')}/{kind}"
        return self.call(peer, "PUT", path, headers=headers_of(peer), data=submission(content, signature))

    def token(self, peer: ForeignPeer, grant_hash: str) -> Answer:
        """What the program answers when `peer` asks for a token for this Grant."""
        form = {"grant_type": "client_credentials", "scope": grant_hash, "client_id": peer.peer_id}
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.call(peer, "POST", "/token", headers=headers, data=urlencode(form).encode())

    def agreed(self, peer: ForeignPeer) -> str:
        """The hash of a connection Grant that `peer` and the program agree on (an accept rule does the rest)."""
        content = content_for(peer)
        answer = self.submit(peer, content, sign(peer, content))
        assert answer.status == 201, answer.text
        return grant_hash_of(content)

    # -- what the program holds

    def held(self, peer: ForeignPeer, grant_hash: str = "") -> list[JsonObject]:
        """The Contracts that the program shows to `peer`."""
        query = f"grant_hash={quote(grant_hash, safe='')}" if grant_hash else "limit=1000"
        answer = self.call(peer, "GET", f"/contracts?{query}")
        assert answer.status == 200, answer.text
        contracts: list[JsonObject] = answer.json["contracts"]
        return contracts

    def knows(self, peer: ForeignPeer) -> bool:
        """Whether the program remembers `peer`."""
        answer = self.call(peer, "GET", f"/peers?peer_id={peer.peer_id}")
        assert answer.status == 200, answer.text
        return bool(answer.json["peers"])

    def check_unmoved(self, peer: ForeignPeer) -> None:
        """Check that nothing that `peer` sent left a trace, and that the program still serves."""
        assert self.held(peer) == []
        assert not self.knows(peer)

    @contextlib.contextmanager
    def bounded_memory(self, growth_bytes: int) -> Iterator[None]:
        """Fails when the program takes so much more resident memory, at any moment within the block."""
        assert self.program.process is not None
        process = Path(f"/proc/{self.program.process.pid}")
        (process / "clear_refs").write_text("5")  # the peak begins anew
        before = _resident_bytes(process, "VmRSS")
        yield
        grown = _resident_bytes(process, "VmHWM") - before
        assert grown < growth_bytes, f"{grown:_} bytes more"


def _resident_bytes(process: Path, name: str) -> int:
    [line] = [line for line in (process / "status").read_text().splitlines() if line.startswith(f"{name}:")]
    return int(line.split()[1]) * 1024


def headers_of(peer: ForeignPeer) -> dict[str, str]:
    """What goes with every Contract and signature."""
    return {"Content-Type": "application/json", "Fsc-Manager-Address": peer.address}


def submission(content: object, signature: object) -> bytes:
    """The body of a POST or PUT."""
    return json.dumps({"contract_content": content, "signature": signature}).encode()


def content_for(peer: ForeignPeer, *grants: Grant, **changes: object) -> JsonObject:
    """A Contract by which `peer` may use the Service of the program, with `changes`."""
    return make_content(*(grants or (connection(peer.pair, peer.peer_id, PROVIDER),)), now=now(), **changes)  # type: ignore[arg-type]


def sign(peer: ForeignPeer, content: JsonObject, kind: SignatureType = SignatureType.ACCEPT) -> str:
    """The signature of `peer`, as it should be."""
    return signed(peer.pair, content, kind, at=now())


@contextlib.contextmanager
def stage(folder: Path, **group: object) -> Iterator[Stage]:
    """The program, started in `folder`; `group` are settings of the Group. Its log must not hold a traceback."""
    with background() as loop:
        service = EchoService()
        service_port = loop.enter(listening(service.serve))
        played = loop.enter(federation())
        pair = authority().issue(peer_id=HOST.peer_id, name=HOST.name, dns_names=[HOST.manager_host, HOST.inway_host])
        revoked = key_pair(FOREIGN)
        authority().revoke(revoked.certificate)
        _write_certificates(folder, pair)
        program = _program(folder, service_port, group)
        program.start()
        try:
            yield Stage(program, loop, played, service, pair, revoked)
        finally:
            program.stop()
    assert "Traceback" not in program.log.read_text()


def _write_certificates(folder: Path, pair: KeyPair) -> None:
    (folder / "root.pem").write_bytes(authority().anchors_pem())
    (folder / "root.crl").write_bytes(authority().root_crl_pem())
    (folder / "ca.crl").write_bytes(authority().crl_pem())
    (folder / "host.pem").write_bytes(pair.pem_chain())
    with os.fdopen(os.open(folder / "host.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(key_pem(pair.private_key))


def _program(folder: Path, service_port: int, group: Mapping[str, object]) -> Program:
    names = ("manager", "inway", "register", "console", "metrics")
    ports = {name: free_port() for name in names}
    settings = {
        "group": {
            "id": GROUP,
            "trust_anchors": ["root.pem"],
            "allow_any_port": True,
            "revocation": {"mode": "soft", "crl": ["root.crl", "ca.crl"]},
            **group,
        },
        "storage": "sqlite:///register.db",
        "keys": {"master_file": "master.key"},
        "listen": {**{name: f"127.0.0.1:{port}" for name, port in ports.items()}, "admin": "unix:admin.sock"},
        "timeouts": {
            "connect_seconds": 1,
            "peer_request_seconds": PEER_TIMEOUT_S,
            "body_seconds": BODY_TIMEOUT_S,
            "shutdown_seconds": 1,
        },
        "tenants": [
            {
                "peer_id": HOST.peer_id,
                "name": HOST.name,
                "slug": HOST.slug,
                "certificates": [{"cert": "host.pem", "key": "host.key"}],
                "manager_address": f"https://{HOST.manager_host}:{ports['manager'] if _any_port(group) else 8443}",
                "inway_address": f"https://{HOST.inway_host}:{ports['inway'] if _any_port(group) else 8443}",
                "services": [{"name": SERVICE, "upstream": f"http://127.0.0.1:{service_port}"}],
                "accept": [{"grants": ["service_connection"], "peers": ["*"]}],
            }
        ],
    }
    return Program(HOST, folder, ports, settings)


def _any_port(group: Mapping[str, object]) -> bool:
    return bool(group.get("allow_any_port", True))
