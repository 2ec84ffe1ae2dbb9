"""A running process: the tenants that it hosts and what their names lead to, replaced as a whole on reload."""

import asyncio
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from certs.errors import CertsError
from clock import Clock
from config.addresses import HttpUpstream as HttpAddress
from config.addresses import RegisterUpstream as RegisterAddress
from config.consistency import check_consistency
from config.errors import path_text
from config.reload import RELOADED_OF_GROUP, diff
from config.settings import Settings
from gateway.fsc.names import ServiceName
from gateway.relay.origin import Origin, parse_origin
from gateway.relay.upstream import Upstream
from gateway.state.changes import tell_nobody
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import Tenant
from klantenregister.background import BackgroundWork
from klantenregister.bridge import RegisterUpstream
from klantenregister.certificates import ServedPairs
from klantenregister.errors import Failed, WrongUsage
from klantenregister.following import FOLLOWED_AFTER_S, Following
from klantenregister.gathering import Gathered
from klantenregister.hosting import ALL_ROLES, HostedPeer, Hosts, Role, Sessions, host_peer
from klantenregister.listening import Listeners
from klantenregister.live_trust import LiveTrust
from klantenregister.outways import Outways
from klantenregister.stores import Stores
from klantenregister.tenants import issuers_of, load_tenants, register_tenants
from klantenregister.worker import Worker
from register.app import Register
from register.privacy import Keyring
from storage.errors import StoreError

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class Installation:
    """A running process. `settings` is what it runs by; `apply` brings other tenants, certificates and rules.

    `config` is the file that they were read from; None when there is none. `served` is what the certificates of the
    configuration came to.
    """

    settings: Settings
    roles: frozenset[Role]
    clock: Clock
    stores: Stores
    sessions: Sessions
    hosts: Hosts
    listeners: Listeners
    outways: Outways
    trust: LiveTrust
    work: BackgroundWork
    keyring: Keyring
    register: Register
    tasks: asyncio.TaskGroup
    worker: Worker
    following: Following
    gathered: Gathered = field(default_factory=Gathered)
    config: Path | None = None
    is_open: bool = False
    served: ServedPairs = field(default_factory=dict)
    _applying: asyncio.Lock = field(default_factory=asyncio.Lock)

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
        """What `settings` come to without a restart: their tenants and trust, and all else as it runs.

        Raises: WrongUsage.
        """
        trust = {key: getattr(settings.group, key) for key in RELOADED_OF_GROUP}
        group = self.settings.group.model_copy(update=trust)
        settings = self.settings.model_copy(update={"group": group, "tenants": settings.tenants})
        _check_together(settings)
        return settings

    async def _apply(self, settings: Settings) -> None:
        trust = await self.trust.prepare(settings.group)
        # Reading very many keys takes a while: not in the event loop, where requests wait for it.
        loaded = await asyncio.to_thread(load_tenants, settings, trust.store, self.served, now=self.clock.now())
        in_register = register_tenants(settings)
        is_news = self._are_new_to_others(loaded.tenants)
        hosted = [await self._hosted(tenant) for tenant in loaded.tenants]
        outways = await self.outways.prepare(settings, hosted if Role.OUTWAY in self.roles else ())
        if is_news:
            await asyncio.sleep(FOLLOWED_AFTER_S)
        # Everything that may fail has succeeded.
        self.trust.use(trust, issuers_of(loaded.tenants))
        for one, tenant in zip(hosted, loaded.tenants, strict=True):
            one.use(tenant)
        self.settings, self.served = settings, loaded.served
        self.hosts.replace(hosted)
        self.register.use(in_register)
        self.following.look_again()
        self.worker.share(settings)
        if Role.MANAGER in self.roles and self.worker.is_leader:
            self.work.use(hosted)
        # Last, because it waits for the requests under way.
        await self.outways.use(outways)

    def _are_new_to_others(self, tenants: Iterable[Tenant]) -> bool:
        """Whether other processes are to learn of a certificate before a token that it signs reaches them."""
        if self.worker.line is None and self.roles == ALL_ROLES:
            return False
        present = [(one, hosted.peer) for one in tenants if (hosted := self.hosts.get(one.peer_id)) is not None]
        return any(peer.certificates.get(pair.thumbprint) is None for one, peer in present for pair in one.key_pairs)

    def upstream_of(self, peer: LocalPeer, service: ServiceName) -> Origin | Upstream | None:
        """What is behind the Inway of `peer` under this name."""
        settings = peer.tenant.services.get(service)
        match None if settings is None else settings.upstream:
            case None:
                return None
            case HttpAddress() as address:
                return self.sessions.origins.get(parse_origin(str(address)))
            case RegisterAddress():
                return self._register_upstream(peer, service)

    def _register_upstream(self, peer: LocalPeer, service: ServiceName) -> Origin | Upstream | None:
        if Role.REGISTER not in self.roles:
            base = self.settings.register_url
            if base is None:
                return None
            return self.sessions.origins.get(parse_origin(f"{base}/t/{peer.tenant.slug}"))
        arrival = self.register.federated(peer.peer_id, service)
        return None if arrival is None else RegisterUpstream(self.register, arrival)

    async def _hosted(self, tenant: Tenant) -> HostedPeer:
        """The Peer as it is hosted already, else brought to life. Raises: WrongUsage, Failed."""
        try:
            hosted = self.hosts.get(tenant.peer_id)
            if hosted is None:
                limits, timeouts = self.settings.limits, self.settings.timeouts
                return await host_peer(
                    tenant,
                    self.stores,
                    self.sessions,
                    clock=self.clock,
                    limits=limits,
                    timeouts=timeouts,
                    tell=tell_nobody if self.worker.line is None else self.following.teller(tenant.peer_id),
                    is_looked_after=self.worker.is_leader,
                )
            await hosted.peer.certificates.load(tenant.key_pairs, now=self.clock.now())
        except CertsError as error:
            raise WrongUsage(str(error)) from error
        except StoreError as error:
            raise Failed(f"storage: {error}") from error
        return hosted


def _check_together(settings: Settings) -> None:
    """Check new tenants beside the listeners and the Group that stay until a restart. Raises: WrongUsage."""
    findings = [f"{path_text(location)}: {message}" for location, message in check_consistency(settings)]
    if findings:
        raise WrongUsage("\n".join(findings))
