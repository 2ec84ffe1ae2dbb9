"""The composition root: from settings to a running process, and back.

Start order: stores, master key, tenants, register, listeners, then background work; stop is the reverse. Nothing is
served before everything it needs is there, and nothing is closed while something that uses it is open.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from certs.custody import load_or_create_master_key
from certs.errors import CertsError
from certs.tls import sni_listener
from clock import Clock
from config.addresses import HttpUpstream as HttpAddress
from config.addresses import RegisterUpstream as RegisterAddress
from config.addresses import TcpAddress
from config.settings import Settings
from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.fsc.names import ServiceName
from gateway.http.client import new_session
from gateway.http.listener import ProtocolFactory
from gateway.inway.handler import inway_app
from gateway.manager.app import manager_app
from gateway.relay.http import HttpUpstream
from gateway.relay.upstream import Upstream
from gateway.state.local_peer import LocalPeer
from klantenregister import __version__
from klantenregister.bridge import GatewayVerifier, RegisterUpstream
from klantenregister.errors import Failed, WrongUsage
from klantenregister.health import health_app
from klantenregister.hosting import HostedPeer, Hosts, Role, Sessions, host_peer
from klantenregister.listening import Listeners
from klantenregister.stores import Stores, open_stores
from klantenregister.tenants import load_tenants, register_tenants
from register.app import Register
from register.edge import make_application
from register.privacy import Keyring
from register.tenancy import Tenants
from storage.errors import StoreError

_log = logging.getLogger(__name__)

ALL_ROLES = frozenset(Role)
MAX_TOKEN_HEADER_BYTES = 2 * 2**20
"""An access token carries the properties of its Grant, which may be 1 MB; base64 makes that a third more."""
_RESTART_S = 1.0


@dataclass(slots=True)
class Installation:
    """A running process. `settings` is what it runs by."""

    settings: Settings
    roles: frozenset[Role]
    clock: Clock
    stores: Stores
    sessions: Sessions
    hosts: Hosts
    listeners: Listeners
    keyring: Keyring
    register: Register
    is_open: bool = False

    def upstream_of(self, peer: LocalPeer, service: ServiceName) -> Upstream | None:
        """What is behind the Inway of `peer` under this name."""
        settings = peer.tenant.services.get(service)
        match None if settings is None else settings.upstream:
            case None:
                return None
            case HttpAddress() as address:
                return HttpUpstream(self.sessions.services, str(address))
            case RegisterAddress():
                return self._register_upstream(peer, service)

    def _register_upstream(self, peer: LocalPeer, service: ServiceName) -> Upstream | None:
        if Role.REGISTER not in self.roles:
            base = self.settings.register_url
            return None if base is None else HttpUpstream(self.sessions.services, f"{base}/t/{peer.tenant.slug}")
        arrival = self.register.federated(peer.peer_id, service)
        return None if arrival is None else RegisterUpstream(self.register, arrival)


@contextlib.asynccontextmanager
async def running(settings: Settings, clock: Clock, roles: frozenset[Role] = ALL_ROLES) -> AsyncIterator[Installation]:
    """A process that serves `roles` for as long as the context is open.

    Raises: WrongUsage for what the configuration gets wrong, Failed for what the machine does not allow.
    """
    async with contextlib.AsyncExitStack() as stack:
        tenants = load_tenants(settings)
        stores = await open_stores(settings)
        stack.push_async_callback(stores.close)
        sessions = await _sessions(settings, stack)
        hosts = Hosts()
        try:
            master_key = load_or_create_master_key(settings.keys.master_file)
            hosted = [
                await host_peer(
                    tenant, stores, sessions, clock=clock, limits=settings.limits, timeouts=settings.timeouts
                )
                for tenant in tenants
            ]
        except CertsError as error:
            raise WrongUsage(str(error)) from error
        except StoreError as error:
            raise Failed(f"storage: {error}") from error
        hosts.replace(hosted)
        keyring = Keyring(stores.documents, master_key)
        register = Register(
            stores.documents,
            keyring,
            Tenants(register_tenants(settings)),
            GatewayVerifier(hosts.peer, clock),
            clock,
            max_body_bytes=settings.limits.max_body_bytes,
        )
        listeners = Listeners(settings.limits, settings.timeouts)
        stack.push_async_callback(listeners.close)
        installation = Installation(settings, roles, clock, stores, sessions, hosts, listeners, keyring, register)
        await _listen(installation)
        installation.is_open = True
        async with asyncio.TaskGroup() as tasks:
            work = [tasks.create_task(_supervised(one)) for one in hosted] if Role.MANAGER in roles else []
            try:
                yield installation
            finally:
                installation.is_open = False
                await listeners.close()
                for task in work:
                    task.cancel()


async def _sessions(settings: Settings, stack: contextlib.AsyncExitStack) -> Sessions:
    timeouts = settings.timeouts
    opened = [
        await stack.enter_async_context(
            new_session(connect_timeout_s=timeouts.connect_seconds, read_timeout_s=timeouts.read_seconds)
        )
        for _ in range(2)
    ]
    return Sessions(peers=opened[0], services=opened[1])


async def _supervised(hosted: HostedPeer) -> None:
    """Keep the background work of one tenant going: a fault in one never stops the others, nor the serving."""
    while True:
        try:
            await hosted.manager.upkeep.run()
        except Exception:
            _log.exception("upkeep_crashed", extra={"peer_id": hosted.peer.peer_id})
            await asyncio.sleep(_RESTART_S)


async def _listen(installation: Installation) -> None:
    """Open every listener of the roles. Raises: Failed."""
    settings, listeners, roles = installation.settings, installation.listeners, installation.roles
    await listeners.plain("admin", _admin(installation).app(sign_in=False), settings.listen.admin)
    health = health_app(is_open=lambda: installation.is_open, ping=installation.stores.ping)
    await listeners.plain("metrics", health, settings.listen.metrics)
    await _listen_to_peers(installation)
    if Role.OUTWAY in roles:
        for hosted in installation.hosts.all():
            await _open_outway(installation, hosted)
    if Role.REGISTER in roles:
        await listeners.plain("register", make_application(installation.register), settings.listen.register)
    if Role.CONSOLE in roles:
        await listeners.plain("console", _admin(installation).app(sign_in=True), settings.listen.console)


def _admin(installation: Installation) -> AdminApi:
    return AdminApi(
        installation.hosts.managers, Accounts(installation.stores.documents), installation.clock, __version__
    )


async def _open_outway(installation: Installation, hosted: HostedPeer) -> None:
    for tenant in installation.settings.tenants:
        if tenant.peer_id == hosted.peer.peer_id and tenant.outway is not None:
            address = tenant.outway.listen
            await installation.listeners.plain(f"outway of {hosted.slug}", hosted.outway.app(), address)


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
        app = manager_app(hosts.manager_of, max_body_bytes=installation.settings.limits.max_body_bytes)
        runner = await listeners.runner(app)
    else:
        app = inway_app(hosts.peer_of, installation.upstream_of)
        runner = await listeners.runner(app, max_field_bytes=MAX_TOKEN_HEADER_BYTES)
    assert runner.server is not None
    return runner.server


async def _listen_tls(
    installation: Installation, address: TcpAddress, factories: Mapping[Role, ProtocolFactory]
) -> None:
    hosts, roles = installation.hosts, frozenset(factories)

    def route(connection: ssl.SSLObject) -> ProtocolFactory | None:
        role = hosts.role_of(connection, roles)
        return None if role is None else factories[role]

    context = sni_listener(lambda name: hosts.select(name, roles))
    await installation.listeners.tls(" and ".join(sorted(roles)), address, context, route)
