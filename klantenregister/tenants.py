"""From settings to what the gateway and the register work with: keys read, trust built, policies translated."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from cryptography import x509

from certs.custody import KeyPair, load_crl_file, load_trust_file
from certs.errors import CertsError
from certs.trust import TrustStore
from config.addresses import RegisterUpstream
from config.settings import GroupSettings, ServiceSettings, Settings, TenantSettings
from gateway.fsc.names import GroupId, ManagerAddress
from gateway.fsc.profile import HashProfile
from gateway.state.tenant import Group, Tenant, build_tenant
from klantenregister.certificates import NOTHING_SERVED, Entry, ServedPairs, entry_of, read_entry
from klantenregister.errors import WrongUsage
from register.access import hash_token
from register.tenancy import Application, PeerPolicy, RegisterService, RegisterTenant, Tenants, host_names_of


def load_trust(settings: GroupSettings) -> TrustStore:
    """What the files of the Group say of trust now. Raises: WrongUsage when one cannot be used."""
    revocation = settings.revocation
    try:
        return TrustStore.from_pem(
            [load_trust_file(path) for path in settings.trust_anchors],
            crls=[load_crl_file(source) for source in revocation.crl if isinstance(source, Path)],
            mode=revocation.mode,
        )
    except CertsError as error:
        raise WrongUsage(f"group: {error}") from error


def load_group(settings: GroupSettings, trust: TrustStore) -> Group:
    """The Group, which believes what `trust` does."""
    return Group(
        id=GroupId(settings.id),
        subject_rule=settings.subject_rule,
        trust=trust,
        hash_profiles=tuple(HashProfile(name) for name in settings.hash_profiles),
        directories={one.peer_id: ManagerAddress(str(one.manager_address)) for one in settings.directories},
        allow_any_port=settings.allow_any_port,
        token_ttl_s=settings.token_ttl_seconds,
    )


@dataclass(frozen=True, slots=True)
class LoadedTenants:
    """Every tenant with its key pairs, and what each `certificates` entry is served with from here on."""

    tenants: tuple[Tenant, ...]
    served: ServedPairs


def load_tenants(
    settings: Settings, trust: TrustStore, served: ServedPairs = NOTHING_SERVED, *, now: int
) -> LoadedTenants:
    """Read the tenants; an entry in `served` goes on with its pair where the files hold nothing better.

    Raises: WrongUsage when a file cannot be used and there is nothing to go on with.
    """
    group = load_group(settings.group, trust)
    tenants = []
    serves: dict[Entry, tuple[KeyPair, ...]] = {}
    for number, tenant in enumerate(settings.tenants):
        for place, files in enumerate(tenant.certificates):
            entry = entry_of(tenant, files)
            # At the start chains are the preflight's: lists that tell of revocation may still have to be fetched.
            chains_by = trust if entry in served else None
            read = read_entry(tenant, files, served, group.subject_rule, chains_by, now=now)
            if read.problems and not read.goes_on:
                raise WrongUsage(f"tenants[{number}].certificates[{place}]: {read.problems[0]}")
            serves[entry] = read.pairs
        pairs = (pair for files in tenant.certificates for pair in serves[entry_of(tenant, files)])
        tenants.append(build_tenant(tenant, group, tuple(pairs)))
    return LoadedTenants(tuple(tenants), serves)


def issuers_of(tenants: Iterable[Tenant]) -> tuple[x509.Certificate, ...]:
    """The CAs that the certificates of `tenants` came with."""
    return tuple(dict.fromkeys(one for tenant in tenants for pair in tenant.key_pairs for one in pair.chain[1:]))


def register_tenants(settings: Settings) -> Tenants:
    """Every tenant as the register sees it; that they can be told apart is what the settings were checked for."""
    return Tenants(_register_tenant(settings, tenant) for tenant in settings.tenants)


def _register_tenant(settings: Settings, tenant: TenantSettings) -> RegisterTenant:
    public_base_url = str(settings.public_base_url(tenant))
    return RegisterTenant(
        peer_id=tenant.peer_id,
        slug=tenant.slug,
        public_base_url=public_base_url,
        host_names=host_names_of(public_base_url, tenant.slug),
        services=tuple(
            _register_service(one, one.upstream, tenant)
            for one in tenant.services
            if isinstance(one.upstream, RegisterUpstream)
        ),
        applications=tuple(
            Application(
                one.id, hash_token(one.token.get_secret_value()), frozenset(one.scopes), _end_of(one.expires_on)
            )
            for one in tenant.applications
        ),
        bsn_in_urls=tenant.bsn_in_urls,
    )


def _end_of(day: date | None) -> int | None:
    """The first Unix second after a day, in UTC."""
    return None if day is None else int(datetime.combine(day + timedelta(days=1), time(), UTC).timestamp())


def _register_service(service: ServiceSettings, upstream: RegisterUpstream, tenant: TenantSettings) -> RegisterService:
    return RegisterService(
        name=service.name,
        family=upstream.family,
        external_base_url=str(service.public_base_url or tenant.inway_address),
        peers=tuple(PeerPolicy(frozenset(one.peer_ids), frozenset(one.scopes)) for one in service.peers),
    )
