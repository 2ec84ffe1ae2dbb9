"""A tenant as the gateway uses it: one hosted Peer, fixed until the next reload of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass

from certs.custody import KeyPair, newest_valid
from certs.errors import CertsError
from certs.identity import PeerId, PeerName, SubjectRule
from certs.trust import TrustStore
from config.settings import AcceptRule, AdditionalClaimsSettings, ConnectionSettings, ServiceSettings, TenantSettings
from gateway.fsc.names import GroupId, InwayAddress, ManagerAddress, ServiceName
from gateway.fsc.profile import HashProfile


class NoValidCertificate(CertsError):
    """None of the tenant's certificates is valid now, so it can neither sign nor serve."""


@dataclass(frozen=True, slots=True)
class Group:
    """The rules of the trust domain that every Peer in it shares (FSC Core, Group rules)."""

    id: GroupId
    subject_rule: SubjectRule
    trust: TrustStore
    hash_profiles: tuple[HashProfile, ...]
    directories: Mapping[PeerId, ManagerAddress]
    allow_any_port: bool
    token_ttl_s: int

    @property
    def fsc_version(self) -> str:
        """The version this Group's first profile creates Contracts for."""
        return "1.0.0" if self.hash_profiles[0] is HashProfile.FSC_1_1 else "2.0.0"


@dataclass(frozen=True, slots=True)
class Tenant:
    """One hosted Peer: its names, addresses, keys and what its configuration declares."""

    group: Group
    peer_id: PeerId
    name: PeerName
    slug: str
    directory: bool
    manager_address: ManagerAddress
    inway_address: InwayAddress
    key_pairs: tuple[KeyPair, ...]
    services: Mapping[ServiceName, ServiceSettings]
    accept: tuple[AcceptRule, ...]
    connections: tuple[ConnectionSettings, ...]
    additional_claims: AdditionalClaimsSettings | None = None

    def signing_pair(self, now: int) -> KeyPair:
        """The newest certificate that is valid at `now`: it serves TLS and signs. Raises: NoValidCertificate."""
        pair = newest_valid(self.key_pairs, now)
        if pair is None:
            raise NoValidCertificate(f"tenant {self.slug} has no certificate that is valid now: renew it")
        return pair


def build_tenant(settings: TenantSettings, group: Group, key_pairs: tuple[KeyPair, ...]) -> Tenant:
    """The tenant that `settings` declares, with its keys as loaded."""
    return Tenant(
        group=group,
        peer_id=settings.peer_id,
        name=PeerName(settings.name),
        slug=settings.slug,
        directory=settings.directory,
        manager_address=ManagerAddress(str(settings.manager_address)),
        inway_address=InwayAddress(str(settings.inway_address)),
        key_pairs=key_pairs,
        services={ServiceName(service.name): service for service in settings.services},
        accept=settings.accept,
        connections=settings.connections,
        additional_claims=settings.additional_claims,
    )
