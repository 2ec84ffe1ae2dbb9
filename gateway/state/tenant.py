"""A tenant as the gateway uses it: one hosted Peer, fixed until the next reload of the configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from certs.custody import KeyPair, newest_valid, valid_pairs
from certs.errors import CertificateRefused, CertsError, RevocationUnknown
from certs.identity import PeerId, PeerName, SubjectRule
from certs.trust import TrustStore
from config.settings import AcceptRule, AdditionalClaimsSettings, ConnectionSettings, ServiceSettings, TenantSettings
from gateway.fsc.names import GroupId, InwayAddress, ManagerAddress, ServiceName
from gateway.fsc.profile import HashProfile

MAX_REPLACED = 4
"""Pairs kept beside the configured ones: each is a private key in memory."""


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
    replaced_pairs: tuple[KeyPair, ...] = ()
    """What `key_pairs` held before the configuration or a file was changed, while this process runs."""

    def signing_pair(self, now: int) -> KeyPair:
        """The newest certificate that is valid at `now`: it serves TLS and signs. Raises: NoValidCertificate."""
        pair = newest_valid(self.key_pairs, now)
        if pair is None:
            raise self._no_valid_certificate()
        return pair

    def outgoing_pairs(self, now: int) -> tuple[KeyPair, ...]:
        """The pairs that the Outway may call others with at `now`: the one that signs, then what it took over from.

        A Contract names the key of an Outway. Until one is valid for the newest key, the Outway goes on with the newest
        pair that has one: configured ones first, then those that were replaced. Raises: NoValidCertificate.
        """
        ordered = (*valid_pairs(self.key_pairs, now), *valid_pairs(self.replaced_pairs, now))
        if not ordered:
            raise self._no_valid_certificate()
        return tuple({pair.thumbprint: pair for pair in ordered}.values())

    def succeeding(self, before: "Tenant", now: int) -> "Tenant":
        """This tenant in the place of `before`, with the pairs of that one for its Outway, while they are of use.

        One that is not trusted any more, because it was revoked say, is of none. The newest MAX_REPLACED are kept.
        """
        configured = {pair.thumbprint for pair in self.key_pairs}
        candidates = valid_pairs((*before.key_pairs, *before.replaced_pairs), now)
        kept = {
            one.thumbprint: one for one in candidates if one.thumbprint not in configured and self._trusts(one, now)
        }
        return replace(self, replaced_pairs=tuple(kept.values())[:MAX_REPLACED])

    def _trusts(self, pair: KeyPair, now: int) -> bool:
        try:
            self.group.trust.verify_chain(pair.certificate, pair.chain[1:], now=now)
        except RevocationUnknown:
            return True
        except CertificateRefused:
            return False
        return True

    def _no_valid_certificate(self) -> NoValidCertificate:
        return NoValidCertificate(f"tenant {self.slug} has no certificate that is valid now: renew it")


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
