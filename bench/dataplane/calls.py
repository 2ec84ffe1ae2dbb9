"""One HTTP request over mutual TLS on loopback, as any Peer could make it."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class Caller:
    """A client: the certificate it shows (None: none), and the Trust Anchor by which it knows the server."""

    certificate: Path | None
    key: Path | None
    trust_anchor: Path

    def context(self) -> ssl.SSLContext:
        """The TLS settings; the name of the server is verified."""
        context = ssl.create_default_context(cafile=str(self.trust_anchor))
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; status 0: the connection was refused or closed, and the body says how."""

    status: int
    body: bytes


class Connection(http.client.HTTPSConnection):
    """A connection to loopback for a name that only the Group knows."""

    def __init__(self, host: str, port: int, caller: Caller) -> None:
        super().__init__(host, port, timeout=_PATIENCE_S, context=caller.context())
        self._tls = caller.context()

    def connect(self) -> None:
        """Connect to 127.0.0.1, with the name for SNI."""
        plain = socket.create_connection(("127.0.0.1", self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)


def ask(
    caller: Caller,
    host: str,
    port: int,
    method: str,
    target: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Answer:
    """Make one request on a connection of its own."""
    connection = Connection(host, port, caller)
    try:
        connection.request(method, target, body=body, headers=dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read())
    except (OSError, http.client.HTTPException) as error:
        return Answer(0, type(error).__name__.encode())
    finally:
        connection.close()
