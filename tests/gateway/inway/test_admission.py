import base64
import hashlib
import hmac
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs.identity import PeerCertificate, describe
from gateway.errors import (
    AccessTokenExpired,
    AccessTokenInvalid,
    AccessTokenMissing,
    FscError,
    InvalidLogRecordId,
    MissingLogRecordId,
    WrongGroupIdInToken,
)
from gateway.fsc.grants import ConnectionGrant, NamedPeer, PublishedService, ServicePublicationGrant
from gateway.fsc.names import GrantHash, GroupId
from gateway.fsc.token import Authorization, SignedClaims, parse_token
from gateway.inway.admission import (
    MAX_AUTHORIZATION_LENGTH,
    admit,
    inway_identity,
    signed_claims,
    transaction_id_of,
    valid_grant,
)
from tests.gateway.dataplane import DataPlane
from tests.gateway.material import CONSUMER, ECHO, GROUP, PROVIDER, RULE, STRANGER, key_pair, uuid7, valid_claims


def consumer_certificate() -> PeerCertificate:
    return describe(key_pair(CONSUMER).certificate, RULE)


def admitted(plane: DataPlane, token: str) -> Authorization:
    """What `admit` makes of a token of the consumer."""
    value = f"Bearer {token}".encode()
    return admit(plane.provider, consumer_certificate(), authorization=[value], now=plane.clock.now())[0]


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _with_header(token: str, **changes: object) -> tuple[str, str]:
    """The signing input of the token under another header, and its payload."""
    header, payload, _ = token.split(".")
    read = json.loads(base64.urlsafe_b64decode(header + "=="))
    return f"{_encoded(json.dumps({**read, **changes}).encode())}.{payload}", payload


def unsigned(token: str) -> str:
    signing_input, _ = _with_header(token, alg="none")
    return f"{signing_input}."


def unsigned_but_with_the_signature(token: str) -> str:
    signing_input, _ = _with_header(token, alg="none")
    return f"{signing_input}.{token.split('.')[2]}"


def signed_with_the_public_key_as_secret(token: str) -> str:
    signing_input, _ = _with_header(token, alg="HS256")
    public = key_pair(PROVIDER).certificate.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return f"{signing_input}.{_encoded(hmac.digest(public, signing_input.encode(), hashlib.sha256))}"


def of_another_algorithm(token: str) -> str:
    signing_input, _ = _with_header(token, alg="RS256")
    return f"{signing_input}.{token.split('.')[2]}"


def of_another_certificate(token: str) -> str:
    signing_input, _ = _with_header(token, **{"x5t#S256": key_pair(STRANGER).thumbprint})
    return f"{signing_input}.{token.split('.')[2]}"


def with_another_payload(token: str) -> str:
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    return f"{header}.{_encoded(json.dumps({**claims, 'svc': 'other'}).encode())}.{signature}"


def with_a_broken_signature(token: str) -> str:
    head, _, signature = token.rpartition(".")
    return f"{head}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


@pytest.mark.parametrize(
    "forge",
    [
        unsigned,
        unsigned_but_with_the_signature,
        signed_with_the_public_key_as_secret,
        of_another_algorithm,
        of_another_certificate,
        with_another_payload,
        with_a_broken_signature,
    ],
)
async def test_a_forged_token_is_refused(plane: DataPlane, forge: Callable[[str], str]) -> None:
    admitted(plane, plane.token())
    with pytest.raises(AccessTokenInvalid):
        admitted(plane, forge(plane.token()))


async def test_a_request_with_everything_in_order_is_admitted(plane: DataPlane) -> None:
    audience = plane.provider.tenant.inway_address
    assert admitted(plane, plane.token()) == valid_claims(plane.contract, audience=audience, now=plane.clock.now())


@pytest.mark.parametrize(
    ("authorization", "error"),
    [
        ([], AccessTokenMissing),
        ([b""], AccessTokenMissing),
        ([b"Bearer a", b"Bearer a"], AccessTokenInvalid),
        ([b"Bearer \xc3\xa9.\xff.x"], AccessTokenInvalid),
    ],
)
async def test_a_token_that_is_missing_repeated_or_malformed(
    plane: DataPlane, authorization: list[bytes], error: type[FscError]
) -> None:
    with pytest.raises(error):
        admit(plane.provider, consumer_certificate(), authorization=authorization, now=plane.clock.now())


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ([], MissingLogRecordId),
        ([b""], InvalidLogRecordId),
        ([b"01a20966-5068-77ca-a1b0-299c54a3a583"] * 2, InvalidLogRecordId),
        ([b"01a20966-5068-47ca-a1b0-299c54a3a583"], InvalidLogRecordId),
        ([b"01a20966-5068-77ca-a1b0-299c54a3a58\xff"], InvalidLogRecordId),
    ],
)
def test_a_transaction_id_that_is_missing_repeated_or_malformed(values: list[bytes], error: type[FscError]) -> None:
    with pytest.raises(error):
        transaction_id_of(values)


def test_a_transaction_id_is_taken_as_it_is() -> None:
    given = uuid7()
    assert transaction_id_of([given.encode()]) == given


async def test_an_endless_token_is_not_even_looked_at(plane: DataPlane) -> None:
    with pytest.raises(AccessTokenInvalid, match="longer than"):
        admitted(plane, "." * MAX_AUTHORIZATION_LENGTH)


async def test_of_two_faults_the_first_is_told(plane: DataPlane) -> None:
    expired = plane.token(expires_at=plane.clock.now(), group_id=GroupId("another.group"))
    with pytest.raises(AccessTokenExpired):
        admitted(plane, expired)
    with pytest.raises(WrongGroupIdInToken):
        admitted(plane, plane.token(group_id=GroupId("another.group")))


async def test_only_our_own_certificates_verify_a_token(plane: DataPlane) -> None:
    claims = signed_claims(plane.provider, parse_token(f"Bearer {plane.token()}"))
    assert claims.grant_hash == plane.grant_hash
    with pytest.raises(AccessTokenInvalid):
        signed_claims(plane.consumer, parse_token(f"Bearer {plane.token()}"))


async def test_the_identity_of_an_inway_follows_its_tenant(plane: DataPlane) -> None:
    identity = inway_identity(plane.provider)
    assert (identity.peer_id, identity.group_id) == (PROVIDER, GROUP)
    assert identity.addresses == {plane.provider.tenant.inway_address}
    assert set(identity.services) == {ECHO}


async def test_a_grant_is_valid_as_long_as_its_contract(plane: DataPlane) -> None:
    claims = signed_claims(plane.provider, parse_token(f"Bearer {plane.token()}"))
    content = plane.contract.content
    assert isinstance(valid_grant(plane.provider, claims, content.not_after - 1), ConnectionGrant)
    assert valid_grant(plane.provider, claims, content.not_before - 1) is None
    assert valid_grant(plane.provider, claims, content.not_after) is None


async def test_a_hash_that_names_no_grant_is_valid_for_nothing(plane: DataPlane) -> None:
    unknown = plane.token(grant_hash=GrantHash("$1$3$dW5rbm93bg"))
    claims: SignedClaims = signed_claims(plane.provider, parse_token(f"Bearer {unknown}"))
    assert valid_grant(plane.provider, claims, plane.clock.now()) is None


async def test_a_publication_is_no_grant_to_connect_by(plane: DataPlane) -> None:
    service = PublishedService(peer_id=PROVIDER, name=ECHO, protocol="PROTOCOL_TCP_HTTP_1.1")
    record = await plane.add_contract(ServicePublicationGrant(directory=NamedPeer(peer_id=CONSUMER), service=service))
    with pytest.raises(AccessTokenInvalid):
        admitted(plane, plane.token(grant_hash=record.grant_hashes[0]))
