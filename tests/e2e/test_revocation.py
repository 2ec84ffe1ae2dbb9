"""Revocation on real processes: certificates by a CRL that an issuer publishes, Contracts by either side.

The test plays the issuer's web server, which answers well, badly or not at all.
"""

import contextlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import quote

import pytest
from aiohttp import ClientError

from certs.authority import DevelopmentAuthority, load_group
from certs.issuing import make_crl
from clock import SystemClock
from gateway.fsc.signature import SignaturePayload, SignatureType, sign_contract
from tests.e2e.calls import Answer, as_peer, key_pair
from tests.e2e.federation import CONSUMER, DIRECTORY, PROVIDER, SERVICE, Federation, Program, eventually, http_get

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(240)]

DAY_S = 86_400


@dataclass
class Issuer:
    """The CA of the Group and its web server. Every list it makes has a higher number than the one before."""

    authority: DevelopmentAuthority
    data: bytes = b""
    status: int = 200
    asked: int = 0
    url: str = ""
    hold: threading.Event = field(default_factory=threading.Event)
    _number: int = field(default_factory=lambda: SystemClock().now() - 1_000)

    def edition(self, *serial_numbers: int, valid_s: int = DAY_S) -> bytes:
        """The next list."""
        self._number += 1
        now = SystemClock().now()
        return make_crl(
            self.authority.intermediate, serial_numbers, this_update=self._number, next_update=now + valid_s
        )

    def asked_again(self) -> None:
        """Wait until it was asked twice more: what it said before was then taken, or not."""
        before = self.asked
        eventually("the CRL to be asked for again", lambda: True if self.asked >= before + 2 else None)


@pytest.fixture
def issuer(own_federation: Federation) -> Iterator[Issuer]:
    played = Issuer(load_group(own_federation.directory / "pki", now=SystemClock().now()))
    played.hold.set()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            played.asked += 1
            played.hold.wait(60)
            etag = f'"{hash(played.data)}"'
            known = self.headers["If-None-Match"] == etag
            body = b"" if known else played.data
            self.send_response(304 if known and played.status == 200 else played.status)
            self.send_header("ETag", etag)
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    played.url = f"http://127.0.0.1:{server.server_port}/ca.crl"
    try:
        yield played
    finally:
        played.hold.set()
        server.shutdown()
        server.server_close()


@pytest.fixture
def provider(own_federation: Federation, issuer: Issuer) -> Program:
    """The provider alone, which reads its list from the issuer once a second; not started yet."""
    program = own_federation.provider
    program.settings["group"]["revocation"] = {
        "mode": "soft",
        "crl": ["pki/root.crl", issuer.url],
        "refresh_seconds": 1,
    }
    return program


def serial_number(federation: Federation) -> int:
    return key_pair(federation, CONSUMER).certificate.serial_number


def is_let_in(federation: Federation) -> bool:
    """Whether a new connection of the consumer gets through the handshake."""
    try:
        answer = as_peer(federation, key_pair(federation, CONSUMER), "GET", f"{federation.provider.manager}/v1/peer")
    except (ClientError, OSError):
        return False
    return answer.status == 200


def refused(federation: Federation) -> None:
    eventually("the consumer to be refused", lambda: None if is_let_in(federation) else True)


def let_in(federation: Federation) -> None:
    eventually("the consumer to be let in", lambda: True if is_let_in(federation) else None)


@contextlib.contextmanager
def connected(
    federation: Federation, context: ssl.SSLContext | None = None, session: ssl.SSLSession | None = None
) -> Iterator[tuple[http.client.HTTPConnection, ssl.SSLSocket]]:
    """A connection of the consumer to the provider's Manager that stays open, perhaps one that resumes a session."""
    pki, provider = federation.directory / "pki", federation.provider
    if context is None:
        context = ssl.create_default_context(cafile=str(pki / "root.pem"))
        context.load_cert_chain(pki / f"{CONSUMER.slug}.pem", pki / f"{CONSUMER.slug}.key")
    plain = socket.create_connection(("127.0.0.1", provider.ports["manager"]), timeout=20)
    with context.wrap_socket(plain, server_hostname=provider.member.manager_host, session=session) as tls:
        connection = http.client.HTTPConnection(provider.member.manager_host)
        connection.sock = tls
        yield connection, tls


def ask(connection: http.client.HTTPConnection, method: str, path: str, body: object = None, **headers: str) -> int:
    text = None if body is None else json.dumps(body)
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, text, {**sent, **({"Content-Type": "application/json"} if text else {})})
    answer = connection.getresponse()
    answer.read()
    return answer.status


def test_a_revoked_certificate_loses_its_open_connections_and_gets_no_new_one(
    own_federation: Federation, provider: Program, issuer: Issuer
) -> None:
    issuer.data = issuer.edition()
    provider.start()
    let_in(own_federation)
    with connected(own_federation) as (connection, tls):
        assert [ask(connection, "GET", "/v1/peer") for _ in range(2)] == [200, 200]

        issuer.data = issuer.edition(serial_number(own_federation))

        refused(own_federation)
        with contextlib.suppress(ConnectionResetError, ssl.SSLEOFError):
            assert tls.recv(1) == b""
    # The others go on.
    directory = key_pair(own_federation, DIRECTORY)
    assert as_peer(own_federation, directory, "GET", f"{provider.manager}/v1/peer").status == 200


@pytest.mark.parametrize("trouble", ["500", "hanging", "garbage", "huge", "older", "wrong issuer", "stale"])
def test_nothing_that_the_url_says_next_lets_a_revoked_certificate_in_again(
    own_federation: Federation, provider: Program, issuer: Issuer, trouble: str
) -> None:
    older = issuer.edition()
    issuer.data = issuer.edition(serial_number(own_federation))
    provider.start()
    refused(own_federation)

    match trouble:
        case "500":
            issuer.status = 500
        case "hanging":
            issuer.hold.clear()
        case "garbage":
            issuer.data = b"<html>Sign in to the network</html>"
        case "huge":
            issuer.data = bytes(12 * 2**20)
        case "older":
            issuer.data = older
        case "wrong issuer":
            stranger = DevelopmentAuthority.create("e2e.klantenregister.test", now=SystemClock().now())
            issuer.data = stranger.crl_pem()
        case "stale":
            issuer.data = issuer.edition(serial_number(own_federation), valid_s=-60)
    if trouble == "hanging":
        before = issuer.asked
        eventually("the server to be asked", lambda: True if issuer.asked > before else None)
    else:
        issuer.asked_again()
    assert not is_let_in(own_federation)

    # Without a network a restart knows it all the same.
    provider.kill()
    issuer.status = 500
    provider.start()
    assert not is_let_in(own_federation)
    shown = json.loads(http_get(provider.ports["metrics"], "/health/ready")[1])["revocation"]
    assert shown["mode"] == "soft"


def test_hard_lets_nobody_in_until_the_list_is_there(
    own_federation: Federation, provider: Program, issuer: Issuer
) -> None:
    provider.settings["group"]["revocation"]["mode"] = "hard"
    issuer.hold.clear()
    provider.start()
    assert not is_let_in(own_federation)

    issuer.data = issuer.edition()
    issuer.hold.set()
    let_in(own_federation)

    # A list that ends without a next one: nobody knows any more.
    issuer.data = issuer.edition(valid_s=2)
    refused(own_federation)
    issuer.data = issuer.edition()
    let_in(own_federation)


def agreed(federation: Federation) -> str:
    """A federation with a valid connection; returns a token for it. The test calls, so no Outway is needed."""
    del federation.consumer.settings["tenants"][0]["outway"]
    federation.start()
    answer = as_peer(
        federation,
        key_pair(federation, CONSUMER),
        "POST",
        f"{federation.provider.manager}/v1/token",
        form={"grant_type": "client_credentials", "scope": federation.connection(), "client_id": CONSUMER.peer_id},
    )
    assert answer.status == 200, answer.text
    token: str = answer.json()["access_token"]
    return token


def through_inway(federation: Federation, token: str) -> Answer:
    headers = {
        "Fsc-Authorization": f"Bearer {token}",
        "Fsc-Transaction-Id": "01890a5d-ac96-774b-bcce-b302099a8057",
    }
    target = f"{federation.provider.inway}/{SERVICE}/api/v1/partijen"
    return as_peer(federation, key_pair(federation, CONSUMER), "GET", target, headers=headers)


def connection_contract(program: Program) -> str:
    (found,) = [
        one["content_hash"]
        for one in program.contracts(state="valid")
        if any("outway" in grant["data"] for grant in one["grants"])
    ]
    return str(found)


def in_state(program: Program, content_hash: str, state: str) -> None:
    eventually(
        f"the contract to be {state}",
        lambda: True if content_hash in {one["content_hash"] for one in program.contracts(state=state)} else None,
    )


def test_a_contract_that_the_consumer_revokes_ends_its_tokens_at_the_provider(own_federation: Federation) -> None:
    token = agreed(own_federation)
    assert through_inway(own_federation, token).status == 200
    content_hash = connection_contract(own_federation.consumer)

    own_federation.consumer.ask("contracts", "revoke", content_hash)

    in_state(own_federation.provider, content_hash, "revoked")
    answer = through_inway(own_federation, token)
    assert (answer.status, answer.code) == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")


def test_a_rejection_after_both_accepted_ends_the_tokens_too(own_federation: Federation) -> None:
    token = agreed(own_federation)
    assert through_inway(own_federation, token).status == 200
    content_hash = connection_contract(own_federation.consumer)
    content = own_federation.consumer.ask("contracts", "show", content_hash)["content"]

    pair = key_pair(own_federation, CONSUMER)
    payload = SignaturePayload(content_hash, SignatureType.REJECT, SystemClock().now())
    signature = sign_contract(payload, pair.private_key, pair.thumbprint)
    path = f"/v1/contracts/{quote(content_hash, safe='')}/reject"
    with connected(own_federation) as (connection, _):
        body, us = {"contract_content": content, "signature": signature}, own_federation.consumer.manager
        assert ask(connection, "PUT", path, body, Fsc_Manager_Address=us) == 201

    refusal = through_inway(own_federation, token)
    assert (refusal.status, refusal.code) == (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")


def test_a_session_from_before_the_revocation_is_not_resumed_after_it(
    own_federation: Federation, provider: Program, issuer: Issuer
) -> None:
    issuer.data = issuer.edition()
    provider.start()
    let_in(own_federation)
    with connected(own_federation) as (connection, tls):
        assert ask(connection, "GET", "/v1/peer") == 200
        context, session = tls.context, tls.session
    with connected(own_federation, context, session) as (connection, tls):
        assert ask(connection, "GET", "/v1/peer") == 200
        assert tls.session_reused
        session = tls.session

    issuer.data = issuer.edition(serial_number(own_federation))
    refused(own_federation)

    with (
        pytest.raises((OSError, http.client.HTTPException)),
        connected(own_federation, context, session) as (connection, _),
    ):
        ask(connection, "GET", "/v1/peer")


def test_an_own_certificate_that_was_revoked_keeps_the_installation_from_nothing(
    own_federation: Federation, issuer: Issuer
) -> None:
    provider = own_federation.provider
    revoked = key_pair(own_federation, PROVIDER).certificate.serial_number
    (own_federation.directory / "pki" / "ca.crl").write_bytes(issuer.edition(revoked))
    provider.start()
    assert "klantenregister: warning: tenants[0].certificates[0]: " in (said := provider.log.read_text())
    assert "was revoked by" in said
    let_in(own_federation)
