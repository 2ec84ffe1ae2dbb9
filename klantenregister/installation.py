"""The composition root: from settings to a running process, and back.

Start order: stores, master key, register, listeners, tenants, background work; stop is the reverse. A tenant's name is
answered once everything it needs is there, and nothing is closed while something that uses it is open.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import AsyncIterator, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from aiohttp import web

from certs.custody import load_or_create_master_key
from certs.errors import CertsError
from certs.identity import PeerId
from certs.tls import sni_listener
from clock import Clock
from config.addresses import HttpUpstream as HttpAddress
from config.addresses import RegisterUpstream as RegisterAddress
from config.addresses import TcpAddress
from config.consistency import check_consistency
from config.errors import path_text
from config.reload import diff
from config.settings import Settings
from gateway.admin.accounts import Accounts
from gateway.admin.api import AdminApi
from gateway.admin.desired import apply_operations
from gateway.admin.openapi import Operation
from gateway.errors import ErrorDomain
from gateway.fsc.names import ServiceName
from gateway.http.client import new_session
from gateway.http.listener import ProtocolFactory
from gateway.inway.handler import inway_app
from gateway.manager.app import manager_app
from gateway.relay.http import SERVER_OPTIONS, HttpUpstream
from gateway.relay.upstream import Upstream
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import Tenant
from klantenregister import __version__
from klantenregister.applying import Applier
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

OpenOutways: TypeAlias = dict[PeerId, tuple[TcpAddress, web.AppRunner]]


@dataclass(slots=True)
class Installation:
    """A running process. `settings` is what it runs by; `apply` brings other tenants, certificates and rules.

    `config` is the file that they were read from; None when there is none.
    """

    settings: Settings
    roles: frozenset[Role]
    clock: Clock
    stores: Stores
    sessions: Sessions
    hosts: Hosts
    listeners: Listeners
    keyring: Keyring
    register: Register
    tasks: asyncio.TaskGroup
    config: Path | None = None
    is_open: bool = False
    _applying: asyncio.Lock = field(default_factory=asyncio.Lock)
    _outways: OpenOutways = field(default_factory=dict)
    _work: dict[PeerId, asyncio.Task[None]] = field(default_factory=dict)

    async def apply(self, settings: Settings) -> None:
        """Serve the tenants of `settings` from here on, without dropping a connection.

        What cannot change while the program runs keeps its value, and is logged. Raises: WrongUsage, Failed; then
        everything stays as it was.
        """
        async with self._applying:
            for key in diff(self.settings, settings).needs_restart:
                _log.warning("needs_restart", extra={"key": key})
            await self._apply(self.reloaded(settings))

    def reloaded(self, settings: Settings) -> Settings:
        """What `settings` come to without a restart: their tenants, and all else as it runs. Raises: WrongUsage."""
        settings = self.settings.model_copy(update={"tenants": settings.tenants})
        _check_together(settings)
        return settings

    async def _apply(self, settings: Settings) -> None:
        # Reading very many keys takes a while: not in the event loop, where requests wait for it.
        tenants = await asyncio.to_thread(load_tenants, settings)
        in_register = register_tenants(settings)
        hosted = [await self._hosted(tenant) for tenant in tenants]
        outways = await self._open_outways(settings, hosted)
        # Everything that may fail has succeeded.
        for one, tenant in zip(hosted, tenants, strict=True):
            one.use(tenant)
        self.settings = settings
        self.hosts.replace(hosted)
        self.register.use(in_register)
        self._work_for(hosted)
        # Last, because it waits for the requests under way.
        before, self._outways = self._outways, outways
        await self._close_outways_of(before, kept=outways)

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

    async def stop_work(self) -> None:
        """End the background work of every tenant; it uses nothing any more when this returns."""
        work = tuple(self._work.values())
        self._work.clear()
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    def _register_upstream(self, peer: LocalPeer, service: ServiceName) -> Upstream | None:
        if Role.REGISTER not in self.roles:
            base = self.settings.register_url
            return None if base is None else HttpUpstream(self.sessions.services, f"{base}/t/{peer.tenant.slug}")
        arrival = self.register.federated(peer.peer_id, service)
        return None if arrival is None else RegisterUpstream(self.register, arrival)

    async def _hosted(self, tenant: Tenant) -> HostedPeer:
        """The Peer as it is hosted already, else brought to life. Raises: WrongUsage, Failed."""
        try:
            hosted = self.hosts.get(tenant.peer_id)
            if hosted is None:
                limits, timeouts = self.settings.limits, self.settings.timeouts
                return await host_peer(
                    tenant, self.stores, self.sessions, clock=self.clock, limits=limits, timeouts=timeouts
                )
            await hosted.peer.certificates.load(tenant.key_pairs, now=self.clock.now())
        except CertsError as error:
            raise WrongUsage(str(error)) from error
        except StoreError as error:
            raise Failed(f"storage: {error}") from error
        return hosted

    async def _open_outways(self, settings: Settings, hosted: Iterable[HostedPeer]) -> OpenOutways:
        """The Outways that `settings` wants: those that are open there already, and new ones. Raises: Failed."""
        addresses = {
            tenant.peer_id: tenant.outway.listen
            for tenant in settings.tenants
            if tenant.outway is not None and Role.OUTWAY in self.roles
        }
        outways: OpenOutways = {}
        for one in hosted:
            address = addresses.get(one.peer.peer_id)
            if address is None:
                continue
            present = self._outways.get(one.peer.peer_id)
            if present is not None and present[0] == address:
                outways[one.peer.peer_id] = present
                continue
            key = f"tenants: outway.listen of {one.peer.tenant.slug}"
            try:
                runner = await self.listeners.plain(
                    key, one.outway.app(), address, SERVER_OPTIONS, component=ErrorDomain.OUTWAY
                )
            except Failed:
                await self._close_outways_of(outways, kept=self._outways)
                raise
            outways[one.peer.peer_id] = (address, runner)
        return outways

    async def _close_outways_of(self, outways: OpenOutways, *, kept: OpenOutways) -> None:
        for peer_id, one in outways.items():
            if kept.get(peer_id) is not one:
                await self.listeners.drop(one[1])

    def _work_for(self, hosted: Iterable[HostedPeer]) -> None:
        """Background work for these Peers and no others; those that have it already look again at once."""
        if Role.MANAGER not in self.roles:
            return
        wanted = {one.peer.peer_id: one for one in hosted}
        for peer_id in self._work.keys() - wanted.keys():
            self._work.pop(peer_id).cancel()
        for peer_id, one in wanted.items():
            if peer_id in self._work:
                one.manager.upkeep.kick()
            else:
                self._work[peer_id] = self.tasks.create_task(_supervised(one))


@contextlib.asynccontextmanager
async def running(
    settings: Settings, clock: Clock, roles: frozenset[Role] = ALL_ROLES, *, config: Path | None = None
) -> AsyncIterator[Installation]:
    """A process that serves `roles` for as long as the context is open. `config`: where the settings were read.

    Raises: WrongUsage for what the configuration gets wrong, Failed for what the machine does not allow.
    """
    try:
        async with contextlib.AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            installation = await _assembled(settings, clock, roles, tasks, stack)
            installation.config = config
            stack.push_async_callback(installation.stop_work)
            stack.push_async_callback(installation.listeners.close)
            await _listen(installation)
            await installation.apply(settings)
            installation.is_open = True
            try:
                yield installation
            finally:
                installation.is_open = False
    except BaseExceptionGroup as group:
        # The background work never raises: the group wraps the one exception that ended the block above.
        error = group.exceptions[0]
        raise error from error.__cause__


async def _assembled(
    settings: Settings, clock: Clock, roles: frozenset[Role], tasks: asyncio.TaskGroup, stack: contextlib.AsyncExitStack
) -> Installation:
    """Everything that lives as long as the process; no tenant is hosted and nothing listens yet."""
    stores = await open_stores(settings)
    stack.push_async_callback(stores.close)
    sessions = await _sessions(settings, stack)
    try:
        keyring = Keyring(stores.documents, load_or_create_master_key(settings.keys.master_file))
    except CertsError as error:
        raise WrongUsage(f"keys.master_file: {error}") from error
    hosts = Hosts()
    register = Register(
        stores.documents,
        keyring,
        Tenants(()),
        GatewayVerifier(hosts.peer, clock),
        clock,
        max_body_bytes=settings.limits.max_body_bytes,
    )
    listeners = Listeners(settings.limits, settings.timeouts)
    return Installation(settings, roles, clock, stores, sessions, hosts, listeners, keyring, register, tasks)


async def _sessions(settings: Settings, stack: contextlib.AsyncExitStack) -> Sessions:
    timeouts = settings.timeouts
    opened = [
        await stack.enter_async_context(
            new_session(connect_timeout_s=timeouts.connect_seconds, read_timeout_s=timeouts.read_seconds)
        )
        for _ in range(2)
    ]
    return Sessions(peers=opened[0], services=opened[1])


def _check_together(settings: Settings) -> None:
    """Check new tenants beside the listeners and the Group that stay until a restart. Raises: WrongUsage."""
    findings = [f"{path_text(location)}: {message}" for location, message in check_consistency(settings)]
    if findings:
        raise WrongUsage("\n".join(findings))


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
    # Applying reads files by their path: it is for who may open the socket, and not on the console listener.
    socket_api = _admin(installation, *apply_operations(Applier(installation)))
    await listeners.plain("listen.admin", socket_api.app(sign_in=False), settings.listen.admin)
    health = health_app(is_open=lambda: installation.is_open, ping=installation.stores.ping)
    await listeners.plain("listen.metrics", health, settings.listen.metrics)
    await _listen_to_peers(installation)
    if Role.REGISTER in roles:
        await listeners.plain("listen.register", make_application(installation.register), settings.listen.register)
    if Role.CONSOLE in roles:
        await listeners.plain("listen.console", _admin(installation).app(sign_in=True), settings.listen.console)


def _admin(installation: Installation, *more: Operation) -> AdminApi:
    return AdminApi(
        installation.hosts.managers, Accounts(installation.stores.documents), installation.clock, __version__, more=more
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
    app = inway_app(hosts.peer_of, installation.upstream_of)
    return await listeners.fsc(ErrorDomain.INWAY, app, SERVER_OPTIONS, max_field_bytes=MAX_TOKEN_HEADER_BYTES)


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
