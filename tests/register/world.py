"""A register with two municipalities: real code on a real store, only the verifier of access tokens is a fake."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from clock import FixedClock
from register.access import FederatedCaller, FederatedCallerRefused, hash_token
from register.app import COLLECTIONS, Register
from register.http.messages import RegisterRequest, RegisterResponse
from register.privacy import Keyring
from register.tenancy import Application, Arrival, Internal, PeerPolicy, RegisterService, RegisterTenant, Tenants
from storage.documents import DocumentStore

API = "/klantinteracties/api/v1"
MASTER_KEY = bytes(range(32))
PEER_A, PEER_B = "00000001823288444000", "00000001950428139000"
CONSUMER = "00000003123456780000"
READER_SCOPES = frozenset({"klantinteracties.lezen", "bsn.zoeken"})
ACTIONS = ("lezen", "aanmaken", "bijwerken", "verwijderen")
ALL_SCOPES = READER_SCOPES | {
    f"{family}.{action}" for family in ("klantinteracties", "contactgegevens") for action in ACTIONS
}

BSN, OTHER_BSN, THIRD_BSN = "999990019", "123456782", "111222333"
RSIN, KVK, OTHER_KVK, VESTIGING = "823288444", "12345678", "87654321", "000012345678"
NOBODY = "00000000-0000-4000-8000-000000000000"


def tenant(peer_id: str, slug: str) -> RegisterTenant:
    service = RegisterService(
        name="klantinteracties",
        family="klantinteracties",
        external_base_url=f"https://inway.{slug}.test",
        peers=(PeerPolicy(frozenset({CONSUMER}), READER_SCOPES),),
    )
    return RegisterTenant(
        peer_id=peer_id,
        slug=slug,
        public_base_url=f"https://klant.{slug}.test",
        host_names=frozenset({f"klant.{slug}.test"}),
        services=(service, RegisterService("taken", "taken", f"https://inway.{slug}.test")),
        applications=(
            Application("alles", hash_token(f"{slug}-alles"), ALL_SCOPES),
            Application("lezer", hash_token(f"{slug}-lezer"), frozenset({"klantinteracties.lezen"})),
        ),
    )


class FakeVerifier:
    """Accepts a token for the tenant and service it was made for, as a verified token would be."""

    def __init__(self) -> None:
        self.callers: dict[tuple[str, str, str], FederatedCaller] = {}

    def allow(
        self, token: str, tenant_peer_id: str, caller: FederatedCaller, service: str = "klantinteracties"
    ) -> None:
        self.callers[token, tenant_peer_id, service] = caller

    async def verify(self, fsc_authorization: str, tenant_peer_id: str, service_name: str) -> FederatedCaller:
        try:
            return self.callers[fsc_authorization, tenant_peer_id, service_name]
        except KeyError as error:
            raise FederatedCallerRefused from error


@dataclass(frozen=True)
class Answer:
    """A response with its body read."""

    status: int
    headers: Mapping[str, str]
    body: Any
    raw: bytes

    @property
    def params(self) -> dict[str, str]:
        """The invalid parameters: code by name."""
        assert self.status == 400, self.raw
        return {each["name"]: each["code"] for each in self.body["invalidParams"]}


def answer(response: RegisterResponse) -> Answer:
    media_type = response.headers.get("Content-Type", "")
    body = json.loads(response.body) if response.body and "json" in media_type else None
    return Answer(response.status, response.headers, body, response.body)


@dataclass
class World:
    """The register and what it stands on."""

    store: DocumentStore
    clock: FixedClock = field(default_factory=lambda: FixedClock(1_800_000_000))
    verifier: FakeVerifier = field(default_factory=FakeVerifier)
    a: RegisterTenant = field(default_factory=lambda: tenant(PEER_A, "aadorp"))
    b: RegisterTenant = field(default_factory=lambda: tenant(PEER_B, "beestad"))

    def __post_init__(self) -> None:
        self.keyring = Keyring(self.store, MASTER_KEY)
        self.register = Register(self.store, self.keyring, Tenants([self.a, self.b]), self.verifier, self.clock)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, str] | str = "",
        headers: Mapping[str, str] | None = None,
        token: str | None = "aadorp-alles",
        arrival: Arrival | None = None,
        raw: bytes | None = None,
    ) -> Answer:
        """One request; every write is a second later than the one before."""
        self.clock.advance(1)
        sent = {"content-type": "application/json"} if method in ("POST", "PUT", "PATCH") else {}
        if token is not None:
            sent["authorization"] = f"Token {token}"
        content = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        request = RegisterRequest(
            method,
            path if "/api/v1" in path else API + path,
            arrival or Internal(self.a),
            query if isinstance(query, str) else urlencode(query),
            {**sent, **(headers or {})},
            content,
        )
        return answer(await self.register.handle(request))

    async def partij(self, *identificatoren: dict[str, Any], **extra: Any) -> Any:
        """A new partij."""
        body = {**persoon(), "partijIdentificatoren": list(identificatoren), **extra}
        made = await self.call("POST", "/partijen", body)
        assert made.status == 201, made.raw
        return made.body

    async def adres(self, partij: str | None, soort: str, adres: str, **extra: Any) -> Any:
        """A new address."""
        made = await self.call("POST", "/digitaleadressen", adres_body(partij, soort, adres, **extra))
        assert made.status == 201, made.raw
        return made.body

    async def made(self, path: str, body: dict[str, Any]) -> Any:
        """A new record."""
        made = await self.call("POST", path, body)
        assert made.status == 201, made.raw
        return made.body

    async def klantcontact(self, **extra: Any) -> Any:
        """A new klantcontact."""
        return await self.made("/klantcontacten", contact_body(**extra))

    async def betrokkene(self, klantcontact: str, partij: str | None = None, **extra: Any) -> Any:
        """A new betrokkene."""
        return await self.made("/betrokkenen", betrokkene_body(klantcontact, partij, **extra))

    async def actor(self, naam: str = "Jansen", **extra: Any) -> Any:
        """A new actor."""
        return await self.made("/actoren", {"naam": naam, "soortActor": "medewerker", **extra})

    async def identificator(self, item: dict[str, Any]) -> Any:
        """A new identificator on its own."""
        made = await self.call("POST", "/partij-identificatoren", item)
        assert made.status == 201, made.raw
        return made.body

    async def found(self, path: str, **query: str) -> list[str]:
        """The ids in a list."""
        answered = await self.call("GET", path, query=query)
        assert answered.status == 200, answered.raw
        return [each["uuid"] for each in answered.body["results"]]


async def open_world(store: DocumentStore) -> World:
    await store.open(COLLECTIONS)
    return World(store)


def persoon(**extra: Any) -> dict[str, Any]:
    return {"soortPartij": "persoon", "indicatieActief": True, **extra}


def organisatie(**extra: Any) -> dict[str, Any]:
    return {"soortPartij": "organisatie", "indicatieActief": True, **extra}


def identificatie(soort: str, value: str) -> dict[str, str]:
    register = "brp" if soort == "bsn" else "hr"
    types = {"bsn": "natuurlijk_persoon", "vestigingsnummer": "vestiging"}
    objecttype = types.get(soort, "niet_natuurlijk_persoon")
    return {"codeObjecttype": objecttype, "codeSoortObjectId": soort, "objectId": value, "codeRegister": register}


def item(soort: str, value: str, *, parent: str | None = None, **extra: Any) -> dict[str, Any]:
    made: dict[str, Any] = {"partijIdentificator": identificatie(soort, value), **extra}
    if parent is not None:
        made["subIdentificatorVan"] = {"uuid": parent}
    return made


def contact_body(**extra: Any) -> dict[str, Any]:
    return {"kanaal": "telefoon", "onderwerp": "Paspoort", "taal": "nld", "vertrouwelijk": False, **extra}


def betrokkene_body(klantcontact: str, partij: str | None = None, **extra: Any) -> dict[str, Any]:
    who = {"wasPartij": None if partij is None else {"uuid": partij}, "rol": "klant", "initiator": True}
    return {"hadKlantcontact": {"uuid": klantcontact}, **who, **extra}


def adres_body(partij: str | None, soort: str, adres: str, **extra: Any) -> dict[str, Any]:
    link = None if partij is None else {"uuid": partij}
    return {"verstrektDoorPartij": link, "soortDigitaalAdres": soort, "adres": adres, **extra}
