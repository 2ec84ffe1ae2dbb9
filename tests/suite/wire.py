"""HTTP as the Peers of the suite speak it: calls over mutual TLS or plain, and listeners that a test answers for."""

import http.client
import http.server
import json
import os
import socket
import socketserver
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509

from tests.suite.credential import Credential, peer_id_of

LOOPBACK = "127.0.0.1"
TIMEOUT_S = 20.0


def new_transaction_id() -> str:
    """A UUID of version 7."""
    number = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10), "big")
    number = number & ~(0xF << 76) & ~(0x3 << 62) | (0x7 << 76) | (0x2 << 62)
    text = f"{number:032x}"
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


@dataclass(frozen=True)
class Answer:
    """An answer with its whole body, and the Peer that the certificate of the other side names."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes
    peer_id: str = ""

    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error; checks that it has the form of the standard."""
        said = self.json()
        assert set(said) == {"message", "domain", "code"}, said
        assert said["message"]
        assert said["domain"] in {f"ERROR_DOMAIN_{part}" for part in ("MANAGER", "INWAY", "OUTWAY")}
        assert self.headers["Fsc-Error-Code"] == said["code"]
        return self.status, said["code"]


def call(
    credential: Credential | None,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes = b"",
    address: str = LOOPBACK,
) -> Answer:
    """One request; over mutual TLS when there is a credential, to `address` whatever the name in `url` resolves to."""
    target = urlsplit(url)
    assert target.hostname is not None
    with socket.create_connection((address, target.port or 443), timeout=TIMEOUT_S) as raw:
        if credential is None:
            return _exchange(raw, method, url, headers, body, "")
        with credential.context().wrap_socket(raw, server_hostname=target.hostname) as secured:
            return _exchange(secured, method, url, headers, body, _peer_id_at(secured))


def _exchange(
    connected: socket.socket, method: str, url: str, headers: Mapping[str, str] | None, body: bytes, peer_id: str
) -> Answer:
    target = urlsplit(url)
    connection = http.client.HTTPConnection(target.netloc)
    connection.sock = connected
    path = f"{target.path or '/'}?{target.query}" if target.query else target.path or "/"
    connection.request(method, path, body=body or None, headers={"Host": target.netloc, **(headers or {})})
    answer = connection.getresponse()
    return Answer(answer.status, answer.headers, answer.read(), peer_id)


def _peer_id_at(secured: ssl.SSLSocket) -> str:
    der = secured.getpeercert(binary_form=True)
    assert der is not None
    return peer_id_of(x509.load_der_x509_certificate(der))


@dataclass(frozen=True)
class Request:
    """A request that a listener got; `leaf` is the certificate of the caller."""

    method: str
    path: str
    headers: Message
    body: bytes
    leaf: x509.Certificate | None

    @property
    def caller(self) -> str:
        """The Peer ID of the caller."""
        assert self.leaf is not None
        return peer_id_of(self.leaf)


@dataclass(frozen=True)
class Reply:
    """What a listener answers."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, value: object, status: int = 200) -> "Reply":
        """A reply in JSON."""
        return cls(status, json.dumps(value).encode(), {"Content-Type": "application/json"})


class Listener:
    """A server on a free port of loopback, one request a connection; `answer` says what to reply.

    What goes wrong in `answer` is answered 500 and kept in `faults`, for the test to see.
    """

    def __init__(self, answer: Callable[[Request], Reply], credential: Credential | None = None) -> None:
        self.answer = answer
        self.received: list[Request] = []
        self.faults: list[Exception] = []
        self._server = _Server(self, credential)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def reply_to(self, request: Request) -> Reply:
        """Keep the request, and answer it."""
        self.received.append(request)
        try:
            return self.answer(request)
        except Exception as error:
            self.faults.append(error)
            return Reply.of({"message": repr(error)}, 500)

    def close(self) -> None:
        """Listen no more, once what is at hand is answered."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = False  # so that closing it waits for them

    def __init__(self, listener: Listener, credential: Credential | None) -> None:
        self.listener = listener
        self.tls = None if credential is None else credential.context(server=True)
        super().__init__((LOOPBACK, 0), _Handler)

    def get_request(self) -> tuple[socket.socket, Any]:
        raw, address = super().get_request()
        raw.settimeout(TIMEOUT_S)
        if self.tls is None:
            return raw, address
        # The handshake is for the thread of the connection: it must not hold up the next one.
        return self.tls.wrap_socket(raw, server_side=True, do_handshake_on_connect=False), address

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that goes away, or has no certificate, is no fault of ours."""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def handle_one_request(self) -> None:
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65_537)
        if not self.raw_requestline or not self.parse_request():
            return
        self.close_connection = True
        reply = self.server.listener.reply_to(
            Request(self.command, self.path, self.headers, self._body(), self._leaf())
        )
        self.send_response_only(reply.status, HTTPStatus(reply.status).phrase)
        for name, value in {**reply.headers, "Content-Length": str(len(reply.body)), "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(reply.body)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(self._chunks())
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _chunks(self) -> list[bytes]:
        chunks: list[bytes] = []
        while size := int(self.rfile.readline().split(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return chunks

    def _leaf(self) -> x509.Certificate | None:
        if not isinstance(self.request, ssl.SSLSocket):
            return None
        der = self.request.getpeercert(binary_form=True)
        assert der is not None
        return x509.load_der_x509_certificate(der)
