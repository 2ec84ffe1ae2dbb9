"""The cast of one test file: one Group, one program under test that is a Peer in every role, Peers that are played."""

import os
import socket
from collections.abc import Callable, Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tests.suite.group import ACCEPT_ALL, Group, directories, offering
from tests.suite.peer import PlayedPeer
from tests.suite.program import Program
from tests.suite.wire import Listener, Reply, Request


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Group]:
    """The Group of the file; at its end everything has gone by the book."""
    group = Group(tmp_path_factory.mktemp("group"))
    try:
        yield group
    finally:
        group.close()


@pytest.fixture(scope="module")
def upstream() -> Iterator[Listener]:
    """The Service behind the Inway of the program, without TLS; see `service`."""
    listener = Listener(_served)
    yield listener
    listener.close()
    assert listener.faults == []


@pytest.fixture
def service(upstream: Listener) -> Listener:
    """The Service behind the Inway of the program, which has not been called yet."""
    upstream.received.clear()
    upstream.answer = _served
    return upstream


@pytest.fixture(scope="module")
def directory(group: Group) -> PlayedPeer:
    """A Directory that is played, beside the program that is one too."""
    return group.play("directory")


@pytest.fixture(scope="module")
def program(group: Group, upstream: Listener, directory: PlayedPeer) -> Program:
    """The program under test: a Peer with a Manager that is also a Directory, an Inway and an Outway."""
    program = group.prepare(
        "tested",
        tenant={"directory": True, "services": offering(upstream.port), "accept": ACCEPT_ALL},
    )
    program.process.settings["group"]["directories"] = directories(program, directory)
    program.process.start()
    directory.announce(program)
    return program


@pytest.fixture(scope="module")
def standard_ports(group: Group, upstream: Listener) -> tuple[Program, str]:
    """A program on the ports that the standard demands, with the loopback address of its own that it has for that.

    Whoever may not listen on 443 lets the Inway share 8443 with the Manager, which the standard allows.
    """
    address = f"127.{os.getpid() >> 16 & 0x7F | 0x80}.{os.getpid() >> 8 & 0xFF}.{os.getpid() & 0xFF}"
    ports = {"manager": 8443, "inway": 443 if _may_listen(address, 443) else 8443}
    tenant = {"services": offering(upstream.port), "accept": ACCEPT_ALL}
    program = group.prepare("standard", tenant=tenant, address=address, ports=ports, allow_any_port=False)
    program.process.start()
    return program, address


def _may_listen(address: str, port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((address, port))
        except PermissionError:
            return False
        return True


@pytest.fixture(scope="module")
def play(group: Group, program: Program) -> Callable[[str], PlayedPeer]:
    """Makes a Peer that is played and has announced itself to the program, as every Peer must."""

    def make(name: str) -> PlayedPeer:
        peer = group.play(name)
        peer.announce(program)
        return peer

    return make


@pytest.fixture(scope="module")
def consumer(play: Callable[[str], PlayedPeer]) -> PlayedPeer:
    """A Peer that uses Services."""
    return play("consumer")


@pytest.fixture(scope="module")
def provider(play: Callable[[str], PlayedPeer]) -> PlayedPeer:
    """A Peer that offers Services."""
    return play("provider")


@pytest.fixture(scope="module")
def delegator(play: Callable[[str], PlayedPeer]) -> PlayedPeer:
    """A Peer on whose behalf others connect or publish."""
    return play("delegator")


@pytest.fixture(scope="module")
def owner(play: Callable[[str], PlayedPeer]) -> PlayedPeer:
    """A Peer on whose behalf others offer a Service."""
    return play("owner")


@pytest.fixture(scope="module")
def outsider(play: Callable[[str], PlayedPeer]) -> PlayedPeer:
    """A Peer of the Group that no Contract names."""
    return play("outsider")


@pytest.fixture(scope="module")
def rsa_peer(group: Group, program: Program) -> PlayedPeer:
    """A Peer that signs with RSA."""
    peer = group.play("rsa", rsa.generate_private_key(public_exponent=65_537, key_size=3072))
    peer.announce(program)
    return peer


@pytest.fixture(scope="module")
def ec_peers(group: Group, program: Program) -> dict[str, PlayedPeer]:
    """A Peer for each curve that signs with it, by algorithm."""
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    peers = {name: group.play(name.lower(), ec.generate_private_key(curve)) for name, curve in curves.items()}
    for peer in peers.values():
        peer.announce(program)
    return peers


def _served(request: Request) -> Reply:
    return Reply.of({"path": request.path, "transaction_id": request.headers["Fsc-Transaction-Id"]})
