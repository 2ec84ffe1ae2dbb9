"""Both ends of TLS for tests: in memory, step by step, or over a real socket from a client that is not ours."""

import socket
import ssl
from dataclasses import dataclass

from certs.custody import KeyPair
from certs.handshake import GroupContext, PeerConnection
from certs.tls import load_pair

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


def plain_client(
    pair: KeyPair | None, anchors: str, version: ssl.TLSVersion | None = None, *, ciphers: str | None = None
) -> ssl.SSLContext:
    """A client of somebody else's making: it checks chain and host name and nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=anchors)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if ciphers is not None:
        context.set_ciphers(ciphers)
    if pair is not None:
        load_pair(context, pair)
    return context


class Ends:
    """A server and a client joined by two buffers; nothing moves unless a test says so."""

    def __init__(
        self,
        server: GroupContext,
        client: ssl.SSLContext,
        name: str | None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.to_server, self.to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.server: PeerConnection = server.wrap_bio(self.to_server, self.to_client, server_side=True)
        self.client = client.wrap_bio(self.to_client, self.to_server, server_hostname=name, session=session)

    def shake(self) -> None:
        """Shake hands to the end; raises what either end raises, the server first."""
        waiting: list[ssl.SSLObject] = [self.client, self.server]
        for _ in range(10):
            for end in tuple(waiting):
                try:
                    end.do_handshake()
                except ssl.SSLWantReadError:
                    continue
                waiting.remove(end)
            if not waiting:
                return
        raise AssertionError("the handshake does not end")

    def session(self) -> ssl.SSLSession:
        """What the client needs to resume."""
        self.server.write(b"x")
        assert self.client.read() == b"x"
        assert self.client.session is not None
        return self.client.session


def shake(
    server: GroupContext, client: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None = None
) -> Ends:
    """Join the two and shake hands."""
    ends = Ends(server, client, name, session)
    ends.shake()
    return ends


@dataclass(frozen=True)
class Answer:
    """What a client got, and the session it may resume with."""

    text: str
    session: ssl.SSLSession | None


def ask(port: int, context: ssl.SSLContext, name: str | None, session: ssl.SSLSession | None = None) -> Answer:
    """Connect, ask, read the answer and hang up; blocking."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=10) as connection,
        context.wrap_socket(connection, server_hostname=name, session=session) as tls,
    ):
        tls.sendall(b"hello\n")
        return Answer(tls.recv(1000).decode(), tls.session)


def client_hello(name: str, context: ssl.SSLContext) -> bytes:
    """The first bytes that a client sends."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise AssertionError("a handshake without a server")
