"""The Peers that this process hosts: made, replaced on reload, found by the name a connection asks for."""

import ssl
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import aiohttp

from certs.custody import KeyPair
from certs.handshake import PeerContext
from certs.identity import PeerId
from certs.thumbprint import CertificateThumbprint
from certs.tls import client_context, context_of, server_context, server_name_of
from clock import Clock
from config.settings import LimitsSettings, TimeoutSettings
from gateway.fsc.names import host_and_port
from gateway.http.client import PeerClient
from gateway.http.json_client import JsonClient
from gateway.manager.handlers import HostedManager
from gateway.manager.upkeep import Upkeep
from gateway.outway.handler import Outway
from gateway.relay.origin import Origins
from gateway.relay.settings import RelaySettings
from gateway.state.announced import AnnouncedAddress
from gateway.state.changes import Tell, tell_nobody
from gateway.state.contract_store import ContractStore
from gateway.state.local_peer import LocalPeer
from gateway.state.own_certificates import OwnCertificates
from gateway.state.peers import PeerBook
from gateway.state.tenant import NoValidCertificate, Tenant
from gateway.txlog.retention import Retention
from klantenregister.stores import Stores

_MAX_CONTEXTS = 1000


class Role(StrEnum):
    """The parts of the program that can run in processes of their own."""

    MANAGER = "manager"
    INWAY = "inway"
    OUTWAY = "outway"
    REGISTER = "register"
    CONSOLE = "console"


ALL_ROLES = frozenset(Role)


class Contexts:
    """The TLS contexts of one tenant for its present certificate; a new certificate gets new ones."""

    def __init__(self, tenant: Tenant, clock: Clock) -> None:
        self._tenant = tenant
        self._clock = clock
        self._server: dict[CertificateThumbprint, PeerContext] = {}
        self._client: dict[tuple[CertificateThumbprint, PeerId], PeerContext] = {}

    def use(self, tenant: Tenant) -> None:
        """Make contexts for `tenant` as it is now: its trust or keys may have changed."""
        if tenant.group != self._tenant.group:
            self._server.clear()
            self._client.clear()
        held = {pair.thumbprint for pair in (*tenant.key_pairs, *tenant.replaced_pairs)}
        self._client = {key: context for key, context in self._client.items() if key[0] in held}
        self._tenant = tenant

    def server(self) -> PeerContext:
        """The context that answers. Raises: NoValidCertificate."""
        pair = self._tenant.signing_pair(self._clock.now())
        if pair.thumbprint not in self._server:
            self._server.clear()
            group = self._tenant.group
            self._server[pair.thumbprint] = server_context(pair, group.trust, group.subject_rule, clock=self._clock)
        return self._server[pair.thumbprint]

    def client(self, peer_id: PeerId, pair: KeyPair | None = None) -> PeerContext:
        """The context that calls `peer_id` and nobody else with `pair`; None: with the one that signs now.

        Raises: NoValidCertificate.
        """
        pair = pair or self._tenant.signing_pair(self._clock.now())
        key = (pair.thumbprint, peer_id)
        if key not in self._client:
            if len(self._client) >= _MAX_CONTEXTS:
                self._client.clear()
            group = self._tenant.group
            self._client[key] = client_context(
                pair, group.trust, group.subject_rule, expected_peer=peer_id, clock=self._clock
            )
        return self._client[key]


@dataclass(frozen=True, slots=True)
class HostedPeer:
    """One tenant while it is hosted."""

    peer: LocalPeer
    contexts: Contexts
    manager: HostedManager
    outway: Outway
    retention: Retention | None

    @property
    def slug(self) -> str:
        """How people name the tenant."""
        return self.peer.tenant.slug

    def use(self, tenant: Tenant) -> None:
        """Be this tenant from here on: new keys, trust, services and rules. Connections that exist keep theirs."""
        self.peer.tenant = tenant.succeeding(self.peer.tenant, self.peer.clock.now())
        self.contexts.use(self.peer.tenant)


async def host_peer(
    tenant: Tenant,
    stores: Stores,
    sessions: "Sessions",
    *,
    clock: Clock,
    limits: LimitsSettings,
    timeouts: TimeoutSettings,
    tell: Tell = tell_nobody,
    is_looked_after: bool = True,
) -> HostedPeer:
    """Bring a tenant to life: what it holds is loaded, nothing is started yet. Raises: StoreUnavailable.

    `tell` reaches the other processes that host it; `is_looked_after`: this one does its background work.
    """
    contexts = Contexts(tenant, clock)
    documents = stores.documents.for_tenant(tenant.peer_id)
    certificates = OwnCertificates(documents, token_ttl_s=tenant.group.token_ttl_s, tell=tell)
    client = PeerClient(
        sessions.peers,
        contexts.client,
        timeout_s=timeouts.peer_request_seconds,
        max_body_bytes=limits.max_body_bytes,
    )
    peer = LocalPeer(
        tenant,
        contracts=ContractStore(documents, clock.now, tell),
        peers=PeerBook(documents, tell),
        announced=AnnouncedAddress(documents),
        certificates=certificates,
        client=client,
        json_client=JsonClient(sessions.services),
        log=stores.transactions(tenant.peer_id),
        clock=clock,
        outgoing_context=contexts.client,
        tell=tell,
        is_looked_after=is_looked_after,
    )
    await certificates.load(tenant.key_pairs, now=clock.now())
    await peer.contracts.load()
    manager, outway = HostedManager(peer, Upkeep(peer)), Outway(peer, sessions.origins)
    return HostedPeer(peer, contexts, manager, outway, stores.retention(tenant.peer_id, clock))


@dataclass(frozen=True, slots=True)
class Sessions:
    """The connections out of this process: to other Peers, and to the Services behind the Inways."""

    peers: aiohttp.ClientSession
    services: aiohttp.ClientSession
    origins: Origins
    relay: RelaySettings


class Hosts:
    """The hosted Peers by slug, Peer ID and the names of their Managers and Inways."""

    def __init__(self) -> None:
        self._by_slug: dict[str, HostedPeer] = {}
        self._by_peer_id: dict[PeerId, HostedPeer] = {}
        self._by_name: dict[tuple[Role, str], HostedPeer] = {}

    def replace(self, hosted: Iterable[HostedPeer]) -> None:
        """From here on, host exactly these."""
        peers = tuple(hosted)
        self._by_slug = {one.slug: one for one in peers}
        self._by_peer_id = {one.peer.peer_id: one for one in peers}
        self._by_name = {
            (role, host_and_port(address)[0]): one
            for one in peers
            for role, address in (
                (Role.MANAGER, one.peer.tenant.manager_address),
                (Role.INWAY, one.peer.tenant.inway_address),
            )
        }

    def all(self) -> tuple[HostedPeer, ...]:
        """Every hosted Peer."""
        return tuple(self._by_slug.values())

    def get(self, peer_id: PeerId) -> HostedPeer | None:
        """The hosted Peer with this Peer ID, with all that is its own."""
        return self._by_peer_id.get(peer_id)

    def peer(self, peer_id: PeerId) -> LocalPeer | None:
        """The hosted Peer with this Peer ID."""
        hosted = self._by_peer_id.get(peer_id)
        return None if hosted is None else hosted.peer

    def managers(self) -> dict[str, HostedManager]:
        """The Managers by slug."""
        return {slug: one.manager for slug, one in self._by_slug.items()}

    def peer_of(self, connection: ssl.SSLObject) -> LocalPeer | None:
        """The Peer that an accepted connection is for: the one whose certificate answered."""
        return self.peer(context_of(connection).owner.peer_id)

    def manager_of(self, connection: ssl.SSLObject) -> HostedManager | None:
        """The Manager that an accepted connection is for."""
        hosted = self._by_peer_id.get(context_of(connection).owner.peer_id)
        return None if hosted is None else hosted.manager

    def role_of(self, connection: ssl.SSLObject, roles: frozenset[Role]) -> Role | None:
        """Which of `roles` the name of the connection stands for."""
        name = server_name_of(connection) or ""
        return next((role for role in roles if (role, name) in self._by_name), None)

    def select(self, name: str | None, roles: frozenset[Role]) -> PeerContext | None:
        """The context for a handshake that asks for `name`; None refuses it."""
        if name is None:
            return None
        hosted = next((self._by_name[role, name] for role in roles if (role, name) in self._by_name), None)
        try:
            return None if hosted is None else hosted.contexts.server()
        except NoValidCertificate:
            return None
