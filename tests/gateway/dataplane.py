"""A federation for the data plane, in one process: real TLS, really signed contracts, Inway and Outway listening.

    application -> Outway of CONSUMER -> Inway of PROVIDER -> Service

The Manager of the provider is only its token endpoint, around the real decision, so that a test can make it fail.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from certs.custody import KeyPair
from certs.handshake import PeerConnection, PeerContext
from certs.identity import PeerId, PeerName
from certs.thumbprint import CertificateThumbprint, certificate_thumbprint
from certs.tls import context_of, peer_of, server_context, server_name_of, sni_listener
from clock import FixedClock, SystemClock
from config.settings import ConnectionSettings, ServiceSettings
from gateway.fsc.claims import Claims
from gateway.fsc.grants import Grant
from gateway.fsc.logrecord import Direction, LogRecord
from gateway.fsc.names import GrantHash, InwayAddress, ManagerAddress, ServiceName, TransactionId
from gateway.fsc.oauth import OAuthError
from gateway.fsc.signature import SignatureType
from gateway.fsc.token import issue_token
from gateway.http.client import PeerClient, new_session
from gateway.http.json_client import JsonClient
from gateway.http.listener import ProtocolFactory, TlsListener, listen_plain, listen_tls
from gateway.http.resolver import LocalhostResolver
from gateway.inway.handler import inway_site
from gateway.manager.tokens import answer_token_request
from gateway.outway import handler
from gateway.relay.origin import Origin, Origins, parse_origin
from gateway.relay.settings import RelayLimits, RelaySettings, RelayTimeouts
from gateway.relay.ticker import Ticker
from gateway.relay.upstream import Upstream
from gateway.state import contract_store, own_certificates, peers
from gateway.state.announced import AnnouncedAddress
from gateway.state.contract_store import ContractStore
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.own_certificates import OwnCertificates
from gateway.state.peers import PeerBook
from gateway.state.tenant import Group, Tenant
from gateway.state.transactions import PreparedRecord, RecordFilter, WriteDone
from gateway.txlog.log import TRANSACTIONS, TransactionLog
from storage.memory import MemoryDocuments, MemoryLog
from tests.gateway.echo import EchoService
from tests.gateway.material import (
    CONSUMER,
    ECHO,
    GROUP,
    PROFILES,
    PROVIDER,
    RULE,
    TTL_S,
    client_tls,
    connection_grant,
    key_pair,
    signed_contract,
    trust,
    uuid7,
    valid_claims,
    with_signature,
)
from tests.gateway.wire import Message, Wire, connection, listening

CONNECTION = "klant"
GET = b"GET / HTTP/1.1\r\nHost: klant.outway\r\n\r\n"
"""A whole request to the Outway."""
START = b"POST / HTTP/1.1\r\nHost: klant.outway\r\n"
"""The beginning of one with a body: more header lines may follow."""

COLLECTIONS = (*contract_store.COLLECTIONS, *peers.COLLECTIONS, *own_certificates.COLLECTIONS)


def refusal(answer: Message, domain: str) -> tuple[int, str]:
    """Status and code, once the answer is seen to be a well formed error of this component."""
    body = json.loads(answer.body)
    assert set(body) == {"message", "domain", "code"}
    assert body["message"]
    assert body["domain"] == f"ERROR_DOMAIN_{domain}"
    assert answer.head.get("Fsc-Error-Code") == body["code"]
    assert (answer.head.get("WWW-Authenticate") == "Bearer") is (answer.status == 401)
    return answer.status, body["code"]


class TokenEndpoint:
    """The provider's Manager, as far as an Outway needs it."""

    def __init__(self) -> None:
        self.requests = 0
        self.answer: Callable[[], web.Response] | None = None
        self.gate = asyncio.Event()
        self.gate.set()
        self.issuer: LocalPeer | None = None

    def app(self) -> web.Application:
        app = web.Application()
        app.add_routes([web.post("/v1/token", self._token)])
        return app

    async def _token(self, request: web.Request) -> web.Response:
        self.requests += 1
        await self.gate.wait()
        if self.answer is not None:
            return self.answer()
        assert self.issuer is not None
        assert request.transport is not None
        client = peer_of(request.transport.get_extra_info("ssl_object"))
        try:
            return web.json_response(await answer_token_request(self.issuer, await request.read(), client))
        except OAuthError as error:
            return web.json_response(error.body(), status=error.status)


class HeldLog:
    """A transaction log that keeps every record waiting until it is released."""

    def __init__(self, log: TransactionLog) -> None:
        self._log = log
        self.waiting = asyncio.Event()
        self.release = asyncio.Event()
        self._writes: list[asyncio.Future[Any]] = []

    async def append(self, record: LogRecord) -> None:
        self.waiting.set()
        await self.release.wait()
        await self._log.append(record)

    def prepare(self, claims: Claims, direction: Direction) -> PreparedRecord:
        return self._log.prepare(claims, direction)

    def write(self, prepared: PreparedRecord, transaction_id: TransactionId, now: int, done: WriteDone) -> None:
        self.waiting.set()
        released = asyncio.ensure_future(self.release.wait())
        released.add_done_callback(lambda _: self._log.write(prepared, transaction_id, now, done))
        self._writes.append(released)

    async def find(self, wanted: RecordFilter) -> tuple[list[LogRecord], str]:
        return await self._log.find(wanted)


@dataclass(slots=True)
class DataPlane:
    """The federation while it runs."""

    clock: FixedClock
    provider: LocalPeer
    consumer: LocalPeer
    provider_log: MemoryLog
    consumer_log: MemoryLog
    service: EchoService
    manager: TokenEndpoint
    contract: ContractRecord
    tls_port: int
    outway_port: int
    served_with: dict[str, KeyPair]
    """Which certificate answers under which SNI name, of Inway and Manager of the provider."""
    is_hosted: bool = True
    """Whether the provider is among the Peers of its Inway."""
    has_upstream: bool = True
    """Whether there is anything behind the Inway."""
    handshakes: list[tuple[str | None, bool, CertificateThumbprint]] = field(default_factory=list)
    """Of every TLS connection to the provider: the name asked for, whether it resumed a session, whose it is."""

    @property
    def grant_hash(self) -> GrantHash:
        return self.contract.grant_hashes[0]

    def token(self, record: ContractRecord | None = None, *, signer: KeyPair | None = None, **changes: Any) -> str:
        """A token of the provider for `record`, by default its only contract; `changes` are to the claims."""
        audience = self.provider.tenant.inway_address
        claims = valid_claims(record or self.contract, audience=audience, now=self.clock.now())
        pair = signer or key_pair(PROVIDER)
        return issue_token(replace(claims, **changes), pair.private_key, pair.thumbprint)

    def authorized(self, token: str | None = None, transaction_id: str | None = None) -> bytes:
        """The header lines that the Inway wants."""
        bearer, transaction = token or self.token(), transaction_id or uuid7()
        return f"Fsc-Authorization: Bearer {bearer}\r\nFsc-Transaction-Id: {transaction}\r\n".encode()

    @asynccontextmanager
    async def inway(self, pair: KeyPair | None = None) -> AsyncIterator[Wire]:
        """A connection to the Inway with the certificate of `pair`, by default the consumer's."""
        tls = client_tls(pair or key_pair(CONSUMER))
        async with connection(self.tls_port, tls=tls, name=inway_name(PROVIDER)) as wire:
            yield wire

    @asynccontextmanager
    async def outway(self) -> AsyncIterator[Wire]:
        """A connection of an application to the consumer's Outway."""
        async with connection(self.outway_port) as wire:
            yield wire

    async def ask_inway(self, *header_lines: bytes, start: bytes = b"GET / HTTP/1.1") -> Message:
        """One request with these header lines and nothing else."""
        async with self.inway() as wire:
            return await wire.ask(start, b"\r\nHost: inway\r\n", *header_lines, b"\r\n")

    async def ask_outway(self, *header_lines: bytes, start: bytes = b"GET / HTTP/1.1") -> Message:
        """One request with these header lines, selecting the connection by Host name."""
        async with self.outway() as wire:
            return await wire.ask(start, b"\r\nHost: klant.outway\r\n", *header_lines, b"\r\n")

    async def add_contract(self, *grants: Grant) -> ContractRecord:
        """A valid contract that both sides hold."""
        record = signed_contract(*grants, now=self.clock.now())
        for peer in (self.provider, self.consumer):
            await peer.contracts.create(record)
        return record

    async def revoke(self, record: ContractRecord, *, at: Sequence[LocalPeer]) -> None:
        """Put a revocation by the consumer in the stores of these Peers."""
        for peer in at:
            await peer.contracts.update(
                record.content_hash,
                lambda one: with_signature(one, CONSUMER, SignatureType.REVOKE, self.clock.now()),
            )

    async def provider_records(self) -> list[LogRecord]:
        return (await self.provider.log.find(RecordFilter(limit=100)))[0]

    async def consumer_records(self) -> list[LogRecord]:
        return (await self.consumer.log.find(RecordFilter(limit=100)))[0]

    async def lose_earlier_keys(self) -> None:
        """Let the provider sign with another key from here on, and not know the tokens of the earlier one any more."""
        pair = key_pair(PROVIDER, 1)
        documents = MemoryDocuments()
        await documents.open(COLLECTIONS)
        self.provider.tenant = replace(self.provider.tenant, key_pairs=(pair,))
        self.provider.certificates = OwnCertificates(documents.for_tenant(PROVIDER), token_ttl_s=TTL_S)
        await self.provider.certificates.load((pair,), now=self.clock.now())

    def upstream_at(self, port: int) -> None:
        """From here on the Service is at this port of this machine."""
        offered = ServiceSettings.model_validate({"name": ECHO, "upstream": f"http://127.0.0.1:{port}"})
        self.provider.tenant = replace(self.provider.tenant, services={**self.provider.tenant.services, ECHO: offered})


def inway_name(peer_id: PeerId) -> str:
    return f"inway.{peer_id}.localhost"


def manager_name(peer_id: PeerId) -> str:
    return f"manager.{peer_id}.localhost"


def _tenant(peer_id: PeerId, tls_port: int, *, services: Mapping[ServiceName, ServiceSettings]) -> Tenant:
    group = Group(
        id=GROUP,
        subject_rule=RULE,
        trust=trust(),
        hash_profiles=PROFILES,
        directories={},
        allow_any_port=True,
        token_ttl_s=TTL_S,
    )
    wanted = ConnectionSettings.model_validate({"name": CONNECTION, "service": {"peer_id": PROVIDER, "name": ECHO}})
    return Tenant(
        group=group,
        peer_id=peer_id,
        name=PeerName(f"Peer {peer_id}"),
        slug=f"peer-{peer_id[-2:]}",
        directory=False,
        manager_address=ManagerAddress(f"https://{manager_name(peer_id)}:{tls_port}"),
        inway_address=InwayAddress(f"https://{inway_name(peer_id)}:{tls_port}"),
        key_pairs=(key_pair(peer_id),),
        services=services,
        accept=(),
        connections=(wanted,) if peer_id == CONSUMER else (),
    )


async def _local_peer(
    tenant: Tenant, documents: MemoryDocuments, log: MemoryLog, session: aiohttp.ClientSession, clock: FixedClock
) -> LocalPeer:
    store = documents.for_tenant(tenant.peer_id)
    contexts: dict[tuple[str, PeerId], PeerContext] = {}

    def outgoing(peer_id: PeerId, pair: KeyPair | None = None) -> ssl.SSLContext:
        chosen = pair or tenant.key_pairs[0]
        if (chosen.thumbprint, peer_id) not in contexts:
            contexts[chosen.thumbprint, peer_id] = client_tls(chosen, peer_id)
        return contexts[chosen.thumbprint, peer_id]

    certificates = OwnCertificates(store, token_ttl_s=TTL_S)
    await certificates.load(tenant.key_pairs, now=clock.now())
    return LocalPeer(
        tenant,
        contracts=ContractStore(store, clock.now),
        peers=PeerBook(store),
        announced=AnnouncedAddress(store),
        certificates=certificates,
        client=PeerClient(session, outgoing, timeout_s=5, max_body_bytes=2**20),
        json_client=JsonClient(session),
        log=TransactionLog(log.for_tenant(tenant.peer_id, TRANSACTIONS)),
        clock=clock,
        outgoing_context=outgoing,
    )


async def _runner(app: web.Application, stack: AsyncExitStack) -> web.AppRunner:
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0, max_field_size=2**21)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    return runner


async def _listen(
    plane_of: Callable[[], DataPlane],
    manager: TokenEndpoint,
    origins: Origins,
    relay: RelaySettings,
    stack: AsyncExitStack,
) -> TlsListener:
    """One TLS socket for the Inway and the Manager of the provider, told apart by SNI name."""

    def peer_of_connection(opened: ssl.SSLObject) -> LocalPeer | None:
        plane = plane_of()
        return plane.provider if plane.is_hosted and context_of(opened).owner.peer_id == PROVIDER else None

    def upstream_of(peer: LocalPeer, service: ServiceName) -> Origin | Upstream | None:
        settings = peer.tenant.services.get(service)
        if settings is None or not plane_of().has_upstream:
            return None
        return origins.get(parse_origin(str(settings.upstream)))

    inway = inway_site(peer_of_connection, upstream_of, relay)
    stack.push_async_callback(inway.drain, 0)
    tokens = await _runner(manager.app(), stack)
    by_name: dict[str | None, ProtocolFactory | None] = {
        inway_name(PROVIDER): inway.protocol,
        manager_name(PROVIDER): tokens.server,
    }

    def route(opened: ssl.SSLObject) -> ProtocolFactory | None:
        name = server_name_of(opened)
        assert isinstance(opened, PeerConnection)
        plane_of().handshakes.append((name, bool(opened.session_reused), certificate_thumbprint(opened.chain[0])))
        return by_name[name]

    def select(name: str | None) -> PeerContext | None:
        pair = plane_of().served_with.get(name or "")
        return None if pair is None else server_context(pair, trust(), RULE, clock=SystemClock())

    server = await listen_tls("127.0.0.1", 0, context=sni_listener(select), route=route)
    stack.callback(server.close)
    return server


@asynccontextmanager
async def data_plane() -> AsyncIterator[DataPlane]:
    """The federation, with one valid contract: the consumer may use the provider's Service."""
    async with AsyncExitStack() as stack:
        clock = FixedClock(SystemClock().now())
        documents, logs = MemoryDocuments(), (MemoryLog(), MemoryLog())
        await documents.open(COLLECTIONS)
        for log in logs:
            await log.open((TRANSACTIONS,))
        to_peers = await stack.enter_async_context(new_session(connect_timeout_s=5, read_timeout_s=5))
        service, manager = EchoService(), TokenEndpoint()
        service_port = await stack.enter_async_context(listening(service.serve))
        running: list[DataPlane] = []
        relay = RelaySettings(RelayLimits(), RelayTimeouts(connect_s=5, read_s=5), Ticker())
        origins = Origins(LocalhostResolver(), relay.timeouts, relay.ticker)
        stack.push_async_callback(origins.close)
        server = await _listen(lambda: running[0], manager, origins, relay, stack)
        tls_port = server.sockets[0].getsockname()[1]
        offered = {ECHO: ServiceSettings.model_validate({"name": ECHO, "upstream": f"http://127.0.0.1:{service_port}"})}
        provider = await _local_peer(_tenant(PROVIDER, tls_port, services=offered), documents, logs[0], to_peers, clock)
        consumer = await _local_peer(_tenant(CONSUMER, tls_port, services={}), documents, logs[1], to_peers, clock)
        manager.issuer = provider
        tenant = provider.tenant
        await consumer.peers.remember(PROVIDER, tenant.name, tenant.manager_address, now=clock.now())
        outway = handler.Outway(consumer, origins).site(relay)
        stack.push_async_callback(outway.drain, 0)
        applications = await listen_plain("127.0.0.1", 0, outway.protocol)
        stack.callback(applications.close)
        plane = DataPlane(
            clock=clock,
            provider=provider,
            consumer=consumer,
            provider_log=logs[0],
            consumer_log=logs[1],
            service=service,
            manager=manager,
            contract=signed_contract(connection_grant(), now=clock.now()),
            tls_port=tls_port,
            outway_port=applications.sockets[0].getsockname()[1],
            served_with=dict.fromkeys((inway_name(PROVIDER), manager_name(PROVIDER)), key_pair(PROVIDER)),
        )
        running.append(plane)
        for peer in (provider, consumer):
            await peer.contracts.create(plane.contract)
        yield plane


@pytest.fixture
async def plane() -> AsyncIterator[DataPlane]:
    """A federation of its own for each test."""
    async with data_plane() as running:
        yield running
