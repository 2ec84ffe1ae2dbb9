"""What Peers bring to a connection: keys and certificates, signed contracts, tokens."""

import os
from dataclasses import replace
from functools import cache
from uuid import UUID

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from certs.handshake import PeerContext
from certs.identity import PeerId, SubjectRule
from certs.revocation import RevocationMode
from certs.tls import client_context
from certs.trust import TrustStore
from clock import SystemClock
from gateway.fsc.build import build_content
from gateway.fsc.claims import Claims
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import (
    DelegatedService,
    DelegatedServiceConnectionGrant,
    Grant,
    NamedPeer,
    Outway,
    PublicKeyIdentification,
    Service,
    ServiceConnectionGrant,
)
from gateway.fsc.hashes import compute_all
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import GroupId, ServiceName
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignaturePayload, SignatureType, sign_contract
from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer

PROVIDER = PeerId("00000000000000000001")
CONSUMER = PeerId("00000000000000000002")
DELEGATOR = PeerId("00000000000000000003")
SERVICE_DELEGATOR = PeerId("00000000000000000004")
STRANGER = PeerId("00000000000000000099")
GROUP = GroupId("fsc.dataplane.test")
ECHO = ServiceName("echo")
PROFILES = (HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES)
TTL_S = 600
DAY_S = 86_400

RULE = SubjectRule()


@cache
def authority() -> DevelopmentAuthority:
    """One CA for all tests: OpenSSL looks at the real clock, so it is of the present."""
    return DevelopmentAuthority.create("dataplane", now=SystemClock().now())


@cache
def trust() -> TrustStore:
    return TrustStore.from_pem([authority().anchors_pem()], crls=[], mode=RevocationMode.OFF)


def key_pair(peer_id: PeerId, number: int = 0) -> KeyPair:
    """A certificate of the Peer, with a key of its own for each `number`."""
    return _issued(peer_id, number)


@cache
def _issued(peer_id: PeerId, number: int) -> KeyPair:
    del number
    names = [f"inway.{peer_id}.localhost", f"manager.{peer_id}.localhost"]
    return authority().issue(peer_id=peer_id, name=f"Peer {peer_id}", dns_names=names)


def client_tls(pair: KeyPair, expected: PeerId | None = PROVIDER) -> PeerContext:
    """The context with which the holder of `pair` calls `expected`."""
    return client_context(pair, trust(), RULE, expected_peer=expected, clock=SystemClock())


def uuid7() -> str:
    return str(make_uuid7(SystemClock().now_ms(), os.urandom(RANDOM_BYTES)))


def connection_grant(*, name: ServiceName = ECHO, properties: JsonObject | None = None) -> ServiceConnectionGrant:
    """The consumer may use the Service."""
    service = Service(peer_id=PROVIDER, name=name)
    if properties is None:
        return ServiceConnectionGrant(outway=_outway(), service=service)
    return ServiceConnectionGrant(outway=_outway(), service=service, properties=properties)


def delegated_grant() -> DelegatedServiceConnectionGrant:
    """The consumer may use the Service on behalf of DELEGATOR."""
    return DelegatedServiceConnectionGrant(
        outway=_outway(), service=Service(peer_id=PROVIDER, name=ECHO), delegator=NamedPeer(peer_id=DELEGATOR)
    )


def grant_on_delegated_service() -> ServiceConnectionGrant:
    """The consumer may use the Service, which is offered on behalf of SERVICE_DELEGATOR."""
    return ServiceConnectionGrant(outway=_outway(), service=_delegated_service())


def doubly_delegated_grant() -> DelegatedServiceConnectionGrant:
    """The consumer may use the Service on behalf of DELEGATOR, which is offered on behalf of SERVICE_DELEGATOR."""
    return DelegatedServiceConnectionGrant(
        outway=_outway(),
        service=_delegated_service(),
        delegator=NamedPeer(peer_id=DELEGATOR),
    )


def _delegated_service() -> DelegatedService:
    return DelegatedService(peer_id=PROVIDER, name=ECHO, delegator=NamedPeer(peer_id=SERVICE_DELEGATOR))


def _outway() -> Outway:
    thumbprint = key_pair(CONSUMER).public_key_thumbprint
    return Outway(peer_id=CONSUMER, identification=PublicKeyIdentification(public_key_thumbprint=thumbprint))


def signed_contract(*grants: Grant, now: int) -> ContractRecord:
    """A valid contract with these grants, accepted by every Peer that they name."""
    content = build_content(
        iv=UUID(uuid7()),
        group_id=GROUP,
        not_before=now - DAY_S,
        not_after=now + DAY_S,
        grants=grants,
        created_at=now - DAY_S,
        profile=PROFILES[0],
    )
    parsed = parse_contract_content(content)
    record = ContractRecord(parsed, compute_all(parsed, PROFILES))
    for peer_id in sorted(parsed.content.peer_ids()):
        record = with_signature(record, peer_id, SignatureType.ACCEPT, now)
    return record


def with_signature(record: ContractRecord, peer_id: PeerId, kind: SignatureType, now: int) -> ContractRecord:
    """The record with a signature of the Peer."""
    pair = key_pair(peer_id)
    payload = SignaturePayload(record.content_hash, kind, now)
    return record.with_signature(kind, peer_id, sign_contract(payload, pair.private_key, pair.thumbprint))


async def only_raw_bytes(peer: LocalPeer, record: ContractRecord) -> None:
    """From here on `peer` knows the Grants of the Contract by their hashes under the second profile alone."""
    await peer.contracts.update(record.content_hash, lambda one: replace(one, hashes=one.hashes[1:]))


def valid_claims(record: ContractRecord, *, audience: str, now: int) -> Claims:
    """What the provider says in a token for the first grant of the contract, bound to the consumer's certificate."""
    (grant, *_) = record.content.grants
    assert isinstance(grant, ServiceConnectionGrant | DelegatedServiceConnectionGrant)
    return Claims(
        grant_hash=record.grant_hashes[0],
        group_id=GROUP,
        outway_peer_id=grant.outway_peer_id,
        service_peer_id=grant.service_peer_id,
        service_name=grant.service_name,
        audience=audience,
        expires_at=now + TTL_S,
        not_before=now - 60,
        certificate_thumbprint=key_pair(CONSUMER).thumbprint,
        delegator_peer_id=grant.delegator_peer_id,
        service_delegator_peer_id=grant.service_delegator_peer_id,
        properties=grant.properties if grant.has_properties else None,
    )
