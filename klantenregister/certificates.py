"""Which key pairs the `certificates` entries of a tenant come to, when its files are replaced while it is served.

What a tenant is served with was right when it was read. A file that is written anew may be anything: half of a pair,
another tenant's, expired, not valid yet. So an entry that is served keeps its pair until the files hold a better one.
Standard: FSC Core, TLS configuration and Peer identification; DESIGN section 3, rotation.
Units: `now` is whole Unix seconds.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from certs.custody import KeyPair, load_key_pair, valid_pairs
from certs.errors import CertificateRefused, CertificateRevoked, CertsError, CustodyError, RevocationUnknown
from certs.expiry import day
from certs.identity import PeerCertificate, PeerId, SubjectRule, describe
from certs.trust import TrustStore
from config.settings import CertificateSettings, TenantSettings

Entry: TypeAlias = tuple[PeerId, Path, Path]
"""An entry as it stays the same while its files are replaced: whose it is, and where certificate and key are."""

ServedPairs: TypeAlias = Mapping[Entry, tuple[KeyPair, ...]]
"""What each entry is served with: one pair, or a pair that begins later and the one that serves until then."""

NOTHING_SERVED: ServedPairs = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class EntryPairs:
    """What an entry comes to: its pairs, and what is wrong with what its files hold now."""

    pairs: tuple[KeyPair, ...]
    problems: tuple[str, ...] = ()
    goes_on: bool = False
    """Whether the tenant is served all the same, with what it was served with before."""
    warnings: tuple[str, ...] = ()
    """What the operator should know, though it is served with this."""


def entry_of(tenant: TenantSettings, files: CertificateSettings) -> Entry:
    """The entry that `files` is."""
    return tenant.peer_id, files.cert, files.key


def read_entry(
    tenant: TenantSettings,
    files: CertificateSettings,
    served: ServedPairs,
    rule: SubjectRule,
    trust: TrustStore | None,
    *,
    now: int,
) -> EntryPairs:
    """Read the files of an entry and decide what it comes to: what is served stays when they hold nothing better.

    `trust` None: the chain is not looked at. An expired certificate without another in its place is kept, because what
    it signed may be alive. One that begins later has what is served beside it until then. One that was revoked is
    served where there is no other: its Peers refuse it, which is no reason to keep other tenants from being served.
    """
    # What is served counts for as long as the configuration means the same tenant by it.
    present = tuple(
        one for one in served.get(entry_of(tenant, files), ()) if not tuple(_identity_problems(tenant, one, rule))
    )
    try:
        pair = load_key_pair(files.cert, files.key)
    except CustodyError as error:
        return EntryPairs(present, (str(error),), goes_on=bool(present))
    problems = tuple(_problems(tenant, pair, rule, trust, now))
    if problems and not present and trust is not None and _is_revoked(pair, trust, max(now, pair.not_before)):
        problems, warnings = tuple(_identity_problems(tenant, pair, rule)), problems[-1:]
        return EntryPairs((pair,), problems, warnings=warnings)
    if pair in present:
        return EntryPairs(present if pair.not_before > now else (pair,), problems, goes_on=True)
    if present and pair.not_after < now:
        problems = (f"expired on {day(pair.not_after)}: put a valid certificate there",)
    if present and problems:
        return EntryPairs(present, problems, goes_on=True)
    return EntryPairs((pair, *valid_pairs(present, now)) if pair.not_before > now else (pair,), problems)


def _problems(
    tenant: TenantSettings, pair: KeyPair, rule: SubjectRule, trust: TrustStore | None, now: int
) -> Iterator[str]:
    """Why the pair is not fit to serve this tenant; one that waits for its first day as it will be on that day."""
    if pair.not_after < now:
        return
    yield from _identity_problems(tenant, pair, rule)
    if trust is not None:
        yield from _chain_problems(pair, trust, max(now, pair.not_before))


def _identity_problems(tenant: TenantSettings, pair: KeyPair, rule: SubjectRule) -> Iterator[str]:
    """Whether the certificate is this tenant's and names both of its hosts."""
    try:
        held = describe(pair.certificate, rule)
    except CertsError as error:
        yield str(error)
        return
    if held.peer_id != tenant.peer_id:
        yield f"is for Peer ID {held.peer_id}, not {tenant.peer_id}: name the right file or peer_id"
    if held.name != tenant.name:
        yield f'is for the name "{held.name}", not "{tenant.name}": the two must be equal'
    for key, address in (("manager_address", tenant.manager_address), ("inway_address", tenant.inway_address)):
        if not _covers(held, address.host):
            yield f"does not hold the DNS name {address.host} of {key}: have it issued with that name"


def _covers(held: PeerCertificate, host: str) -> bool:
    """Standard: RFC 6125 6.4.3, a wildcard stands for exactly one label, the first."""
    wildcard = f"*.{host.partition('.')[2]}"
    return host in held.dns_names or wildcard in held.dns_names


def _is_revoked(pair: KeyPair, trust: TrustStore, now: int) -> bool:
    try:
        trust.verify_chain(pair.certificate, pair.chain[1:], now=now)
    except CertificateRevoked:
        return True
    except CertificateRefused:
        pass
    return False


def _chain_problems(pair: KeyPair, trust: TrustStore, now: int) -> Iterator[str]:
    try:
        trust.verify_chain(pair.certificate, pair.chain[1:], now=now)
    except CertificateRevoked as error:
        yield f"{error}: have a new one issued; until then other Peers refuse it"
    except RevocationUnknown as error:
        yield f"{error}: add the issuer's current CRL to group.revocation.crl"
    except CertificateRefused as error:
        yield f"{error}: check group.trust_anchors and the intermediates in the file"
