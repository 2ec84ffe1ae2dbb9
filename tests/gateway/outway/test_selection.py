import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.settings import ConnectionSettings
from gateway.errors import InvalidRequest
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
from gateway.fsc.signature import SignatureType
from gateway.fsc.state import ContractState
from gateway.outway.selection import Choices, OutwayIdentity, SelectedGrant, Selector, select_grant
from gateway.state.contract_view import ContractView
from gateway.state.contracts import ContractRecord
from tests.gateway.material import (
    CONSUMER,
    DELEGATOR,
    ECHO,
    PROVIDER,
    SERVICE_DELEGATOR,
    STRANGER,
    authority,
    connection_grant,
    doubly_delegated_grant,
    key_pair,
    signed_contract,
    with_signature,
)

NOW = 1_800_000_000
OTHER = ServiceName("other")


def contract(*grants: Grant) -> ContractRecord:
    return signed_contract(*grants, now=NOW)


def declared(name: str, service: str = ECHO, properties: JsonObject | None = None) -> ConnectionSettings:
    wanted = {"name": name, "service": {"peer_id": PROVIDER, "name": service}, "properties": properties or {}}
    return ConnectionSettings.model_validate(wanted)


def view_of(*records: ContractRecord) -> ContractView:
    view = ContractView()
    for record in records:
        view.put(record, NOW)
    return view


def choices(*known: ContractRecord, connections: tuple[ConnectionSettings, ...] = (), names: str = "") -> Choices:
    identity = OutwayIdentity(CONSUMER, key_pair(CONSUMER), tuple(names.split()))
    return Choices(view_of(*known), connections, (identity,), NOW)


def selected_from(selector: Selector, there: Choices) -> SelectedGrant:
    selected = select_grant(selector, there)
    assert selected is not None
    return selected


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
        selected = selected_from(by(grant_hash=alias), choices(OTHER_CONTRACT, ECHO_CONTRACT))
        assert (selected.grant, selected.grant_hash) == (ECHO_CONTRACT.content.grants[0], alias)


def test_a_hash_selects_one_grant_of_many() -> None:
    record = contract(connection_grant(), connection_grant(name=OTHER))
    selected = selected_from(by(grant_hash=record.grant_hashes[1]), choices(record))
    assert selected.grant.service_name == OTHER


def test_a_delegated_grant_is_selected_by_hash_only() -> None:
    (grant_hash,) = DELEGATED_CONTRACT.grant_hashes
    there = choices(DELEGATED_CONTRACT, connections=(declared("klant"),))
    assert selected_from(by(grant_hash=grant_hash), there).grant_hash == grant_hash
    for selector in (by(service=f"{PROVIDER}/{ECHO}"), by(host="klant.outway")):
        assert select_grant(selector, there) is None


def test_a_grant_for_a_name_is_selected_by_hash_when_our_certificate_has_the_name() -> None:
    by_name = Outway(peer_id=CONSUMER, identification=DomainNameIdentification(domain_name="Outway.Test"))
    record = contract(_connection(by_name))
    selector = by(grant_hash=record.grant_hashes[0])
    assert selected_from(selector, choices(record, names="other.test outway.test")).grant_hash == selector.grant_hash
    assert select_grant(selector, choices(record, names="other.test")) is None


def _publication() -> ServicePublicationGrant:
    service = PublishedService(peer_id=CONSUMER, name=ECHO, protocol="PROTOCOL_TCP_HTTP_1.1")
    return ServicePublicationGrant(directory=NamedPeer(peer_id=PROVIDER), service=service)


def _of_another_outway() -> ServiceConnectionGrant:
    thumbprint = key_pair(STRANGER).public_key_thumbprint
    outway = Outway(peer_id=STRANGER, identification=PublicKeyIdentification(public_key_thumbprint=thumbprint))
    return ServiceConnectionGrant(outway=outway, service=Service(peer_id=PROVIDER, name=ECHO))


def _connection(outway: Outway, service: Service | DelegatedService | None = None) -> ServiceConnectionGrant:
    return ServiceConnectionGrant(outway=outway, service=service or Service(peer_id=PROVIDER, name=ECHO))


OUR_KEY = PublicKeyIdentification(public_key_thumbprint=key_pair(CONSUMER).public_key_thumbprint)
EARLIER_KEY = PublicKeyIdentification(public_key_thumbprint=key_pair(CONSUMER, 7).public_key_thumbprint)


@pytest.mark.parametrize(
    "grant",
    [_publication(), _of_another_outway(), _connection(Outway(peer_id=CONSUMER, identification=EARLIER_KEY))],
    ids=["publication", "of another outway", "earlier key"],
)
def test_a_hash_of_what_we_cannot_connect_with_selects_nothing(grant: Grant) -> None:
    record = contract(grant)
    assert select_grant(by(grant_hash=record.grant_hashes[0]), choices(record)) is None


@pytest.mark.parametrize(
    "text",
    ["", "garbage", "$1$3$dW5rbm93bg", ECHO_CONTRACT.content_hash],
    ids=["empty", "garbage", "unknown", "of the contract"],
)
def test_any_other_hash_selects_nothing(text: str) -> None:
    assert select_grant(by(grant_hash=text), choices(ECHO_CONTRACT)) is None


# -- no fall-through


@pytest.mark.parametrize(
    "selector",
    [
        by(grant_hash="", service=f"{PROVIDER}/{ECHO}", host="klant.outway"),
        by(grant_hash="unknown", service=f"{PROVIDER}/{ECHO}", host="klant.outway"),
        by(service=f"{PROVIDER}/unknown", host="klant.outway"),
    ],
)
def test_the_first_selector_that_is_present_decides(selector: Selector) -> None:
    assert select_grant(selector, choices(ECHO_CONTRACT, connections=(declared("klant"),))) is None


def test_the_order_is_hash_service_host() -> None:
    there = choices(ECHO_CONTRACT, OTHER_CONTRACT, connections=(declared("klant"),))
    (other_hash,) = OTHER_CONTRACT.grant_hashes
    echo = f"{PROVIDER}/{ECHO}"
    assert selected_from(by(grant_hash=other_hash, service=echo, host="klant.x"), there).grant.service_name == OTHER
    assert selected_from(by(service=f"{PROVIDER}/{OTHER}", host="klant.x"), there).grant.service_name == OTHER
    assert selected_from(by(host="klant.x"), there).grant.service_name == ECHO


# -- by Service


def test_a_service_selects_the_newest_contract() -> None:
    older, newer = sorted(
        (contract(connection_grant()), contract(connection_grant())), key=lambda one: one.content_hash
    )
    for known in ((older, newer), (newer, older)):
        selected = selected_from(by(service=f" {PROVIDER}/{ECHO} "), choices(*known))
        assert selected.grant_hash == newer.grant_hashes[0]


@pytest.mark.parametrize("text", ["", "/", PROVIDER, f"{PROVIDER}/", f"/{ECHO}", ECHO])
def test_a_service_is_a_peer_and_a_name(text: str) -> None:
    with pytest.raises(InvalidRequest):
        select_grant(by(service=text, host="klant.x"), choices(ECHO_CONTRACT, connections=(declared("klant"),)))


@pytest.mark.parametrize("text", [f"{STRANGER}/{ECHO}", f"{PROVIDER}/{OTHER}", f"{PROVIDER}/{ECHO}/x"])
def test_a_service_without_a_contract(text: str) -> None:
    assert select_grant(by(service=text), choices(ECHO_CONTRACT)) is None


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
    there = choices(contract(grant), connections=(declared("klant"),), names="outway.test")
    for selector in (by(service=f"{PROVIDER}/{ECHO}"), by(host="klant.outway")):
        assert select_grant(selector, there) is None


def with_pairs(there: Choices, *numbers: int) -> Choices:
    """The same choices for an Outway with these of our keys, the newest first."""
    return replace(there, outways=tuple(OutwayIdentity(CONSUMER, key_pair(CONSUMER, one), ()) for one in numbers))


EARLIER_CONTRACT = contract(_connection(Outway(peer_id=CONSUMER, identification=EARLIER_KEY)))


def test_another_key_of_ours_changes_what_is_selected() -> None:
    there = with_pairs(choices(ECHO_CONTRACT, EARLIER_CONTRACT), 7)
    assert selected_from(by(service=f"{PROVIDER}/{ECHO}"), there).grant_hash == EARLIER_CONTRACT.grant_hashes[0]


# -- by which of our keys

BY_NAME = [by(service=f"{PROVIDER}/{ECHO}"), by(host="klant.outway")]


@pytest.mark.parametrize("selector", [*BY_NAME, by(grant_hash=EARLIER_CONTRACT.grant_hashes[0])])
def test_until_there_is_a_contract_for_the_newest_key_the_one_before_it_serves(selector: Selector) -> None:
    there = with_pairs(choices(EARLIER_CONTRACT, connections=(declared("klant"),)), 9, 0, 7, 8)
    selected = selected_from(selector, there)
    assert (selected.grant_hash, selected.pair) == (EARLIER_CONTRACT.grant_hashes[0], key_pair(CONSUMER, 7))


@pytest.mark.parametrize("selector", BY_NAME)
def test_a_contract_for_the_newest_key_goes_before_all_others(selector: Selector) -> None:
    there = with_pairs(choices(ECHO_CONTRACT, EARLIER_CONTRACT, connections=(declared("klant"),)), 0, 7)
    assert selected_from(selector, there).pair == key_pair(CONSUMER, 0)
    assert selected_from(selector, with_pairs(there, 7, 0)).pair == key_pair(CONSUMER, 7)


def test_a_contract_made_before_the_properties_changed_goes_before_an_earlier_key() -> None:
    made_before = replace(ECHO_CONTRACT, made_for="connection klant")
    as_wanted = contract(
        _connection(Outway(peer_id=CONSUMER, identification=EARLIER_KEY)).model_copy(update={"properties": {"a": 1}})
    )
    there = choices(made_before, as_wanted, connections=(declared("klant", properties={"a": 1}),))
    assert selected_from(by(host="klant"), with_pairs(there, 0, 7)).pair == key_pair(CONSUMER, 0)


def test_two_certificates_of_one_key_are_used_newest_first() -> None:
    renewed = authority().issue(
        peer_id=CONSUMER, name="renewed", dns_names=["x.test"], private_key=key_pair(CONSUMER).private_key
    )
    there = choices(ECHO_CONTRACT)
    newest = OutwayIdentity(CONSUMER, renewed, ())
    there = replace(there, outways=(newest, *there.outways))
    assert selected_from(by(service=f"{PROVIDER}/{ECHO}"), there).pair is renewed


# -- by Host name


@pytest.mark.parametrize("host", ["klant.outway", "klant.outway:8081", "KLANT.Outway.Example", "klant", "klant:80"])
def test_a_host_name_selects_the_declared_connection(host: str) -> None:
    there = choices(OTHER_CONTRACT, ECHO_CONTRACT, connections=(declared("other", OTHER), declared("klant")))
    assert selected_from(by(host=host), there).grant == ECHO_CONTRACT.content.grants[0]


@pytest.mark.parametrize("host", [None, "", "localhost:8081", "127.0.0.1", "[::1]:80", "klant2.outway", ".klant"])
def test_any_other_host_name_selects_nothing(host: str | None) -> None:
    assert select_grant(by(host=host), choices(ECHO_CONTRACT, connections=(declared("klant"),))) is None


def test_a_connection_is_served_by_a_contract_of_its_own_properties() -> None:
    wanted = contract(connection_grant(properties={"klantenregister.scopes": ["lezen"]}))
    connection = declared("klant", properties={"klantenregister.scopes": ["lezen"]})
    selected = selected_from(by(host="klant.x"), choices(ECHO_CONTRACT, wanted, connections=(connection,)))
    assert selected.grant_hash == wanted.grant_hashes[0]
    assert select_grant(by(host="klant.x"), choices(ECHO_CONTRACT, connections=(connection,))) is None


def test_a_declared_delegator_lets_the_host_name_select_a_delegated_grant() -> None:
    service = {"peer_id": PROVIDER, "name": ECHO, "delegator": SERVICE_DELEGATOR}
    wanted = ConnectionSettings.model_validate({"name": "klant", "service": service, "delegator": DELEGATOR})
    there = choices(ECHO_CONTRACT, DELEGATED_CONTRACT, connections=(wanted,))
    assert selected_from(by(host="klant.x"), there).grant == DELEGATED_CONTRACT.content.grants[0]
    assert select_grant(by(host="klant.x"), choices(ECHO_CONTRACT, connections=(wanted,))) is None


def _made_for(label: str, grant: Grant) -> ContractRecord:
    return replace(contract(grant), made_for=label)


def test_a_changed_connection_is_served_by_its_old_contract_until_the_new_one_is_valid() -> None:
    connection = declared("klant", properties={"klantenregister.scopes": ["lezen"]})
    old = _made_for("connection klant", connection_grant())
    new = _made_for("connection klant", connection_grant(properties={"klantenregister.scopes": ["lezen"]}))
    rejected = with_signature(new, PROVIDER, SignatureType.REJECT, NOW)
    for known, serving in (((old,), old), ((old, new), new), ((new, old), new), ((old, rejected), old)):
        selected = selected_from(by(host="klant.x"), choices(*known, connections=(connection,)))
        assert selected.grant_hash == serving.grant_hashes[0]


@pytest.mark.parametrize(
    "record",
    [
        contract(connection_grant()),
        _made_for("connection klanten", connection_grant()),
        _made_for("klant", connection_grant()),
        _made_for("connection klant", doubly_delegated_grant()),
        _made_for("connection klant", connection_grant(name=OTHER)),
        _made_for(
            "connection klant",
            _connection(Outway(peer_id=CONSUMER, identification=DomainNameIdentification(domain_name="outway.test"))),
        ),
        with_signature(_made_for("connection klant", connection_grant()), PROVIDER, SignatureType.REVOKE, NOW),
    ],
    ids=["of nobody", "another connection", "another label", "delegated", "another Service", "domain name", "revoked"],
)
def test_a_changed_connection_is_served_by_nothing_else(record: ContractRecord) -> None:
    connection = declared("klant", properties={"klantenregister.scopes": ["lezen"]})
    there = choices(record, connections=(connection,), names="outway.test")
    assert select_grant(by(host="klant.x"), there) is None


def test_however_many_contracts_there_are_only_those_of_the_service_are_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    others = [contract(connection_grant(name=ServiceName(f"other-{number}"))) for number in range(100)]
    same = [contract(connection_grant()) for _ in range(100)]
    there = choices(*others, *same, connections=(declared("klant"),))
    looked_at: list[ContractRecord] = []
    state_of = ContractRecord.state

    def state(record: ContractRecord, now: int) -> ContractState:
        looked_at.append(record)
        return state_of(record, now)

    monkeypatch.setattr(ContractRecord, "state", state)
    selectors = (by(grant_hash=same[50].grant_hashes[0]), by(service=f"{PROVIDER}/{ECHO}"), by(host="klant"))
    for selector in selectors:
        assert select_grant(selector, there) is not None
    assert len(looked_at) == len(selectors)


# -- only what is valid


@pytest.mark.parametrize("kind", [SignatureType.REVOKE, SignatureType.REJECT])
def test_what_is_over_is_not_selected_although_the_view_was_not_told(kind: SignatureType) -> None:
    over = with_signature(ECHO_CONTRACT, PROVIDER, kind, NOW)
    view = ContractView()
    view.put(ECHO_CONTRACT, NOW)
    there = replace(choices(connections=(declared("klant"),)), contracts=view)
    selectors = (by(grant_hash=over.grant_hashes[0]), by(service=f"{PROVIDER}/{ECHO}"), by(host="klant"))
    assert all(select_grant(one, there) is not None for one in selectors)
    late = replace(there, now=ECHO_CONTRACT.content.not_after)
    assert all(select_grant(one, late) is None for one in selectors)
    view.put(over, NOW)
    assert all(select_grant(one, there) is None for one in selectors)


@given(st.text(max_size=40), st.text(max_size=40), st.text(max_size=40))
def test_no_header_makes_it_fail(grant_hash: str, service: str, host: str) -> None:
    there = choices(ECHO_CONTRACT, connections=(declared("klant"),))
    assert select_grant(by(grant_hash=grant_hash), there) is None
    if not re.fullmatch(r"\s*[^/]+/.+", service, re.DOTALL) or not service.strip().partition("/")[2]:
        service = "a/b"
    assert select_grant(by(service=service), there) is None
    selected = select_grant(by(host=host), there)
    assert selected is None or host.lower().startswith("klant")
