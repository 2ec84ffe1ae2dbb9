"""From settings to what the gateway and the register work with: keys read, trust built, policies translated."""

from pathlib import Path

from certs.custody import load_crl_file, load_key_pair, load_trust_file
from certs.errors import CertsError
from certs.trust import TrustStore
from config.addresses import RegisterUpstream
from config.settings import GroupSettings, ServiceSettings, Settings, TenantSettings
from gateway.fsc.names import GroupId, ManagerAddress
from gateway.fsc.profile import HashProfile
from gateway.state.tenant import Group, Tenant, build_tenant
from klantenregister.errors import WrongUsage
from register.access import hash_token
from register.tenancy import Application, PeerPolicy, RegisterService, RegisterTenant, Tenants, host_names_of


def load_group(settings: GroupSettings) -> Group:
    """The Group with its Trust Anchors and CRLs. Raises: WrongUsage when a file cannot be used."""
    revocation = settings.revocation
    try:
        trust = TrustStore.from_pem(
            [load_trust_file(path) for path in settings.trust_anchors],
            crls=[load_crl_file(source) for source in revocation.crl if isinstance(source, Path)],
            mode=revocation.mode,
        )
    except CertsError as error:
        raise WrongUsage(f"group: {error}") from error
    return Group(
        id=GroupId(settings.id),
        subject_rule=settings.subject_rule,
        trust=trust,
        hash_profiles=tuple(HashProfile(name) for name in settings.hash_profiles),
        directories={one.peer_id: ManagerAddress(str(one.manager_address)) for one in settings.directories},
        allow_any_port=settings.allow_any_port,
        token_ttl_s=settings.token_ttl_seconds,
    )


def load_tenants(settings: Settings) -> tuple[Tenant, ...]:
    """Every tenant with its key pairs. Raises: WrongUsage when a file cannot be used."""
    group = load_group(settings.group)
    tenants = []
    for number, tenant in enumerate(settings.tenants):
        try:
            pairs = tuple(load_key_pair(one.cert, one.key) for one in tenant.certificates)
        except CertsError as error:
            raise WrongUsage(f"tenants[{number}].certificates: {error}") from error
        tenants.append(build_tenant(tenant, group, pairs))
    return tuple(tenants)


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
            Application(one.id, hash_token(one.token.get_secret_value()), frozenset(one.scopes))
            for one in tenant.applications
        ),
    )


def _register_service(service: ServiceSettings, upstream: RegisterUpstream, tenant: TenantSettings) -> RegisterService:
    return RegisterService(
        name=service.name,
        family=upstream.family,
        external_base_url=str(service.public_base_url or tenant.inway_address),
        peers=tuple(PeerPolicy(frozenset(one.peer_ids), frozenset(one.scopes)) for one in service.peers),
    )
