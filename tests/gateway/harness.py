"""A Group on loopback: hosted Peers whose Managers really listen over mTLS, and foreign Peers that a test plays itself.

Nothing is faked but time: certificates come from a real (development) authority, connections are TLS 1.3 between real
ends, stores are those in memory unless a test brings its own.
"""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
from aiohttp import web

from certs.authority import DevelopmentAuthority
from certs.custody import KeyPair
from certs.identity import PeerId, PeerName, SubjectRule
from certs.revocation import RevocationMode
from certs.thumbprint import PublicKeyThumbprint
from certs.tls import client_context, server_context, sni_listener
from certs.trust import TrustStore
from clock import FixedClock, SystemClock
from config.models.installation import LimitsSettings, TimeoutSettings
from config.settings import AcceptRule, ConnectionSettings, ServiceSettings
from gateway.errors import ErrorDomain
from gateway.fsc.build import build_content
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import (
    DelegatedService,
    DelegatedServiceConnectionGrant,
    DelegatedServicePublicationGrant,
    Grant,
    NamedPeer,
    Outway,
    PublicKeyIdentification,
    PublishedService,
    Service,
    ServiceConnectionGrant,
    ServicePublicationGrant,
)
from gateway.fsc.hashes import compute_hashes
from gateway.fsc.jcs import JsonObject
from gateway.fsc.jwks import build_jwks
from gateway.fsc.names import ContentHash, GrantHash, GroupId, InwayAddress, ManagerAddress, ServiceName
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignaturePayload, SignatureType, sign_contract
from gateway.http.client import new_session
from gateway.http.listener import ProtocolFactory, listen_tls
from gateway.http.protocol import FscProtocol
from gateway.http.resolver import LocalhostResolver
from gateway.manager.app import manager_app
from gateway.relay.origin import Origins
from gateway.relay.settings import RelayLimits, RelaySettings, RelayTimeouts
from gateway.relay.ticker import Ticker
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import Group, Tenant
from gateway.txlog.log import TRANSACTIONS
from klantenregister.hosting import HostedPeer, Hosts, Role, Sessions, host_peer
from klantenregister.stores import COLLECTIONS, Stores
from storage.memory import MemoryDocuments, MemoryLog

GROUP = GroupId("fsc.example.test")
DIRECTORY = PeerId("00000099000000000010")
PROVIDER = PeerId("00000001823288444000")
CONSUMER = PeerId("00000001950428139000")
FOREIGN = PeerId("00000003123456780000")
OTHER = PeerId("00000003987654320000")
SERVICE = ServiceName("klantinteracties")
RULE = SubjectRule()
DAY_S = 86_400
MAX_BODY_BYTES = 100_000
LIMITS = LimitsSettings(max_body_bytes=MAX_BODY_BYTES)

_MANAGERS = frozenset({Role.MANAGER})


@cache
def authority() -> DevelopmentAuthority:
    """The CA of the Group: one for all tests."""
    return DevelopmentAuthority.create("test", now=SystemClock().now())


@cache
def strange_authority() -> DevelopmentAuthority:
    """A CA that the Group does not trust."""
    return DevelopmentAuthority.create("elsewhere", now=SystemClock().now())


def key_pair(
    peer_id: PeerId,
    *,
    host: str = "",
    algorithm: str = "ec",
    issuer: DevelopmentAuthority | None = None,
    days: int = 365,
    not_before: int | None = None,
) -> KeyPair:
    """A certificate of the Group for one Peer, by which its Manager answers at `host`."""
    names = [host or f"{peer_id}.localhost"]
    return (issuer or authority()).issue(
        peer_id=peer_id, name=f"Peer {peer_id}", dns_names=names, algorithm=algorithm, days=days, not_before=not_before
    )


def make_group(**changes: Any) -> Group:
    """The rules of the Group; addresses may have any port, because tests do."""
    group = Group(
        id=GROUP,
        subject_rule=RULE,
        trust=TrustStore.from_pem([authority().anchors_pem()], crls=(), mode=RevocationMode.OFF),
        hash_profiles=(HashProfile.FSC_2_0,),
        directories={},
        allow_any_port=True,
        token_ttl_s=600,
    )
    return replace(group, **changes)


def make_tenant(peer_id: PeerId = PROVIDER, *, port: int = 8443, group: Group | None = None, **changes: Any) -> Tenant:
    """A hosted Peer with one certificate."""
    host = f"manager-{peer_id}.localhost"
    tenant = Tenant(
        group=group or make_group(),
        peer_id=peer_id,
        name=PeerName(f"Peer {peer_id}"),
        slug=f"peer-{peer_id[-4:]}",
        directory=False,
        manager_address=ManagerAddress(f"https://{host}:{port}"),
        inway_address=InwayAddress(f"https://inway-{peer_id}.localhost:443"),
        key_pairs=(),
        services={},
        accept=(),
        connections=(),
    )
    tenant = replace(tenant, **changes)
    return tenant if tenant.key_pairs else replace(tenant, key_pairs=(key_pair(peer_id, host=host),))


def offering(*names: str, **settings: Any) -> dict[ServiceName, ServiceSettings]:
    """The `services` of a tenant."""
    upstream = {"upstream": "http://127.0.0.1:9", **settings}
    return {ServiceName(name): ServiceSettings.model_validate({"name": name, **upstream}) for name in names}


def accepting(*grants: str, **settings: Any) -> AcceptRule:
    """A rule that accepts these types of grant from anybody, unless `settings` say otherwise."""
    return AcceptRule.model_validate({"grants": grants, "peers": ("*",), **settings})


def wanting(name: str, service_peer: PeerId, service: str = SERVICE, **settings: Any) -> ConnectionSettings:
    """A declared connection."""
    reference = {"peer_id": service_peer, "name": service}
    return ConnectionSettings.model_validate({"name": name, "service": reference, **settings})


# -- Grants and Contracts


def connection(
    pair: KeyPair, outway_peer: PeerId, service_peer: PeerId, *, service: str = SERVICE, delegator: PeerId | None = None
) -> ServiceConnectionGrant:
    """`outway_peer`, holder of `pair`, may use the Service; `delegator` is on whose behalf it is offered."""
    return ServiceConnectionGrant(outway=_outway(pair, outway_peer), service=_service(service_peer, service, delegator))


def delegated_connection(
    pair: KeyPair,
    outway_peer: PeerId,
    service_peer: PeerId,
    *,
    on_behalf_of: PeerId,
    service: str = SERVICE,
    delegator: PeerId | None = None,
) -> DelegatedServiceConnectionGrant:
    """As `connection`, on behalf of a Delegator."""
    return DelegatedServiceConnectionGrant(
        outway=_outway(pair, outway_peer),
        service=_service(service_peer, service, delegator),
        delegator=NamedPeer(peer_id=on_behalf_of),
    )


def publication(directory: PeerId, service_peer: PeerId, service: str = SERVICE) -> ServicePublicationGrant:
    """The Service of `service_peer` is listed at `directory`."""
    return ServicePublicationGrant(directory=NamedPeer(peer_id=directory), service=_published(service_peer, service))


def delegated_publication(
    directory: PeerId, service_peer: PeerId, on_behalf_of: PeerId, service: str = SERVICE
) -> DelegatedServicePublicationGrant:
    """As `publication`, on behalf of a Delegator."""
    return DelegatedServicePublicationGrant(
        directory=NamedPeer(peer_id=directory),
        service=_published(service_peer, service),
        delegator=NamedPeer(peer_id=on_behalf_of),
    )


def make_content(
    *grants: Grant,
    now: int,
    valid_s: int = 30 * DAY_S,
    profile: HashProfile = HashProfile.FSC_2_0,
    **changes: object,
) -> JsonObject:
    """The content of a Contract that began a minute ago; `changes` replace members, None removes one."""
    content = build_content(
        iv=uuid4(),
        group_id=GROUP,
        not_before=now - 60,
        not_after=now - 60 + valid_s,
        grants=grants,
        created_at=now - 60,
        profile=profile,
    )
    return {name: value for name, value in {**content, **changes}.items() if value is not None}


def content_hash_of(content: JsonObject, profile: HashProfile = HashProfile.FSC_2_0) -> ContentHash:
    """What signatures over `content` name."""
    return compute_hashes(parse_contract_content(content), profile).content_hash


def grant_hash_of(content: JsonObject, profile: HashProfile = HashProfile.FSC_2_0) -> GrantHash:
    """The hash of the first Grant."""
    return compute_hashes(parse_contract_content(content), profile).grant_hashes[0]


def signed(
    pair: KeyPair, content: JsonObject, kind: SignatureType = SignatureType.ACCEPT, *, at: int, over: str | None = None
) -> str:
    """A signature by the holder of `pair` over `content`, or over the hash `over`."""
    payload = SignaturePayload(over or content_hash_of(content), kind, at)
    return sign_contract(payload, pair.private_key, pair.thumbprint)


def _outway(pair: KeyPair, peer_id: PeerId) -> Outway:
    thumbprint: PublicKeyThumbprint = pair.public_key_thumbprint
    return Outway(peer_id=peer_id, identification=PublicKeyIdentification(public_key_thumbprint=thumbprint))


def _service(peer_id: PeerId, name: str, delegator: PeerId | None) -> Service | DelegatedService:
    if delegator is None:
        return Service(peer_id=peer_id, name=ServiceName(name))
    return DelegatedService(peer_id=peer_id, name=ServiceName(name), delegator=NamedPeer(peer_id=delegator))


def _published(peer_id: PeerId, name: str) -> PublishedService:
    return PublishedService(peer_id=peer_id, name=ServiceName(name), protocol="PROTOCOL_TCP_HTTP_1.1")


# -- Peers


@dataclass(frozen=True)
class Answer:
    """What a Manager said."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of an error in the shape of the standard; checks the shape."""
        body = self.json
        assert set(body) == {"message", "domain", "code"}
        assert body["domain"] == "ERROR_DOMAIN_MANAGER"
        assert self.headers["Fsc-Error-Code"] == body["code"]
        assert body["message"]
        code: str = body["code"]
        return code

    @property
    def refusal(self) -> tuple[int, str]:
        """Status and code of an error."""
        return self.status, self.code


@dataclass(frozen=True)
class Received:
    """A request that a foreign Peer got."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class ForeignPeer:
    """A Peer that is not ours: it publishes its keys, keeps what it receives, and says what the test wants."""

    peer_id: PeerId
    pair: KeyPair
    session: aiohttp.ClientSession
    context: ssl.SSLContext
    clock: FixedClock
    address: str = ""
    chains: list[tuple[Any, ...]] = field(default_factory=list)
    received: list[Received] = field(default_factory=list)
    status: int = 201
    body: bytes = b""
    pages: dict[str, bytes] = field(default_factory=dict)
    pause: asyncio.Event | None = None

    async def call(
        self, method: str, url: str, *, headers: Mapping[str, str] | None = None, data: bytes | None = None
    ) -> Answer:
        """One request over mTLS, in our own name."""
        async with self.session.request(method, url, headers=headers, data=data, ssl=self.context) as answer:
            return Answer(answer.status, answer.headers, await answer.text())

    async def get(self, manager: LocalPeer, path: str) -> Answer:
        """GET `path` at a Manager."""
        return await self.call("GET", f"{manager.tenant.manager_address}/v1{path}")

    async def announce(self, manager: LocalPeer) -> Answer:
        """Tell where we are."""
        return await self.call("PUT", f"{manager.tenant.manager_address}/v1/announce", headers=self._headers())

    async def submit(self, manager: LocalPeer, content: JsonObject, signature: object = None) -> Answer:
        """POST a Contract, accepted by us unless another signature is given."""
        return await self.send(
            manager, "POST", "/contracts", content, signature or signed(self.pair, content, at=self.clock.now())
        )

    async def put(
        self,
        manager: LocalPeer,
        content: JsonObject,
        kind: SignatureType,
        signature: object = None,
        url_hash: str | None = None,
    ) -> Answer:
        """PUT our signature of `kind`, or another one."""
        path = f"/contracts/{quote(url_hash or content_hash_of(content), safe='')}/{kind}"
        signature = signature or signed(self.pair, content, kind, at=self.clock.now())
        return await self.send(manager, "PUT", path, content, signature)

    async def send(self, manager: LocalPeer, method: str, path: str, content: object, signature: object) -> Answer:
        """A Contract and a signature, whatever they are."""
        body = json.dumps({"contract_content": content, "signature": signature}).encode()
        return await self.send_body(manager, method, path, body)

    async def send_body(self, manager: LocalPeer, method: str, path: str, body: bytes, **headers: str) -> Answer:
        """A body, whatever it is."""
        url = f"{manager.tenant.manager_address}/v1{path}"
        sent = {"Content-Type": "application/json", **self._headers(), **headers}
        return await self.call(method, url, headers=sent, data=body)

    async def token(self, manager: LocalPeer, form: str) -> Answer:
        """POST a form to /token."""
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        url = f"{manager.tenant.manager_address}/v1/token"
        return await self.call("POST", url, headers=headers, data=form.encode())

    def asked(self, path: str) -> int:
        """How often we were asked for this path."""
        return sum(one.path == path for one in self.received)

    def signatures_received(self) -> list[Received]:
        """The requests that brought us a signature."""
        return [one for one in self.received if one.path.startswith("/v1/contracts") and one.method != "GET"]

    def contracts_received(self) -> list[tuple[str, str]]:
        """Which signatures were brought to us: method and last part of the path."""
        return [(one.method, one.path.rsplit("/", 1)[-1]) for one in self.signatures_received()]

    def _headers(self) -> dict[str, str]:
        return {"Fsc-Manager-Address": self.address}

    async def _answer(self, request: web.Request) -> web.Response:
        self.received.append(Received(request.method, request.path, request.headers, await request.read()))
        if request.path == "/v1/.well-known/jwks.json" and request.path not in self.pages:
            return web.json_response(build_jwks(self.chains))
        if self.pause is not None:
            await self.pause.wait()
        if request.path in self.pages:
            return web.Response(body=self.pages[request.path], content_type="application/json")
        return web.Response(status=self.status, body=self.body)


@dataclass
class Federation:
    """The Peers of one test. `port` is where every hosted Manager listens."""

    clock: FixedClock
    stores: Stores
    sessions: Sessions
    hosts: Hosts
    port: int
    _stack: contextlib.AsyncExitStack

    async def host(self, peer_id: PeerId = PROVIDER, *, group: Group | None = None, **changes: Any) -> HostedPeer:
        """Host a Peer from here on."""
        return await self.host_tenant(make_tenant(peer_id, port=self.port, group=group, **changes))

    async def host_tenant(self, tenant: Tenant) -> HostedPeer:
        """Host a tenant from here on."""
        hosted = await host_peer(
            tenant,
            self.stores,
            self.sessions,
            clock=self.clock,
            limits=LimitsSettings(),
            timeouts=TimeoutSettings(connect_seconds=2, peer_request_seconds=5),
        )
        others = (one for one in self.hosts.all() if one.peer.peer_id != tenant.peer_id)
        self.hosts.replace((*others, hosted))
        return hosted

    async def foreign(
        self, peer_id: PeerId = FOREIGN, pair: KeyPair | None = None, *, listen: bool = True, port: int = 0
    ) -> ForeignPeer:
        """A Peer that the test plays."""
        pair = pair or key_pair(peer_id)
        trust = make_group().trust
        context = client_context(pair, trust, RULE, expected_peer=None, clock=self.clock)
        foreign = ForeignPeer(peer_id, pair, self.sessions.peers, context, self.clock, chains=[pair.chain])
        foreign.address = f"https://{peer_id}.localhost:{port or 9}"
        if listen:
            await self.open(foreign, port=port)
        return foreign

    async def open(self, foreign: ForeignPeer, *, port: int = 0) -> None:
        """Let a foreign Peer listen."""
        app = web.Application(client_max_size=10_000_000)
        app.router.add_route("*", "/{path:.*}", foreign._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        context = server_context(foreign.pair, make_group().trust, RULE, clock=self.clock)
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=context)
        await site.start()
        assert site._server is not None
        foreign.address = f"https://{foreign.peer_id}.localhost:{site._server.sockets[0].getsockname()[1]}"  # type: ignore[attr-defined]


async def memory_stores() -> Stores:
    """Empty stores in memory, open."""
    stores = Stores(MemoryDocuments(), MemoryLog())
    await open_stores(stores)
    return stores


async def open_stores(stores: Stores) -> None:
    """Open what the whole program would open."""
    await stores.documents.open(COLLECTIONS)
    await stores.logs.open((TRANSACTIONS,))


@contextlib.asynccontextmanager
async def federation(stores: Stores | None = None, limits: LimitsSettings = LIMITS) -> AsyncIterator[Federation]:
    """A Group whose hosted Managers listen on one port, as long as the context is open."""
    async with contextlib.AsyncExitStack() as stack:
        peers, services = [
            await stack.enter_async_context(new_session(connect_timeout_s=2, read_timeout_s=5)) for _ in range(2)
        ]
        relay = RelaySettings(RelayLimits(), RelayTimeouts(), Ticker())
        origins = Origins(LocalhostResolver(), relay.timeouts, relay.ticker)
        stack.push_async_callback(origins.close)
        hosts = Hosts()
        runner = web.AppRunner(
            manager_app(hosts.manager_of, limits, TimeoutSettings()),
            access_log=None,
            shutdown_timeout=0.1,
        )
        await runner.setup()
        stack.push_async_callback(runner.cleanup)

        def route(_: ssl.SSLObject) -> ProtocolFactory | None:
            assert runner.server is not None
            return partial(FscProtocol, ErrorDomain.MANAGER, runner.server, header_timeout_s=5, access_log=None)

        context = sni_listener(lambda name: hosts.select(name, _MANAGERS))
        server = await listen_tls("127.0.0.1", 0, context=context, route=route)
        stack.callback(server.close)
        port: int = server.sockets[0].getsockname()[1]
        yield Federation(
            FixedClock(SystemClock().now()),
            stores or await memory_stores(),
            Sessions(peers, services, origins, relay),
            hosts,
            port,
            stack,
        )


@contextlib.asynccontextmanager
async def working(*hosted: HostedPeer) -> AsyncIterator[None]:
    """The background work of these Peers runs as long as the context is open, and must end cleanly."""
    async with asyncio.TaskGroup() as tasks:
        work = [tasks.create_task(one.manager.upkeep.run()) for one in hosted]
        try:
            yield
        finally:
            for task in work:
                task.cancel()


async def eventually(condition: Callable[[], bool], *, within_s: float = 5.0) -> None:
    """Wait until `condition` holds; fails when it does not within the time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - what it waits for tells nobody
            await asyncio.sleep(0.005)


def log_texts(records: Iterable[Any]) -> str:
    """Everything that was logged, fields included."""
    return "\n".join(str(record.__dict__) for record in records)
