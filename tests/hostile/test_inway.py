"""Access tokens that must not open the Inway: the right code for each, and the Service is not called."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from gateway.fsc.jcs import JsonObject
from gateway.fsc.jws import encode_base64url
from gateway.fsc.signature import SignatureType
from tests.e2e.federation import PROVIDER as HOST
from tests.gateway.harness import OTHER, ForeignPeer, grant_hash_of, key_pair
from tests.gateway.material import uuid7
from tests.gateway.wire import Message
from tests.gateway.wire import connection as wire_connection
from tests.hostile.forging import encode, jws
from tests.hostile.stage import Stage, content_for, now, sign

INVALID = (401, "ERROR_CODE_ACCESS_TOKEN_INVALID")
EXPIRED = (401, "ERROR_CODE_ACCESS_TOKEN_EXPIRED")
MISSING = (401, "ERROR_CODE_ACCESS_TOKEN_MISSING")
WRONG_GROUP = (403, "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN")
NO_SERVICE = (404, "ERROR_CODE_SERVICE_NOT_FOUND")
TOO_LARGE = (431, "ERROR_CODE_REQUEST_TOO_LARGE")


@dataclass(frozen=True)
class Ticket:
    """A Peer that may use the Service, and the token by which it may."""

    peer: ForeignPeer
    token: str
    issuer: KeyPair

    @property
    def header(self) -> JsonObject:
        return _decoded(self.token, 0)

    @property
    def claims(self) -> JsonObject:
        return _decoded(self.token, 1)

    def signed(self, claims: object, **header: object) -> str:
        """These claims, truly signed by the Manager of the Inway."""
        return jws({**self.header, **header}, claims, self.issuer)


def _decoded(token: str, part: int) -> JsonObject:
    text = token.split(".")[part]
    decoded: JsonObject = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    return decoded


@pytest.fixture(scope="module")
def ticket(stage: Stage) -> Ticket:
    """What every forgery begins with."""
    peer = stage.peer()
    answer = stage.token(peer, stage.agreed(peer))
    assert answer.status == 200, answer.text
    return Ticket(peer, answer.json["access_token"], stage.pair)


def ask(stage: Stage, peer: ForeignPeer, *lines: bytes) -> Message:
    """One request to the Inway with these header lines."""

    async def asked() -> Message:
        async with wire_connection(stage.program.ports["inway"], tls=peer.context, name=HOST.inway_host) as wire:
            return await wire.ask(b"GET /anything HTTP/1.1\r\nHost: inway\r\n", *lines, b"\r\n")

    return stage.run(asked())


def present(stage: Stage, peer: ForeignPeer, token: str) -> Message:
    """One request to the Inway with this token."""
    lines = f"Fsc-Authorization: Bearer {token}\r\nFsc-Transaction-Id: {uuid7()}\r\n"
    return ask(stage, peer, lines.encode("utf-8", "surrogateescape"))


def refusal(answer: Message) -> tuple[int, str]:
    """Status and code of an error of the Inway; checks its shape."""
    body = json.loads(answer.body)
    assert set(body) == {"message", "domain", "code"}
    assert body["domain"] == "ERROR_DOMAIN_INWAY"
    assert answer.head.get("Fsc-Error-Code") == body["code"]
    assert (answer.status == 401) is (answer.head.get("WWW-Authenticate") == "Bearer")
    return answer.status, body["code"]


def test_the_token_that_forgeries_begin_with_is_good(stage: Stage, ticket: Ticket) -> None:
    before = len(stage.service.received)
    assert present(stage, ticket.peer, ticket.token).status == 200
    assert present(stage, ticket.peer, ticket.signed(ticket.claims)).status == 200
    assert len(stage.service.received) == before + 2


Forge: TypeAlias = Callable[[Ticket], str]


def claiming(**changes: object) -> Forge:
    """Truly signed, with `changes` to the claims; None removes one."""

    def forge(ticket: Ticket) -> str:
        claims = {name: value for name, value in {**ticket.claims, **changes}.items() if value is not None}
        return ticket.signed(claims)

    return forge


def unsigned(algorithm: str) -> Forge:
    return lambda ticket: f"{encode({**ticket.header, 'alg': algorithm})}.{encode(ticket.claims)}."


def with_secret(encoding: Encoding, format_: PublicFormat) -> Forge:
    """HS256 with the public key of the issuer as the secret."""

    def forge(ticket: Ticket) -> str:
        secret = ticket.issuer.certificate.public_key().public_bytes(encoding, format_)
        text = f"{encode({**ticket.header, 'alg': 'HS256'})}.{encode(ticket.claims)}"
        return f"{text}.{encode_base64url(hmac.new(secret, text.encode(), hashlib.sha256).digest())}"

    return forge


def by_ourselves(ticket: Ticket) -> str:
    return jws({**ticket.header, "x5t#S256": ticket.peer.pair.thumbprint}, ticket.claims, ticket.peer.pair)


def under_the_name_of_the_issuer(ticket: Ticket) -> str:
    return jws(ticket.header, ticket.claims, ticket.peer.pair)


def by_a_namesake(ticket: Ticket) -> str:
    pair = DevelopmentAuthority.create("test", now=now()).issue(
        peer_id=HOST.peer_id, name=HOST.name, dns_names=[HOST.inway_host]
    )
    return jws({**ticket.header, "x5t#S256": pair.thumbprint}, ticket.claims, pair)


FORGERIES: dict[str, tuple[Forge, tuple[int, str]]] = {
    "alg none": (unsigned("none"), INVALID),
    "alg nOnE": (unsigned("nOnE"), INVALID),
    "alg of the token, unsigned": (lambda ticket: ticket.token.rpartition(".")[0] + ".", INVALID),
    "HS256, public key in PEM": (with_secret(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo), INVALID),
    "HS256, public key in DER": (with_secret(Encoding.DER, PublicFormat.SubjectPublicKeyInfo), INVALID),
    "PS256": (lambda ticket: ticket.signed(ticket.claims, alg="PS256"), INVALID),
    "crit": (lambda ticket: ticket.signed(ticket.claims, crit=["exp"]), INVALID),
    "signed by its bearer": (by_ourselves, INVALID),
    "signed by its bearer in the name of the issuer": (under_the_name_of_the_issuer, INVALID),
    "signed by a namesake": (by_a_namesake, INVALID),
    "no thumbprint": (lambda ticket: jws({"alg": "ES256"}, ticket.claims, ticket.issuer), INVALID),
    "cut off": (lambda ticket: ticket.token[:-5], INVALID),
    "two parts": (lambda ticket: ticket.token.rpartition(".")[0], INVALID),
    "four parts": (lambda ticket: ticket.token + ".e30", INVALID),
    "padding": (lambda ticket: ticket.token + "==", INVALID),
    "a space within": (lambda ticket: ticket.token.replace(".", ". ", 1), INVALID),
    "of another Peer's JSON": (lambda ticket: ticket.signed([ticket.claims]), INVALID),
    "deep": (lambda ticket: f"{ticket.token.partition('.')[0]}.{encode_base64url(b'[' * 100_000)}.AA", INVALID),
    "nothing": (lambda ticket: "", MISSING),
    "expired": (claiming(exp=1_000_000_000, nbf=999_999_000), EXPIRED),
    "expired a second ago": (lambda ticket: claiming(exp=now() - 1, nbf=now() - 60)(ticket), EXPIRED),
    "not yet": (lambda ticket: claiming(nbf=now() + 120, exp=now() + 600)(ticket), INVALID),
    "without an end": (claiming(exp=None), INVALID),
    "with an end that is a text": (claiming(exp="tomorrow"), INVALID),
    "with an end beyond time": (claiming(exp=10**30), INVALID),
    "another Group": (claiming(gid="fsc.elsewhere.test"), WRONG_GROUP),
    "another issuer": (claiming(iss=OTHER), INVALID),
    "another bearer": (claiming(sub=OTHER), INVALID),
    "another audience": (claiming(aud="https://inway.elsewhere.test:443"), INVALID),
    "several audiences": (lambda ticket: claiming(aud=[ticket.claims["aud"]])(ticket), INVALID),
    "another certificate": (claiming(cnf={"x5t#S256": "A" * 43}), INVALID),
    "no certificate": (claiming(cnf=None), INVALID),
    "an empty certificate": (claiming(cnf={}), INVALID),
    "a Grant that does not exist": (claiming(gth="$1$3$" + "A" * 86), INVALID),
    "a Grant that is a list": (claiming(gth=["$1$3$" + "A" * 86]), INVALID),
    "a Service of nobody": (claiming(svc="nobody"), NO_SERVICE),
    "a Service that is a path": (claiming(svc="../../admin"), INVALID),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_token_opens_nothing(stage: Stage, ticket: Ticket, name: str) -> None:
    forge, expected = FORGERIES[name]
    before = len(stage.service.received)
    assert refusal(present(stage, ticket.peer, forge(ticket))) == expected
    assert len(stage.service.received) == before


def test_a_token_of_2_mb_is_refused(stage: Stage, ticket: Ticket) -> None:
    before = len(stage.service.received)
    padded = ticket.signed({**ticket.claims, "add": {"padding": "x" * 2_000_000}})
    with stage.bounded_memory(100_000_000):
        assert refusal(present(stage, ticket.peer, padded)) in (TOO_LARGE, INVALID)
    assert len(stage.service.received) == before


def test_a_token_is_good_for_its_certificate_only(stage: Stage, ticket: Ticket) -> None:
    """Neither another Peer that stole it can use it, nor its owner with another certificate."""
    before = len(stage.service.received)
    for peer in (stage.peer(), stage.peer(ticket.peer.peer_id, key_pair(ticket.peer.peer_id))):
        assert refusal(present(stage, peer, ticket.token)) == INVALID
    assert len(stage.service.received) == before


def test_a_revoked_contract_closes_the_inway_to_a_token_that_lives(stage: Stage) -> None:
    peer = stage.peer()
    content = content_for(peer)
    assert stage.submit(peer, content, sign(peer, content)).status == 201
    token = stage.token(peer, grant_hash_of(content)).json["access_token"]
    assert present(stage, peer, token).status == 200
    before = len(stage.service.received)
    assert stage.put(peer, content, SignatureType.REVOKE, sign(peer, content, SignatureType.REVOKE)).status == 201
    assert refusal(present(stage, peer, token)) == INVALID
    assert len(stage.service.received) == before


@pytest.mark.parametrize(
    "scheme",
    [b"", b"Basic ", b"Bearer", b"Bearer\t", b"Bearer  ", b"Bearer Bearer ", b"DPoP "],
    ids=lambda text: repr(text),
)
def test_a_scheme_that_is_none_opens_nothing(stage: Stage, ticket: Ticket, scheme: bytes) -> None:
    before = len(stage.service.received)
    line = b"Fsc-Authorization: " + scheme + b"!" + ticket.token.encode() + b"\r\n"
    answer = ask(stage, ticket.peer, line, f"Fsc-Transaction-Id: {uuid7()}\r\n".encode())
    assert refusal(answer) in (INVALID, MISSING)
    assert len(stage.service.received) == before


def test_two_tokens_open_nothing(stage: Stage, ticket: Ticket) -> None:
    line = f"Fsc-Authorization: Bearer {ticket.token}\r\n".encode()
    answer = ask(stage, ticket.peer, line, line, f"Fsc-Transaction-Id: {uuid7()}\r\n".encode())
    assert refusal(answer) == INVALID


def test_the_token_of_another_header_opens_nothing(stage: Stage, ticket: Ticket) -> None:
    line = f"Authorization: Bearer {ticket.token}\r\nFsc-Transaction-Id: {uuid7()}\r\n".encode()
    assert refusal(ask(stage, ticket.peer, line)) == MISSING


@given(data=st.data())
def test_a_changed_token_opens_nothing(stage: Stage, ticket: Ticket, data: st.DataObject) -> None:
    before = len(stage.service.received)
    at = data.draw(st.integers(0, len(ticket.token) - 1))
    character = data.draw(st.sampled_from("ABCxyz019-_.= ~"))
    if ticket.token[at] == character:
        return
    changed = ticket.token[:at] + character + ticket.token[at + 1 :]
    assert refusal(present(stage, ticket.peer, changed)) == INVALID
    assert len(stage.service.received) == before
