"""The accept rules, clause by clause."""

from typing import Any

import pytest

from certs.identity import PeerId
from config.settings import AcceptRule
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import DomainNameIdentification, Grant
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.manager.acceptance import decide
from gateway.state.contracts import ContractRecord
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    DIRECTORY,
    FOREIGN,
    OTHER,
    PROVIDER,
    SERVICE,
    accepting,
    connection,
    delegated_connection,
    delegated_publication,
    key_pair,
    make_content,
    make_tenant,
    offering,
    publication,
)

NOW = 1_800_000_000
ACCEPT, REJECT = SignatureType.ACCEPT, SignatureType.REJECT
PAIR = key_pair(CONSUMER)
ALL = ("service_connection", "delegated_service_connection", "service_publication", "delegated_service_publication")
ANYTHING = accepting(*ALL)


def record_of(*grants: Grant, valid_s: int = 100 * DAY_S, signed_by: dict[SignatureType, PeerId] | None = None) -> Any:
    parsed = parse_contract_content(make_content(*grants, now=NOW, valid_s=valid_s))
    signatures = {kind: {peer_id: "a.b.c"} for kind, peer_id in (signed_by or {}).items()}
    return ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)), signatures)


def verdict(record: ContractRecord, *rules: AcceptRule, now: int = NOW, **changes: Any) -> SignatureType | None:
    """What the Provider, which offers SERVICE, decides by these rules."""
    tenant = make_tenant(PROVIDER, key_pairs=(PAIR,), **{"services": offering(SERVICE), "accept": rules, **changes})
    decision = decide(record, tenant, now=now)
    assert decision.reason
    return decision.kind


CONNECTION = connection(PAIR, CONSUMER, PROVIDER)


@pytest.mark.parametrize(
    ("grants", "types", "expected"),
    [
        ((CONNECTION,), ("service_connection",), ACCEPT),
        ((CONNECTION,), ("delegated_service_connection", "service_connection"), ACCEPT),
        ((CONNECTION,), ("delegated_service_connection",), None),
        ((CONNECTION,), ("service_publication",), None),
        ((delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER),), ("service_connection",), None),
        ((delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER),), ALL, ACCEPT),
        ((publication(DIRECTORY, PROVIDER),), ("service_publication",), ACCEPT),
        ((delegated_publication(DIRECTORY, PROVIDER, OTHER),), ("service_publication",), None),
        ((delegated_publication(DIRECTORY, PROVIDER, OTHER),), ("delegated_service_publication",), ACCEPT),
        (
            (CONNECTION, delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER)),
            ("service_connection",),
            None,
        ),
        ((CONNECTION, connection(PAIR, OTHER, PROVIDER)), ("service_connection",), ACCEPT),
    ],
)
def test_every_grant_must_have_a_listed_type(
    grants: tuple[Grant, ...], types: tuple[str, ...], expected: SignatureType | None
) -> None:
    assert verdict(record_of(*grants), accepting(*types)) is expected


@pytest.mark.parametrize(
    ("services", "expected"), [((SERVICE,), ACCEPT), (("other-service", SERVICE), ACCEPT), (("other-service",), None)]
)
def test_services_narrow_a_rule(services: tuple[str, ...], expected: SignatureType | None) -> None:
    assert verdict(record_of(CONNECTION), accepting("service_connection", services=services)) is expected


def test_every_grant_must_name_a_listed_service() -> None:
    record = record_of(CONNECTION, connection(PAIR, CONSUMER, PROVIDER, service="kvk"))
    rule, offered = accepting("service_connection", services=(SERVICE,)), offering(SERVICE, "kvk")
    assert verdict(record, rule, services=offered) is None
    assert verdict(record, accepting("service_connection"), services=offered) is ACCEPT


@pytest.mark.parametrize(
    ("peers", "expected"),
    [((CONSUMER,), ACCEPT), ((OTHER, CONSUMER), ACCEPT), ((OTHER,), None), (("*",), ACCEPT), ((PROVIDER,), None)],
)
def test_every_other_party_must_be_listed(peers: tuple[str, ...], expected: SignatureType | None) -> None:
    assert verdict(record_of(CONNECTION), accepting("service_connection", peers=peers)) is expected


def test_a_delegator_is_a_party_like_any_other() -> None:
    record = record_of(delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER, delegator=FOREIGN))
    assert verdict(record, accepting(*ALL, peers=(CONSUMER, OTHER))) is None
    assert verdict(record, accepting(*ALL, peers=(CONSUMER, FOREIGN))) is None
    assert verdict(record, accepting(*ALL, peers=(CONSUMER, FOREIGN, OTHER))) is ACCEPT


@pytest.mark.parametrize(("valid_s", "expected"), [(30 * DAY_S, ACCEPT), (30 * DAY_S + 1, None)])
def test_max_days_bounds_the_validity_exactly(valid_s: int, expected: SignatureType | None) -> None:
    assert verdict(record_of(CONNECTION, valid_s=valid_s), accepting("service_connection", max_days=30)) is expected


def test_the_first_rule_that_matches_decides() -> None:
    reject = accepting("service_connection", action="reject")
    narrow = accepting("service_connection", peers=(OTHER,), action="reject")
    record = record_of(CONNECTION)
    assert verdict(record, reject, ANYTHING) is REJECT
    assert verdict(record, ANYTHING, reject) is ACCEPT
    assert verdict(record, narrow, ANYTHING) is ACCEPT


def test_without_a_match_a_human_decides() -> None:
    assert verdict(record_of(CONNECTION)) is None
    assert verdict(record_of(CONNECTION), accepting("service_publication")) is None


def test_a_service_that_we_do_not_offer_is_never_accepted_but_may_be_rejected() -> None:
    record = record_of(connection(PAIR, CONSUMER, PROVIDER, service="kvk"))
    assert verdict(record, ANYTHING) is None
    assert verdict(record, accepting("service_connection", action="reject")) is REJECT


def test_an_obstacle_does_not_pass_the_contract_on_to_the_next_rule() -> None:
    record = record_of(connection(PAIR, CONSUMER, PROVIDER, service="kvk"))
    assert verdict(record, ANYTHING, accepting("service_connection", action="reject")) is None


def test_the_service_of_another_peer_need_not_be_ours() -> None:
    assert verdict(record_of(connection(PAIR, PROVIDER, CONSUMER, service="kvk")), ANYTHING) is ACCEPT


def test_an_outway_by_domain_name_is_never_accepted() -> None:
    outway = CONNECTION.outway.model_copy(
        update={"identification": DomainNameIdentification(domain_name="outway.example.test")}
    )
    record = record_of(CONNECTION.model_copy(update={"outway": outway}))
    assert verdict(record, ANYTHING) is None


def test_only_a_directory_becomes_one_by_a_rule() -> None:
    record = record_of(publication(PROVIDER, CONSUMER))
    assert verdict(record, ANYTHING) is None
    assert verdict(record, ANYTHING, directory=True) is ACCEPT
    assert verdict(record, directory=True) is None


@pytest.mark.parametrize("kind", list(SignatureType))
def test_what_we_signed_is_left_alone(kind: SignatureType) -> None:
    assert verdict(record_of(CONNECTION, signed_by={kind: PROVIDER}), ANYTHING) is None


@pytest.mark.parametrize("kind", [SignatureType.REJECT, SignatureType.REVOKE])
def test_what_another_ended_is_left_alone(kind: SignatureType) -> None:
    assert verdict(record_of(CONNECTION, signed_by={kind: CONSUMER}), ANYTHING) is None


def test_what_has_expired_is_left_alone() -> None:
    record = record_of(CONNECTION, valid_s=100)
    assert verdict(record, ANYTHING, now=NOW + 39) is ACCEPT
    assert verdict(record, ANYTHING, now=NOW + 40) is None


def test_a_contract_without_us_is_left_alone() -> None:
    assert verdict(record_of(connection(PAIR, CONSUMER, OTHER)), ANYTHING) is None
