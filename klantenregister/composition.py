"""The composition root: from settings to a running process, and back.

Start order: stores, master key, register, listeners, tenants, background work; stop is the reverse. A tenant's name is
answered once everything it needs is there, and nothing is closed while something that uses it is open.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from certs.custody import load_or_create_master_key
from certs.errors import CertsError
from clock import Clock
from config.settings import Settings
from gateway.http.client import new_session
from gateway.http.resolver import LocalhostResolver
from gateway.relay.origin import Origins
from gateway.relay.settings import RelayLimits, RelaySettings, RelayTimeouts
from gateway.relay.ticker import Ticker
from klantenregister.background import BackgroundWork
from klantenregister.bridge import GatewayVerifier
from klantenregister.crl_cache import CrlCache
from klantenregister.crl_fetching import CrlFetcher
from klantenregister.endpoints import open_endpoints
from klantenregister.errors import WrongUsage
from klantenregister.expiry_watch import watch_expiry
from klantenregister.following import Following
from klantenregister.gathering import gather_figures, tell_figures
from klantenregister.hosting import ALL_ROLES, Hosts, Role, Sessions
from klantenregister.installation import Installation
from klantenregister.listening import Listeners
from klantenregister.live_trust import LiveTrust
from klantenregister.observing import request_figures
from klantenregister.outways import Outways
from klantenregister.stores import open_stores
from klantenregister.worker import Worker, alone
from register.app import Register
from register.privacy import Keyring
from register.tenancy import Tenants
from storage.documents import INSTALLATION, DocumentStore


@contextlib.asynccontextmanager
async def running(
    settings: Settings,
    clock: Clock,
    roles: frozenset[Role] = ALL_ROLES,
    *,
    config: Path | None = None,
    worker: Worker | None = None,
) -> AsyncIterator[Installation]:
    """A process that serves `roles` for as long as the context is open. `config`: where the settings were read.

    `worker` is which one it is of those that serve the installation together; None: it is alone.
    Raises: WrongUsage for what the configuration gets wrong, Failed for what the machine does not allow.
    """
    try:
        async with contextlib.AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            installation = await _assembled(settings, clock, roles, worker or alone(), tasks, stack)
            installation.config = config
            stack.push_async_callback(installation.trust.stop)
            stack.push_async_callback(installation.work.stop)
            stack.push_async_callback(installation.listeners.close)
            await open_endpoints(installation)
            await installation.apply(settings)
            installation.listeners.accept()
            if installation.worker.is_leader:
                watching = tasks.create_task(watch_expiry(installation.hosts, lambda: installation.trust.store, clock))
                stack.callback(watching.cancel)
            if installation.worker.line is not None:
                figures = tasks.create_task(_figures(installation))
                stack.callback(figures.cancel)
            # From here on the leader is the first to open an address that a new configuration brings.
            installation.listeners.claims = installation.worker.is_leader
            installation.is_open = True
            try:
                yield installation
            finally:
                installation.is_open = False
    except BaseExceptionGroup as group:
        # The background work never raises: the group wraps the one exception that ended the block above.
        error = group.exceptions[0]
        raise error from error.__cause__


async def _figures(installation: Installation) -> None:
    """Let the leader know what every worker counts."""
    worker = installation.worker
    if worker.is_leader:
        await gather_figures(worker.channels, installation.gathered)
    else:
        await tell_figures(worker.channels, worker.number, lambda: tuple(request_figures(installation.listeners.sites)))


async def _assembled(
    settings: Settings,
    clock: Clock,
    roles: frozenset[Role],
    worker: Worker,
    tasks: asyncio.TaskGroup,
    stack: contextlib.AsyncExitStack,
) -> Installation:
    """Everything that lives as long as the process; no tenant is hosted and nothing listens yet."""
    stores = await open_stores(settings, worker=worker.number, is_shared=worker.line is not None)
    stack.push_async_callback(stores.close)
    sessions = await _sessions(settings, stack)
    try:
        keyring = Keyring(stores.documents, load_or_create_master_key(settings.keys.master_file))
    except CertsError as error:
        raise WrongUsage(f"keys.master_file: {error}") from error
    hosts = Hosts()
    following = Following(worker.channels, stores.documents, hosts, clock)
    await following.begin(tasks)
    stack.push_async_callback(following.stop)
    register = Register(
        stores.documents,
        keyring,
        Tenants(()),
        GatewayVerifier(hosts.peer, clock),
        clock,
        max_body_bytes=settings.limits.max_body_bytes,
    )
    listeners = Listeners(
        settings.limits,
        settings.timeouts,
        is_shared=worker.line is not None,
        claims=worker.is_leader and worker.is_first,
    )
    outways = Outways(listeners, sessions.relay, tasks)
    stack.push_async_callback(outways.stop)
    return Installation(
        settings,
        roles,
        clock,
        stores,
        sessions,
        hosts,
        listeners,
        outways,
        await _trust(stores.documents, clock, tasks, settings, stack),
        BackgroundWork(tasks),
        keyring,
        register,
        tasks,
        worker,
        following,
    )


async def _trust(
    documents: DocumentStore,
    clock: Clock,
    tasks: asyncio.TaskGroup,
    settings: Settings,
    stack: contextlib.AsyncExitStack,
) -> LiveTrust:
    timeouts = settings.timeouts
    session = await stack.enter_async_context(
        new_session(connect_timeout_s=timeouts.connect_seconds, read_timeout_s=timeouts.read_seconds)
    )
    return LiveTrust(CrlCache(documents.for_tenant(INSTALLATION)), CrlFetcher(session), clock, tasks)


async def _sessions(settings: Settings, stack: contextlib.AsyncExitStack) -> Sessions:
    timeouts = settings.timeouts
    opened = [
        await stack.enter_async_context(
            new_session(connect_timeout_s=timeouts.connect_seconds, read_timeout_s=timeouts.read_seconds)
        )
        for _ in range(2)
    ]
    limits = RelayLimits(settings.limits.max_request_line_bytes, settings.limits.max_header_bytes)
    relay = RelaySettings(
        limits,
        RelayTimeouts(
            connect_s=timeouts.connect_seconds,
            read_s=timeouts.read_seconds,
            header_s=timeouts.header_seconds,
            idle_s=timeouts.idle_seconds,
        ),
        Ticker(),
    )
    origins = Origins(LocalhostResolver(), relay.timeouts, relay.ticker)
    stack.push_async_callback(origins.close)
    return Sessions(peers=opened[0], services=opened[1], origins=origins, relay=relay)
