from dataclasses import replace

import pytest

from certs.thumbprint import PublicKeyThumbprint
from config.settings import ConnectionSettings
from gateway.errors import FscError, InvalidRequest, NoValidGrant, UnknownGrantHashInHeader
from gateway.fsc.grants import (
    DelegatedService,
    DomainNameIdentification,
    Grant,
    NamedPeer,
    Outway,
    PublicKeyIdentification,
    PublishedService,
    Service,
    ServiceConnectionGrant,
    ServicePublicationGrant,
)
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import ServiceName
from gateway.outway.selection import Choices, Selector, select_grant
from gateway.state.contracts import ContractRecord
from tests.gateway.material import (
    CONSUMER,
    ECHO,
    PROVIDER,
    SERVICE_DELEGATOR,
    STRANGER,
    connection_grant,
    doubly_delegated_grant,
    key_pair,
    signed_contract,
)

NOW = 1_800_000_000
OTHER = ServiceName("other")


def contract(*grants: Grant) -> ContractRecord:
    return signed_contract(*grants, now=NOW)


def declared(name: str, service: str = ECHO, properties: JsonObject | None = None) -> ConnectionSettings:
    wanted = {"name": name, "service": {"peer_id": PROVIDER, "name": service}, "properties": properties or {}}
    return ConnectionSettings.model_validate(wanted)


def choices(*valid: ContractRecord, connections: tuple[ConnectionSettings, ...] = ()) -> Choices:
    return Choices(valid, connections, CONSUMER, key_pair(CONSUMER).public_key_thumbprint)


def by(*, grant_hash: str | None = None, service: str | None = None, host: str | None = None) -> Selector:
    return Selector(grant_hash, service, host)


ECHO_CONTRACT = contract(connection_grant())
OTHER_CONTRACT = contract(connection_grant(name=OTHER))
DELEGATED_CONTRACT = contract(doubly_delegated_grant())


# -- by hash


def test_a_hash_selects_its_grant_under_every_profile() -> None:
    aliases = ECHO_CONTRACT.all_grant_hashes
    assert len(aliases) == 2
    for alias in aliases:
        selected = select_grant(by(grant_hash=alias), choices(OTHER_CONTRACT, ECHO_CONTRACT))
        assert (selected.grant, selected.grant_hash) == (ECHO_CONTRACT.content.grants[0], alias)


def test_a_hash_selects_one_grant_of_many() -> None:
    record = contract(connection_grant(), connection_grant(name=OTHER))
    selected = select_grant(by(grant_hash=record.grant_hashes[1]), choices(record))
    assert selected.grant.service_name == OTHER


def test_a_delegated_grant_is_selected_by_hash_only() -> None:
    (grant_hash,) = DELEGATED_CONTRACT.grant_hashes
    there = choices(DELEGATED_CONTRACT, connections=(declared("klant"),))
    assert select_grant(by(grant_hash=grant_hash), there).grant_hash == grant_hash
    for selector in (by(service=f"{PROVIDER}/{ECHO}"), by(host="klant.outway")):
        with pytest.raises(NoValidGrant):
            select_grant(selector, there)


def _publication() -> ServicePublicationGrant:
    service = PublishedService(peer_id=CONSUMER, name=ECHO, protocol="PROTOCOL_TCP_HTTP_1.1")
    return ServicePublicationGrant(directory=NamedPeer(peer_id=PROVIDER), service=service)


def _of_another_outway() -> ServiceConnectionGrant:
    thumbprint = key_pair(STRANGER).public_key_thumbprint
    outway = Outway(peer_id=STRANGER, identification=PublicKeyIdentification(public_key_thumbprint=thumbprint))
    return ServiceConnectionGrant(outway=outway, service=Service(peer_id=PROVIDER, name=ECHO))


@pytest.mark.parametrize("grant", [_publication(), _of_another_outway()], ids=["publication", "of another outway"])
def test_a_hash_of_what_we_cannot_connect_with_is_unknown(grant: Grant) -> None:
    record = contract(grant)
    with pytest.raises(UnknownGrantHashInHeader):
        select_grant(by(grant_hash=record.grant_hashes[0]), choices(record))


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "$1$3$dW5rbm93bg", ECHO_CONTRACT.content_hash],
    ids=["empty", "garbage", "unknown", "of the contract"],
)
def test_any_other_hash_is_unknown(text: str) -> None:
    with pytest.raises(UnknownGrantHashInHeader) as refusal:
        select_grant(by(grant_hash=text), choices(ECHO_CONTRACT))
    assert refusal.value.status == 400


# -- no fall-through


@pytest.mark.parametrize(
    ("selector", "error"),
    [
        (by(grant_hash="", service=f"{PROVIDER}/{ECHO}", host="klant.outway"), UnknownGrantHashInHeader),
        (by(grant_hash="unknown", service=f"{PROVIDER}/{ECHO}", host="klant.outway"), UnknownGrantHashInHeader),
        (by(service="", host="klant.outway"), InvalidRequest),
        (by(service=f"{PROVIDER}/unknown", host="klant.outway"), NoValidGrant),
    ],
)
def test_the_first_selector_that_is_present_decides(selector: Selector, error: type[FscError]) -> None:
    with pytest.raises(error):
        select_grant(selector, choices(ECHO_CONTRACT, connections=(declared("klant"),)))


def test_the_order_is_hash_service_host() -> None:
    there = choices(ECHO_CONTRACT, OTHER_CONTRACT, connections=(declared("klant"),))
    (other_hash,) = OTHER_CONTRACT.grant_hashes
    echo = f"{PROVIDER}/{ECHO}"
    assert select_grant(by(grant_hash=other_hash, service=echo, host="klant.x"), there).grant.service_name == OTHER
    assert select_grant(by(service=f"{PROVIDER}/{OTHER}", host="klant.x"), there).grant.service_name == OTHER
    assert select_grant(by(host="klant.x"), there).grant.service_name == ECHO


# -- by Service


def test_a_service_selects_the_newest_contract() -> None:
    newer = contract(connection_grant())
    selected = select_grant(by(service=f" {PROVIDER}/{ECHO} "), choices(newer, ECHO_CONTRACT))
    assert selected.grant_hash == newer.grant_hashes[0] != ECHO_CONTRACT.grant_hashes[0]


@pytest.mark.parametrize("text", ["", "/", PROVIDER, f"{PROVIDER}/", f"/{ECHO}", ECHO])
def test_a_service_is_a_peer_and_a_name(text: str) -> None:
    with pytest.raises(InvalidRequest):
        select_grant(by(service=text), choices(ECHO_CONTRACT))


@pytest.mark.parametrize("text", [f"{STRANGER}/{ECHO}", f"{PROVIDER}/{OTHER}", f"{PROVIDER}/{ECHO}/x"])
def test_a_service_without_a_contract(text: str) -> None:
    with pytest.raises(NoValidGrant) as refusal:
        select_grant(by(service=text), choices(ECHO_CONTRACT))
    assert refusal.value.status == 400


def _connection(outway: Outway, service: Service | DelegatedService | None = None) -> ServiceConnectionGrant:
    return ServiceConnectionGrant(outway=outway, service=service or Service(peer_id=PROVIDER, name=ECHO))


OUR_KEY = PublicKeyIdentification(public_key_thumbprint=key_pair(CONSUMER).public_key_thumbprint)
EARLIER_KEY = PublicKeyIdentification(public_key_thumbprint=key_pair(CONSUMER, 7).public_key_thumbprint)


@pytest.mark.parametrize(
    "grant",
    [
        _connection(Outway(peer_id=CONSUMER, identification=EARLIER_KEY)),
        _connection(Outway(peer_id=CONSUMER, identification=DomainNameIdentification(domain_name="outway.test"))),
        _connection(
            Outway(peer_id=CONSUMER, identification=OUR_KEY),
            DelegatedService(peer_id=PROVIDER, name=ECHO, delegator=NamedPeer(peer_id=SERVICE_DELEGATOR)),
        ),
        _connection(Outway(peer_id=STRANGER, identification=OUR_KEY)),
    ],
    ids=["earlier key", "domain name", "delegated service", "another Peer"],
)
def test_only_plain_grants_for_our_present_key_are_selected_by_name(grant: Grant) -> None:
    there = choices(contract(grant), connections=(declared("klant"),))
    for selector in (by(service=f"{PROVIDER}/{ECHO}"), by(host="klant.outway")):
        with pytest.raises(NoValidGrant):
            select_grant(selector, there)


def test_another_key_of_ours_changes_what_is_selected() -> None:
    record = contract(_connection(Outway(peer_id=CONSUMER, identification=EARLIER_KEY)))
    thumbprint: PublicKeyThumbprint = key_pair(CONSUMER, 7).public_key_thumbprint
    there = replace(choices(ECHO_CONTRACT, record), public_key_thumbprint=thumbprint)
    assert select_grant(by(service=f"{PROVIDER}/{ECHO}"), there).grant_hash == record.grant_hashes[0]


# -- by Host name


@pytest.mark.parametrize("host", ["klant.outway", "klant.outway:8081", "KLANT.Outway.Example", "klant", "klant:80"])
def test_a_host_name_selects_the_declared_connection(host: str) -> None:
    there = choices(OTHER_CONTRACT, ECHO_CONTRACT, connections=(declared("other", OTHER), declared("klant")))
    assert select_grant(by(host=host), there).grant == ECHO_CONTRACT.content.grants[0]


@pytest.mark.parametrize("host", [None, "", "localhost:8081", "127.0.0.1", "[::1]:80", "klant2.outway", ".klant"])
def test_any_other_host_name_selects_nothing(host: str | None) -> None:
    with pytest.raises(NoValidGrant):
        select_grant(by(host=host), choices(ECHO_CONTRACT, connections=(declared("klant"),)))


def test_a_connection_is_served_by_a_contract_of_its_own_properties() -> None:
    wanted = contract(connection_grant(properties={"klantenregister.scopes": ["lezen"]}))
    connection = declared("klant", properties={"klantenregister.scopes": ["lezen"]})
    selected = select_grant(by(host="klant.x"), choices(ECHO_CONTRACT, wanted, connections=(connection,)))
    assert selected.grant_hash == wanted.grant_hashes[0]
    with pytest.raises(NoValidGrant, match="connection klant has no valid contract yet"):
        select_grant(by(host="klant.x"), choices(ECHO_CONTRACT, connections=(connection,)))


# -- what a refusal tells


def test_a_refusal_names_connections_and_services_once() -> None:
    there = choices(ECHO_CONTRACT, ECHO_CONTRACT, OTHER_CONTRACT, DELEGATED_CONTRACT, connections=(declared("klant"),))
    for selector in (by(grant_hash="x"), by(service="a/b"), by(host="x")):
        with pytest.raises(FscError) as refusal:
            select_grant(selector, there)
        assert refusal.value.message.endswith(f"Candidates: klant, {PROVIDER}/{ECHO}, {PROVIDER}/{OTHER}")


def test_a_refusal_names_no_more_than_a_person_reads() -> None:
    connections = tuple(declared(f"c{number}") for number in range(50))
    with pytest.raises(NoValidGrant) as refusal:
        select_grant(by(host="x"), choices(connections=connections))
    assert refusal.value.message.count(", ") == 19


def test_a_refusal_says_when_there_is_nothing_to_choose() -> None:
    with pytest.raises(NoValidGrant, match="no candidates"):
        select_grant(by(host="x"), choices())
