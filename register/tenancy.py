"""Which tenant a request is for: the only place that decides it.

Standard: REGISTER.md section 3.3. A host name or the prefix `/t/<slug>` names the tenant; when both do they must agree.
No header and no body ever names one. The credential's tenant is compared in `register.access`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias
from urllib.parse import urlsplit

from register.errors import NotFound, TenantMismatch

ANY_PEER = "*"
_PREFIX = "/t/"


@dataclass(frozen=True, slots=True)
class PeerPolicy:
    """What consuming Peers may do with a service; `*` among the ids means every Peer."""

    peer_ids: frozenset[str]
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class RegisterService:
    """A family that this tenant offers through its Inway, under a name of its own."""

    name: str
    family: str
    external_base_url: str
    peers: tuple[PeerPolicy, ...] = ()

    def scopes_of(self, peer_id: str) -> frozenset[str] | None:
        """The scopes of one Peer: everything that applies to it together; None when nothing does."""
        granted = [each.scopes for each in self.peers if each.peer_ids & {peer_id, ANY_PEER}]
        return frozenset().union(*granted) if granted else None


@dataclass(frozen=True, slots=True)
class Application:
    """A credential of the internal listener; `token_hash` is `register.access.hash_token` of its key."""

    id: str
    token_hash: bytes
    scopes: frozenset[str]
    expires_at: int | None = None
    """From this Unix second on the token is not good any more; None: it does not end."""


@dataclass(frozen=True, slots=True)
class RegisterTenant:
    """One municipality as the register sees it.

    `public_base_url` starts every URL told to internal callers. `host_names` are those that belong to this tenant
    alone, lower case, without port; a host that several tenants share is not among them.
    """

    peer_id: str
    slug: str
    public_base_url: str
    host_names: frozenset[str] = frozenset()
    services: tuple[RegisterService, ...] = ()
    applications: tuple[Application, ...] = ()
    bsn_in_urls: bool = True
    """Whether a person may be looked up with the BSN in a URL."""

    def service(self, name: str) -> RegisterService | None:
        """The service of that name."""
        return next((each for each in self.services if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Internal:
    """Came in on the internal listener, from an application of the tenant."""

    tenant: RegisterTenant

    @property
    def base_url(self) -> str:
        """What absolute URLs start with for this caller."""
        return self.tenant.public_base_url.rstrip("/")


@dataclass(frozen=True, slots=True)
class Federated:
    """Came in through the tenant's Inway, for one of its services."""

    tenant: RegisterTenant
    service: RegisterService

    @property
    def base_url(self) -> str:
        """What absolute URLs start with for this caller."""
        return self.service.external_base_url.rstrip("/")


Arrival: TypeAlias = Internal | Federated


class Tenants:
    """The tenants of the installation, found by Peer ID, slug or host name."""

    def __init__(self, tenants: Iterable[RegisterTenant]) -> None:
        self.all = tuple(tenants)
        self._by_peer_id = _unique("Peer ID", ((each.peer_id, each) for each in self.all))
        self._by_slug = _unique("slug", ((each.slug, each) for each in self.all))
        self._by_host = _unique("host name", ((host, each) for each in self.all for host in each.host_names))

    def get(self, peer_id: str) -> RegisterTenant | None:
        """The tenant with this Peer ID."""
        return self._by_peer_id.get(peer_id)

    def resolve(self, host: str, path: str) -> tuple[RegisterTenant, str]:
        """Decide the tenant of a request on the internal listener, and the path within that tenant.

        Shape: `host` as in the Host header, `path` as on the wire. Raises: NotFound, TenantMismatch.
        """
        by_host = self._by_host.get(_host_name(host))
        if not path.startswith(_PREFIX):
            if by_host is None:
                raise NotFound("Geen organisatie bij deze hostnaam; gebruik de hostnaam of het pad /t/<naam>.")
            return by_host, path
        slug, slash, rest = path[len(_PREFIX) :].partition("/")
        by_path = self._by_slug.get(slug)
        if by_path is None:
            raise NotFound("Geen organisatie bij dit pad; controleer het deel na /t/.")
        if by_host is not None and by_host is not by_path:
            raise TenantMismatch
        return by_path, slash + rest


def host_names_of(public_base_url: str, slug: str) -> frozenset[str]:
    """The host names that a tenant has for itself: none when its URL already tells it apart by path."""
    parts = urlsplit(public_base_url)
    if parts.hostname is None or parts.path.rstrip("/").endswith(f"{_PREFIX}{slug}"):
        return frozenset()
    return frozenset({parts.hostname.lower()})


def _host_name(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[").lower()
    return host.partition(":")[0].rstrip(".").lower()


def _unique(what: str, entries: Iterable[tuple[str, RegisterTenant]]) -> Mapping[str, RegisterTenant]:
    found: dict[str, RegisterTenant] = {}
    for key, tenant in entries:
        if key in found:
            raise ValueError(f"{what} {key} is used by two tenants; give each its own")
        found[key] = tenant
    return MappingProxyType(found)
