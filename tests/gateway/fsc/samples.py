"""Contracts, keys and certificates to test with."""

import datetime
from collections.abc import Sequence
from functools import cache
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from certs.identity import PeerCertificate, PeerId, SubjectRule, describe
from certs.thumbprint import PublicKeyThumbprint
from gateway.fsc.build import build_content
from gateway.fsc.contract import ParsedContract, parse_contract_content
from gateway.fsc.grants import (
    DelegatedService,
    DelegatedServiceConnectionGrant,
    DelegatedServicePublicationGrant,
    Grant,
    NamedPeer,
    Outway,
    OutwayIdentification,
    PublicKeyIdentification,
    PublishedService,
    Service,
    ServiceConnectionGrant,
    ServicePublicationGrant,
)
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import GroupId, ServiceName
from gateway.fsc.profile import HashProfile

PROVIDER = PeerId("00000000000000000001")
CONSUMER = PeerId("00000000000000000002")
DIRECTORY = PeerId("00000000000000000010")
DELEGATOR = PeerId("00000000000000000003")
SERVICE_DELEGATOR = PeerId("00000000000000000004")
STRANGER = PeerId("00000000000000000099")

GROUP = GroupId("fsc-example-group")
SERVICE = ServiceName("example-service")
THUMBPRINT = PublicKeyThumbprint("3a56f2e9269ac63f0d4394c46b96539da1625b6a985d38029ff89f34e490960c")
IV = UUID("06338364-8305-7b74-8000-de4963503139")
CREATED_AT = 1672527600
NOT_BEFORE = 1672527600
NOT_AFTER = 1704063600
NOW = 1680000000

SigningKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

BY_KEY: OutwayIdentification = PublicKeyIdentification(public_key_thumbprint=THUMBPRINT)


def connection(identification: OutwayIdentification = BY_KEY, **changes: object) -> ServiceConnectionGrant:
    return ServiceConnectionGrant(
        outway=Outway(peer_id=CONSUMER, identification=identification),
        service=Service(peer_id=PROVIDER, name=SERVICE),
    ).model_copy(update=changes)


def connection_to_delegated_service() -> ServiceConnectionGrant:
    return ServiceConnectionGrant(
        outway=Outway(peer_id=CONSUMER, identification=BY_KEY),
        service=DelegatedService(peer_id=PROVIDER, name=SERVICE, delegator=NamedPeer(peer_id=SERVICE_DELEGATOR)),
    )


def delegated_connection() -> DelegatedServiceConnectionGrant:
    return DelegatedServiceConnectionGrant(
        outway=Outway(peer_id=CONSUMER, identification=BY_KEY),
        service=Service(peer_id=PROVIDER, name=SERVICE),
        delegator=NamedPeer(peer_id=DELEGATOR),
    )


def publication() -> ServicePublicationGrant:
    return ServicePublicationGrant(
        directory=NamedPeer(peer_id=DIRECTORY),
        service=PublishedService(peer_id=PROVIDER, name=SERVICE, protocol="PROTOCOL_TCP_HTTP_1.1"),
    )


def delegated_publication() -> DelegatedServicePublicationGrant:
    return DelegatedServicePublicationGrant(
        directory=NamedPeer(peer_id=DIRECTORY),
        service=PublishedService(peer_id=PROVIDER, name=SERVICE, protocol="PROTOCOL_TCP_HTTP_2"),
        delegator=NamedPeer(peer_id=DELEGATOR),
    )


def content(*grants: Grant, profile: HashProfile = HashProfile.FSC_2_0) -> JsonObject:
    return build_content(
        iv=IV,
        group_id=GROUP,
        not_before=NOT_BEFORE,
        not_after=NOT_AFTER,
        grants=grants or (connection(),),
        created_at=CREATED_AT,
        profile=profile,
    )


def contract(*grants: Grant, profile: HashProfile = HashProfile.FSC_2_0) -> ParsedContract:
    return parse_contract_content(content(*grants, profile=profile))


@cache
def ec_key(curve: type[ec.EllipticCurve] = ec.SECP256R1, number: int = 0) -> ec.EllipticCurvePrivateKey:
    """The same key for the same arguments; `number` tells keys of one curve apart."""
    return ec.generate_private_key(curve())


@cache
def rsa_key(bits: int = 2048) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


def certificate(
    key: SigningKey,
    *,
    peer_id: str = CONSUMER,
    name: str = "Gemeente Voorbeeld",
    dns_names: Sequence[str] = (),
    issuer: str | None = None,
) -> x509.Certificate:
    """A certificate of the shape that Peers have, signed by its own key; `issuer` names another one."""
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name), x509.NameAttribute(NameOID.SERIAL_NUMBER, peer_id)]
    )
    issued_by = subject if issuer is None else x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issued_by)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.datetime(2023, 1, 1, tzinfo=datetime.UTC))
        .not_valid_after(datetime.datetime(2033, 1, 1, tzinfo=datetime.UTC))
    )
    if dns_names:
        alternatives = x509.SubjectAlternativeName([x509.DNSName(dns_name) for dns_name in dns_names])
        builder = builder.add_extension(alternatives, critical=False)
    return builder.sign(key, SHA256())


def peer(key: SigningKey, *, peer_id: str = CONSUMER, dns_names: Sequence[str] = ()) -> PeerCertificate:
    return describe(certificate(key, peer_id=peer_id, dns_names=dns_names), SubjectRule())
