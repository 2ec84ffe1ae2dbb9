"""Signatures that must not be believed: the right code for each, and nothing kept of what they came with."""

import base64
import json
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from gateway.fsc.jws import encode_base64url
from gateway.fsc.signature import SignatureType
from tests.gateway.harness import (
    DAY_S,
    FOREIGN,
    OTHER,
    ForeignPeer,
    authority,
    grant_hash_of,
    key_pair,
    signed,
)
from tests.hostile.forging import FAILED, FORGERIES, WRONG_HASH, WRONG_PEER, header_of, jws, payload_of
from tests.hostile.stage import KEY_SET, Stage, content_for, now, sign


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_accept_is_refused_and_nothing_kept(stage: Stage, attacker: ForeignPeer, name: str) -> None:
    forge, expected = FORGERIES[name]
    content = content_for(attacker)
    assert stage.submit(attacker, content, forge(attacker, content)).refusal == expected
    assert stage.held(attacker) == []


@pytest.mark.parametrize("kind", SignatureType)
@pytest.mark.parametrize("name", ["alg none, unsigned", "HS256, public key in PEM", "unknown thumbprint", "two parts"])
def test_a_forged_signature_adds_nothing_to_a_contract_that_is_there(
    stage: Stage, kind: SignatureType, name: str
) -> None:
    forge, expected = FORGERIES[name]
    peer = stage.peer()
    content = content_for(peer)
    assert stage.submit(peer, content, sign(peer, content)).status == 201
    before = stage.held(peer)
    assert stage.put(peer, content, kind, forge(peer, content)).refusal == expected
    assert stage.held(peer) == before


@pytest.mark.parametrize("name", ["jku", "x5u", "jwk", "x5c", "kid"])
def test_a_header_that_names_another_key_is_not_followed(stage: Stage, attacker: ForeignPeer, name: str) -> None:
    """The key is the one of `x5t#S256` in the key set of the caller, whatever else the header offers."""
    trap, other = stage.peer(), key_pair(attacker.peer_id)
    key = other.certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    point = key.public_numbers()
    values: dict[str, object] = {
        "jku": f"{trap.address}{KEY_SET}",
        "x5u": f"{trap.address}/certificate.pem",
        "jwk": {
            "kty": "EC",
            "crv": "P-256",
            "x": encode_base64url(point.x.to_bytes(32)),
            "y": encode_base64url(point.y.to_bytes(32)),
        },
        "x5c": [base64.b64encode(other.certificate.public_bytes(Encoding.DER)).decode()],
        "kid": other.thumbprint,
    }
    content = content_for(attacker)
    header = header_of(attacker.pair, **{name: values[name]})
    assert stage.submit(attacker, content, jws(header, payload_of(content), other)).refusal == FAILED
    assert trap.received == []


# -- certificates that are in the key set and must not be believed


def listed(peer: ForeignPeer, pair: KeyPair) -> KeyPair:
    """`pair`, which `peer` publishes beside its own."""
    peer.chains.append(pair.chain)
    return pair


def own(peer: ForeignPeer, issuer: DevelopmentAuthority | None = None, **options: int) -> KeyPair:
    """Another certificate of `peer`."""
    return key_pair(peer.peer_id, issuer=issuer, **options)  # type: ignore[arg-type]


def stranger(peer: ForeignPeer) -> KeyPair:
    """Of an authority that the Group does not trust, which has the same name as the one that it does."""
    return own(peer, DevelopmentAuthority.create("test", now=now()))


def self_signed(peer: ForeignPeer) -> KeyPair:
    """A certificate that vouches for itself."""
    return DevelopmentAuthority.create("self", now=now()).root


def weak(peer: ForeignPeer) -> KeyPair:
    """An RSA key that can be broken."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    return authority().issue(peer_id=peer.peer_id, name=f"Peer {peer.peer_id}", dns_names=["weak"], private_key=key)


UNTRUSTED: dict[str, tuple[Callable[[ForeignPeer], KeyPair], tuple[int, str]]] = {
    "expired": (lambda peer: own(peer, not_before=now() - 30 * DAY_S, days=1), FAILED),
    "not valid yet": (lambda peer: own(peer, not_before=now() + 3_600), FAILED),
    "of an unknown root": (stranger, FAILED),
    "self-signed": (self_signed, FAILED),
    "of another Peer": (lambda peer: key_pair(OTHER), WRONG_PEER),
}


@pytest.mark.parametrize("name", UNTRUSTED)
def test_a_signer_that_the_group_does_not_trust_is_refused(stage: Stage, attacker: ForeignPeer, name: str) -> None:
    make, expected = UNTRUSTED[name]
    pair = listed(attacker, make(attacker))
    content = content_for(attacker)
    assert stage.submit(attacker, content, signed(pair, content, at=now())).refusal == expected


def test_a_weak_key_is_refused(stage: Stage, attacker: ForeignPeer) -> None:
    pair = weak(attacker)
    listing = {"keys": [{"x5c": [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in pair.chain]}]}
    attacker.pages[KEY_SET] = json.dumps(listing).encode()
    content = content_for(attacker)
    forged = jws(header_of(pair, alg="RS256"), payload_of(content), pair, "RS256")
    assert stage.submit(attacker, content, forged).refusal == FAILED


def test_a_revoked_signer_is_refused(stage: Stage) -> None:
    peer = stage.peer(FOREIGN)
    content = content_for(peer)
    listed(peer, stage.revoked)
    answer = stage.submit(peer, content, signed(stage.revoked, content, at=now()))
    assert answer.refusal == FAILED
    assert "revoked" in answer.json["message"]
    assert stage.held(peer) == []


def test_a_signature_of_another_party_cannot_be_handed_in_by_the_caller(stage: Stage, attacker: ForeignPeer) -> None:
    """Known to the program or not: the certificate of another Peer is never found for the caller."""
    honest = stage.peer()
    stage.agreed(honest)
    content = content_for(attacker)
    for forged in (sign(honest, content), signed(honest.pair, content, at=now() - 10)):
        assert stage.submit(attacker, content, forged).refusal == FAILED


def test_a_signature_is_for_one_contract_and_cannot_be_moved(stage: Stage) -> None:
    peer = stage.peer()
    first, second = content_for(peer), content_for(peer)
    signature = sign(peer, first)
    assert stage.submit(peer, first, signature).status == 201
    assert stage.submit(peer, second, signature).refusal == WRONG_HASH
    assert [one["content"] for one in stage.held(peer)] == [first]


def test_an_accept_does_not_bring_a_revoked_contract_back(stage: Stage) -> None:
    peer = stage.peer()
    content = content_for(peer)
    assert stage.submit(peer, content, sign(peer, content)).status == 201
    assert stage.put(peer, content, SignatureType.REVOKE, sign(peer, content, SignatureType.REVOKE)).status == 201
    assert stage.put(peer, content, SignatureType.ACCEPT, sign(peer, content)).status == 201
    refused = stage.token(peer, grant_hash_of(content))
    assert (refused.status, refused.json["error"]) == (400, "invalid_grant")
    [held] = stage.held(peer)
    assert set(held["signatures"]["revoke"]) == {peer.peer_id}
