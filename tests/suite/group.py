"""The Group of one test file: who issues certificates, who takes part, and how Peers come to agree."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from certs.authority import DevelopmentAuthority
from clock import SystemClock
from tests.e2e import federation
from tests.e2e.federation import eventually, free_port
from tests.suite.contract import GROUP, KINDS, PUBLISHED, SERVICE, parties
from tests.suite.credential import Credential, JsonObject
from tests.suite.peer import PlayedPeer
from tests.suite.program import Program
from tests.suite.wire import LOOPBACK

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

GRANTS = ("service_connection", "delegated_service_connection", "service_publication", "delegated_service_publication")
ACCEPT_ALL = [{"grants": list(GRANTS), "peers": ["*"]}]
"""The accept rule of a program whose operator agrees to everything."""


class Group:
    """A Group whose certificates, configurations and data lie in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._authority = DevelopmentAuthority.create("suite", now=SystemClock().now())
        self._numbers = itertools.count(1)
        self._files = itertools.count(1)
        self._played: list[PlayedPeer] = []
        self._programs: list[Program] = []
        self.root_file = directory / "root.pem"
        self.root_file.write_bytes(self._authority.anchors_pem())

    def new_peer_id(self) -> str:
        """A Peer ID in the form of an OIN."""
        return f"0000000199{next(self._numbers):07d}000"

    def issue(
        self,
        name: str,
        peer_id: str,
        *,
        key: PrivateKey | None = None,
        authority: DevelopmentAuthority | None = None,
    ) -> Credential:
        """A certificate of the Group, or of another `authority`, for the Manager, Inway and Outway of a Peer."""
        pair = (authority or self._authority).issue(
            peer_id=peer_id,
            name=f"Gemeente {name}",
            dns_names=[f"manager.{name}.localhost", f"inway.{name}.localhost"],
            private_key=key,
        )
        stem = self.directory / f"{name}-{next(self._files)}"
        cert_file, key_file = stem.with_suffix(".pem"), stem.with_suffix(".key")
        cert_file.write_bytes(pair.pem_chain())
        key_file.write_bytes(pair.private_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Credential(cert_file, key_file, self.root_file)

    def play(self, name: str, key: PrivateKey | None = None) -> PlayedPeer:
        """A Peer that the test plays from here on."""
        peer = PlayedPeer(name, self.issue(name, self.new_peer_id(), key=key))
        self._played.append(peer)
        return peer

    def prepare(
        self,
        name: str,
        *,
        tenant: Mapping[str, Any],
        key: PrivateKey | None = None,
        address: str = LOOPBACK,
        ports: Mapping[str, int] | None = None,
        **group: Any,
    ) -> Program:
        """A program that is one Peer, not started yet; `tenant` and `group` add to its configuration.

        It listens on `address`, on free ports but for those that `ports` says.
        """
        member = federation.Member(name, self.new_peer_id(), f"Gemeente {name}")
        credential = self.issue(name, member.peer_id, key=key)
        listeners = ("manager", "inway", "register", "console", "metrics", "outway")
        ports = {listener: free_port() for listener in listeners} | dict(ports or {})
        hosts = {"manager": address, "inway": address}
        process = federation.Program(member, self.directory, ports, {})
        process.settings |= {
            "group": {
                "id": GROUP,
                "trust_anchors": [str(self.root_file)],
                "allow_any_port": True,
                "revocation": {"mode": "off"},
                **group,
            },
            "storage": f"sqlite:///{name}/register.db",
            "keys": {"master_file": f"{name}/master.key"},
            "listen": {
                "admin": f"unix:{name}.sock",
                **{listener: f"{hosts.get(listener, LOOPBACK)}:{ports[listener]}" for listener in listeners[:-1]},
            },
            "tenants": [
                {
                    "peer_id": member.peer_id,
                    "name": member.name,
                    "slug": name,
                    "certificates": [{"cert": str(credential.cert_file), "key": str(credential.key_file)}],
                    "manager_address": process.manager,
                    "inway_address": process.inway,
                    "outway": {"listen": f"127.0.0.1:{ports['outway']}"},
                    **tenant,
                }
            ],
        }
        program = Program(process, credential)
        self._programs.append(program)
        return program

    def close(self) -> None:
        """Stop what runs. No program may have logged a traceback, and none may have sent something wrong."""
        for peer in self._played:  # first: whoever is brought something asks the program who brings it
            peer.close()
        for program in self._programs:
            program.process.stop()
        faults = [repr(fault) for peer in self._played for fault in peer.faults]
        if faults:
            raise AssertionError(f"the program sent what is wrong: {faults}")
        logs = [program.process.log for program in self._programs]
        assert [log.name for log in logs if log.exists() and "Traceback" in log.read_text()] == []


def directories(*known: PlayedPeer | Program) -> list[dict[str, str]]:
    """The Directories of a Group, as a configuration names them."""
    return [{"peer_id": one.peer_id, "manager_address": one.manager_url} for one in known]


def offering(port: int) -> list[dict[str, Any]]:
    """Two Services, both the one that listens on `port`; the program publishes the second of its own accord."""
    upstream = f"http://{LOOPBACK}:{port}"
    return [{"name": SERVICE, "upstream": upstream}, {"name": PUBLISHED, "upstream": upstream, "publish": True}]


def agree(content: JsonObject, *played: PlayedPeer, programs: Sequence[Program]) -> None:
    """Let every party accept a Contract: the first submits it, the programs accept by their rules.

    Returns once every party, played or not, holds the accept signature of every party that it should have it from.
    """
    submitter, *others = played
    for program in programs:
        answers = [submitter.submit(content, program), *(other.put("accept", content, program) for other in others)]
        assert [answer.status for answer in answers] == [201] * len(played), [answer.body for answer in answers]
    check_spread(content, *played, programs=programs, kind="accept", signers=parties(content))


def check_spread(
    content: JsonObject, *played: PlayedPeer, programs: Sequence[Program], kind: str, signers: set[str]
) -> None:
    """Each program shows every party the signatures of `signers`, and brought its own to every other party."""
    assert kind in KINDS
    ours = {program.peer_id for program in programs} & signers

    def everywhere() -> bool | None:
        shown = all(peer.signers_at(program, content, kind) == signers for peer in played for program in programs)
        brought = all(ours <= peer.holds(content, kind) for peer in played)
        return True if shown and brought else None

    eventually(f"the {kind} signatures of {sorted(signers)} to be with every party", everywhere)
