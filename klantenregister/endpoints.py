"""Which listener serves what: the external ones for other Peers, those of this machine for its own."""

import ssl
from collections.abc import Iterable, Mapping

from certs.tls import sni_listener
from config.addresses import TcpAddress
from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.admin.desired import apply_operations
from gateway.admin.openapi import Operation
from gateway.admin.revocation import revocation_operations
from gateway.errors import ErrorDomain
from gateway.http.listener import ProtocolFactory
from gateway.inway.handler import inway_site
from gateway.manager.app import manager_app
from klantenregister import __version__
from klantenregister.applying import Applier
from klantenregister.expiry_watch import endings, texts
from klantenregister.figures import Figure
from klantenregister.health import health_app
from klantenregister.hosting import Role
from klantenregister.installation import Installation
from klantenregister.observing import figures_of
from register.edge import make_application


async def open_endpoints(installation: Installation) -> None:
    """Open every listener of the roles. Raises: Failed."""
    settings, listeners, roles = installation.settings, installation.listeners, installation.roles
    await _listen_to_peers(installation)
    if Role.REGISTER in roles:
        await listeners.plain("listen.register", make_application(installation.register), settings.listen.register)
    if installation.worker.is_leader:
        await _listen_to_operators(installation)


async def _listen_to_operators(installation: Installation) -> None:
    """The listeners that one process serves for the whole installation."""
    settings, listeners = installation.settings, installation.listeners
    # Applying reads files by their path: it is for who may open the socket, and not on the console listener.
    socket_api = _admin(installation, *apply_operations(Applier(installation)))
    await listeners.plain("listen.admin", socket_api.app(sign_in=False), settings.listen.admin, is_shared=False)
    health = health_app(
        is_open=lambda: installation.is_open and installation.worker.are_all_serving,
        ping=installation.stores.ping,
        revocation=installation.trust.report,
        warnings=lambda: texts(endings(installation.hosts, installation.trust.store, installation.clock.now())),
        figures_now=lambda: _figures(installation),
    )
    await listeners.plain("listen.metrics", health, settings.listen.metrics, is_shared=False)
    if Role.CONSOLE in installation.roles:
        console = _admin(installation).app(sign_in=True)
        await listeners.plain("listen.console", console, settings.listen.console, is_shared=False)


async def _figures(installation: Installation) -> Iterable[Figure]:
    """The figures of this process, and of the others where there are any."""
    trust, sites = installation.trust, installation.listeners.sites
    own = await figures_of(installation.hosts, trust.store, trust.report(), sites, installation.clock)
    return installation.gathered.beside(own)


def _admin(installation: Installation, *more: Operation) -> AdminApi:
    return AdminApi(
        installation.hosts.managers,
        Accounts(installation.stores.documents),
        installation.clock,
        __version__,
        more=(*revocation_operations(installation.trust.report), *more),
    )


async def _listen_to_peers(installation: Installation) -> None:
    """The mTLS listeners of Managers and Inways: one socket for both when their addresses are equal."""
    settings = installation.settings
    addresses = {Role.MANAGER: settings.listen.manager, Role.INWAY: settings.listen.inway}
    served: dict[TcpAddress, dict[Role, ProtocolFactory]] = {}
    for role, address in addresses.items():
        if role in installation.roles:
            served.setdefault(address, {})[role] = await _protocol_factory(installation, role)
    for address, factories in served.items():
        await _listen_tls(installation, address, factories)


async def _protocol_factory(installation: Installation, role: Role) -> ProtocolFactory:
    """What makes the protocol of a connection for this role."""
    hosts, listeners = installation.hosts, installation.listeners
    if role is Role.MANAGER:
        app = manager_app(hosts.manager_of, installation.settings.limits, installation.settings.timeouts)
        return await listeners.fsc(ErrorDomain.MANAGER, app)
    site = inway_site(hosts.peer_of, installation.upstream_of, installation.sessions.relay)
    listeners.sites.append(site)
    return site.protocol


async def _listen_tls(
    installation: Installation, address: TcpAddress, factories: Mapping[Role, ProtocolFactory]
) -> None:
    hosts, roles = installation.hosts, frozenset(factories)

    def route(connection: ssl.SSLObject) -> ProtocolFactory | None:
        role = hosts.role_of(connection, roles)
        return None if role is None else factories[role]

    context = sni_listener(lambda name: hosts.select(name, roles))
    keys = " and ".join(f"listen.{role}" for role in sorted(roles))
    await installation.listeners.tls(keys, address, context, route)
