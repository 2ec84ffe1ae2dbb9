"""Rules between settings: what is right by itself and wrong beside its neighbours. Pure.

One function per rule, listed at the end in the order they run. Standard: FSC Core, ports of Managers and Inways; a
tenant is chosen by SNI name, so names must not be shared.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, TypeAlias

from config.addresses import GROUP_PORTS, ListenAddress, PeerAddress, TcpAddress, UnixAddress, host_version
from config.errors import Location, path_text
from config.settings import Settings

Finding: TypeAlias = tuple[Location, str]

_WILDCARDS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared with, not listened on


def check_consistency(settings: Settings) -> Iterator[Finding]:
    """Find every breach of a rule: where, and what to do."""
    for rule in _RULES:
        yield from rule(settings)


def _ports(settings: Settings) -> Iterator[Finding]:
    if settings.group.allow_any_port:
        return
    for location, address in _peer_addresses(settings):
        if address.port not in GROUP_PORTS:
            yield location, "the port must be 443 or 8443 (only tests and demos set group.allow_any_port: true)"


def _peer_addresses(settings: Settings) -> Iterator[tuple[Location, PeerAddress]]:
    for index, directory in enumerate(settings.group.directories):
        yield ("group", "directories", index, "manager_address"), directory.manager_address
    for index, tenant in enumerate(settings.tenants):
        yield ("tenants", index, "manager_address"), tenant.manager_address
        yield ("tenants", index, "inway_address"), tenant.inway_address


def _server_names(settings: Settings) -> Iterator[Finding]:
    managers = [(("tenants", i, "manager_address"), t.manager_address.host) for i, t in enumerate(settings.tenants)]
    inways = [(("tenants", i, "inway_address"), t.inway_address.host) for i, t in enumerate(settings.tenants)]
    if settings.listen.manager == settings.listen.inway:
        yield from _shared(
            [*managers, *inways],
            "the host name is also that of {first}: one listener serves both, so they need different names",
        )
        return
    for names in (managers, inways):
        yield from _shared(names, "the host name is also that of {first}: tenants are told apart by it")


def _register_hosts(settings: Settings) -> Iterator[Finding]:
    """A host below `/t/<slug>` may be shared: there the path names the tenant."""
    bases = [
        (("tenants", i, "public_base_url"), t.public_base_url)
        for i, t in enumerate(settings.tenants)
        if t.public_base_url is not None and not t.public_base_url.path.endswith(f"/t/{t.slug}")
    ]
    yield from _shared(
        [(location, base.host) for location, base in bases],
        "the host name is also that of {first}: choose another, or let both URLs end with /t/<slug>",
    )


def _default_base_urls(settings: Settings) -> Iterator[Finding]:
    if isinstance(settings.listen.register, UnixAddress):
        for index, tenant in enumerate(settings.tenants):
            if tenant.public_base_url is None:
                yield (
                    ("tenants", index, "public_base_url"),
                    "is required: listen.register is a socket, which no URL names",
                )


def _listeners(settings: Settings) -> Iterator[Finding]:
    listeners: list[tuple[Location, ListenAddress]] = [
        (("listen", key), getattr(settings.listen, key))
        for key in ("manager", "inway", "register", "console", "admin", "metrics")
    ]
    listeners += [
        (("tenants", i, "outway", "listen"), t.outway.listen) for i, t in enumerate(settings.tenants) if t.outway
    ]
    for index, (location, address) in enumerate(listeners):
        for earlier, other in listeners[:index]:
            one_listener = {earlier, location} == _MAY_BE_ONE and address == other
            if _collide(address, other) and not one_listener:
                yield location, f"the address is also that of {path_text(earlier)}: choose another port"


_MAY_BE_ONE: Final[set[Location]] = {("listen", "manager"), ("listen", "inway")}


def _collide(one: ListenAddress, other: ListenAddress) -> bool:
    if isinstance(one, TcpAddress) and isinstance(other, TcpAddress):
        return one.port == other.port != 0 and _overlap(one.host, other.host)
    return one == other


def _overlap(one: str, other: str) -> bool:
    """A wildcard holds every address of its own IP version; what a name stands for is not known here."""
    if one == other:
        return True
    versions = {host_version(one), host_version(other)}
    return not _WILDCARDS.isdisjoint({one, other}) and (len(versions) == 1 or None in versions)


def _hosted_directories(settings: Settings) -> Iterator[Finding]:
    tenants = {tenant.peer_id: (index, tenant) for index, tenant in enumerate(settings.tenants)}
    for place, directory in enumerate(settings.group.directories):
        if directory.peer_id not in tenants:
            continue
        index, tenant = tenants[directory.peer_id]
        if not tenant.directory:
            yield ("tenants", index, "directory"), f"must be true: group.directories[{place}] says that it is one"
        if tenant.manager_address != directory.manager_address:
            location: Location = ("group", "directories", place, "manager_address")
            yield location, f"differs from tenants[{index}].manager_address, which is the same Peer's: make them equal"


def _connections(settings: Settings) -> Iterator[Finding]:
    for index, tenant in enumerate(settings.tenants):
        for place, connection in enumerate(tenant.connections):
            here: Location = ("tenants", index, "connections", place)
            if connection.service.peer_id == tenant.peer_id:
                message = "is the tenant itself: call an own service directly, or name the Peer that provides it"
                yield (*here, "service", "peer_id"), message
            if connection.delegator == tenant.peer_id:
                yield (*here, "delegator"), "is the tenant itself: leave it out to connect for oneself"
            if connection.service.delegator == connection.service.peer_id:
                yield (*here, "service", "delegator"), "is the provider itself: leave it out for a service of its own"


def _publications(settings: Settings) -> Iterator[Finding]:
    for index, tenant in enumerate(settings.tenants):
        for place, service in enumerate(tenant.services):
            if service.delegator == tenant.peer_id:
                location: Location = ("tenants", index, "services", place, "delegator")
                yield location, "is the tenant itself: leave it out to publish for oneself"


def _tokens(settings: Settings) -> Iterator[Finding]:
    tokens = [
        (("tenants", index, "applications", place, "token"), application.token.get_secret_value())
        for index, tenant in enumerate(settings.tenants)
        for place, application in enumerate(tenant.applications)
    ]
    yield from _shared(tokens, "is also the token of another application ({first}): a token belongs to one")


def _shared(values: Iterable[tuple[Location, str]], message: str) -> Iterator[Finding]:
    """Report every value that an earlier location has too."""
    first: dict[str, Location] = {}
    for location, value in values:
        if value in first:
            yield location, message.format(first=path_text(first[value]))
        else:
            first[value] = location


_RULES: Final[tuple[Callable[[Settings], Iterator[Finding]], ...]] = (
    _ports,
    _server_names,
    _listeners,
    _register_hosts,
    _default_base_urls,
    _hosted_directories,
    _connections,
    _publications,
    _tokens,
)
