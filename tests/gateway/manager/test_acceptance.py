"""The accept rules, clause by clause."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.identity import PeerId
from config.settings import AcceptRule, PdpSettings
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import DomainNameIdentification, Grant
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.manager.acceptance import Verdict, decide, explain
from gateway.state.contracts import ContractRecord
from gateway.state.policy import PolicyAnswer, PolicyQuestion, Ruling
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
    decision = decide(record, tenant, now=now, answer_to=nobody)
    assert decision.reason
    assert explain(record, tenant, now=now, answer_to=nobody).decision == decision
    return decision.kind


def nobody(_: PolicyQuestion) -> PolicyAnswer | None:
    """No policy decision point has answered anything."""
    return None


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


@pytest.mark.parametrize(
    ("delegators", "expected"),
    [(None, ACCEPT), ((OTHER, FOREIGN), ACCEPT), (("*",), ACCEPT), ((OTHER,), None), ((FOREIGN,), None), ((), None)],
)
def test_delegators_are_those_of_the_connection_and_of_the_service(
    delegators: tuple[str, ...] | None, expected: SignatureType | None
) -> None:
    record = record_of(delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER, delegator=FOREIGN))
    rule = accepting(*ALL, **({} if delegators is None else {"delegators": delegators}))
    assert verdict(record, rule) is expected


@pytest.mark.parametrize(("delegators", "expected"), [((PROVIDER,), ACCEPT), ((OTHER,), None)])
def test_we_are_a_delegator_like_any_other(delegators: tuple[str, ...], expected: SignatureType | None) -> None:
    record = record_of(delegated_publication(DIRECTORY, CONSUMER, PROVIDER))
    assert verdict(record, accepting(*ALL, delegators=delegators)) is expected


def test_a_contract_without_delegation_has_no_delegator_to_refuse() -> None:
    assert verdict(record_of(CONNECTION), accepting(*ALL, delegators=())) is ACCEPT


BY_NAME = CONNECTION.model_copy(
    update={
        "outway": CONNECTION.outway.model_copy(
            update={"identification": DomainNameIdentification(domain_name="outway.example.test")}
        )
    }
)


@pytest.mark.parametrize(
    ("grants", "listed", "expected"),
    [
        ((CONNECTION,), ("public_key_thumbprint",), REJECT),
        ((CONNECTION,), ("domain_name",), None),
        ((BY_NAME,), ("domain_name",), REJECT),
        ((BY_NAME,), ("public_key_thumbprint",), None),
        ((BY_NAME, CONNECTION), ("domain_name",), None),
        ((BY_NAME, CONNECTION), ("domain_name", "public_key_thumbprint"), REJECT),
        ((publication(DIRECTORY, PROVIDER),), ("domain_name",), REJECT),
    ],
)
def test_every_outway_must_be_identified_as_listed(
    grants: tuple[Grant, ...], listed: tuple[str, ...], expected: SignatureType | None
) -> None:
    assert verdict(record_of(*grants), accepting(*ALL, identification=listed, action="reject")) is expected


def with_properties(**properties: Any) -> Grant:
    return CONNECTION.model_copy(update={"properties": properties})


@pytest.mark.parametrize(
    ("grants", "wanted", "expected"),
    [
        ((with_properties(a=1),), {"a": 1}, ACCEPT),
        ((with_properties(a=1.0),), {"a": 1}, ACCEPT),
        ((with_properties(a={"x": [1, 2], "y": 3}),), {"a": {"y": 3, "x": [1, 2]}}, ACCEPT),
        ((with_properties(a=1, b=2),), {"a": 1}, ACCEPT),
        ((with_properties(a=True),), {"a": 1}, None),
        ((with_properties(a=None),), {"a": False}, None),
        ((with_properties(a=[2, 1]),), {"a": [1, 2]}, None),
        ((with_properties(a="1"),), {"a": 1}, None),
        ((with_properties(a=1),), {"a": 1, "b": 2}, None),
        ((CONNECTION,), {"a": None}, None),
        ((with_properties(a=1), CONNECTION), {"a": 1}, None),
        ((CONNECTION,), {}, ACCEPT),
    ],
)
def test_every_grant_must_have_the_properties_with_those_values(
    grants: tuple[Grant, ...], wanted: dict[str, Any], expected: SignatureType | None
) -> None:
    assert verdict(record_of(*grants), accepting(*ALL, properties=wanted)) is expected


@pytest.mark.parametrize(
    ("grants", "expected"),
    [
        ((CONNECTION,), None),
        ((with_properties(a=1),), ACCEPT),
        ((with_properties(a=1, b=2),), None),
        ((with_properties(a=1), with_properties(a=1, b=2)), None),
    ],
)
def test_other_properties_can_be_refused(grants: tuple[Grant, ...], expected: SignatureType | None) -> None:
    assert verdict(record_of(*grants), accepting(*ALL, properties={"a": 1}, other_properties=False)) is expected


def test_without_wanted_properties_there_may_be_none_at_all() -> None:
    assert verdict(record_of(CONNECTION), accepting(*ALL, other_properties=False)) is ACCEPT
    assert verdict(record_of(with_properties(a=1)), accepting(*ALL, other_properties=False)) is None


def test_the_reason_of_a_rule_is_recorded_with_the_signature() -> None:
    tenant = make_tenant(PROVIDER, key_pairs=(PAIR,), accept=(accepting(*ALL, action="reject", reason="not with us"),))
    decision = decide(record_of(CONNECTION), tenant, now=NOW, answer_to=nobody)
    assert (decision.kind, decision.reason, decision.rule) == (REJECT, "accept rule 1: reject: not with us", 1)


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
    assert verdict(record_of(BY_NAME), ANYTHING) is None


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


# -- rules with a policy decision point

PDP = {"url": "http://127.0.0.1:9/evaluation"}
OTHER_PDP = {"url": "http://127.0.0.1:8/evaluation"}


def answered(record: ContractRecord, *rules: AcceptRule, **said: Ruling) -> Any:
    """What is decided when the policy decision points have said this: by port of theirs and signature."""

    def answer_to(question: PolicyQuestion) -> PolicyAnswer | None:
        ruling = said.get(f"{question.signature}_{str(question.pdp.url).split(':')[-1][0]}")
        assert question.content_hash == record.content_hash
        return None if ruling is None else PolicyAnswer(ruling, "because")

    tenant = make_tenant(PROVIDER, key_pairs=(PAIR,), services=offering(SERVICE), accept=rules)
    decision = decide(record, tenant, now=NOW, answer_to=answer_to)
    assert explain(record, tenant, now=NOW, answer_to=answer_to).decision == decision
    return decision


def test_a_rule_with_a_policy_decision_point_waits_for_it_and_no_later_rule_is_tried() -> None:
    record, rule = record_of(CONNECTION), accepting(*ALL, pdp=PDP)
    for said in ({}, {"accept_9": Ruling.NONE}):
        decision = answered(record, rule, ANYTHING, **said)
        assert decision.kind is None
        assert decision.rule == 1
        assert decision.question == PolicyQuestion(record.content_hash, rule.pdp, ACCEPT)  # type: ignore[arg-type]


def test_its_yes_makes_the_rule_match_and_its_no_makes_it_differ() -> None:
    record, rule = record_of(CONNECTION), accepting(*ALL, pdp=PDP)
    reject = accepting(*ALL, action="reject")
    assert answered(record, rule, reject, accept_9=Ruling.PERMIT).kind is ACCEPT
    assert answered(record, rule, reject, accept_9=Ruling.DENY).kind is REJECT
    assert answered(record, rule, accept_9=Ruling.DENY).kind is None
    assert "because" in answered(record, rule, accept_9=Ruling.PERMIT).reason


def test_it_is_not_asked_about_what_the_rule_does_not_match_anyway() -> None:
    decision = answered(record_of(CONNECTION), accepting("service_publication", pdp=PDP), ANYTHING)
    assert (decision.kind, decision.question) == (ACCEPT, None)


def test_whether_to_accept_and_whether_to_reject_are_two_questions() -> None:
    rules = accepting(*ALL, pdp=PDP), accepting(*ALL, pdp=PDP, action="reject")
    record = record_of(CONNECTION)
    assert answered(record, *rules, accept_9=Ruling.DENY).question.signature is REJECT
    assert answered(record, *rules, accept_9=Ruling.DENY, reject_9=Ruling.PERMIT).kind is REJECT


def test_each_policy_decision_point_speaks_for_itself() -> None:
    rules = accepting(*ALL, pdp=PDP), accepting(*ALL, pdp=OTHER_PDP)
    record = record_of(CONNECTION)
    assert str(answered(record, *rules, accept_9=Ruling.DENY).question.pdp.url) == OTHER_PDP["url"]
    assert answered(record, *rules, accept_9=Ruling.DENY, accept_8=Ruling.PERMIT).rule == 2


def test_its_yes_accepts_nothing_that_no_rule_accepts() -> None:
    record = record_of(connection(PAIR, CONSUMER, PROVIDER, service="kvk"))
    assert answered(record, accepting(*ALL, pdp=PDP), accept_9=Ruling.PERMIT).kind is None


# -- explaining


def test_every_rule_is_explained_also_after_the_one_that_decides() -> None:
    rules = (
        accepting("service_publication"),
        accepting(*ALL, services=("kvk",)),
        accepting(*ALL, peers=(OTHER,)),
        accepting(*ALL, identification=("domain_name",)),
        accepting(*ALL, properties={"a": 1}),
        accepting(*ALL, max_days=99),
        accepting(*ALL, pdp=PDP),
        accepting(*ALL, action="reject", reason="no more"),
    )
    tenant = make_tenant(PROVIDER, key_pairs=(PAIR,), services=offering(SERVICE), accept=rules)
    explanation = explain(record_of(CONNECTION), tenant, now=NOW, answer_to=nobody)
    assert [one.number for one in explanation.findings] == list(range(1, 9))
    assert [one.verdict for one in explanation.findings] == [*[Verdict.DIFFERS] * 6, Verdict.ASKS, Verdict.MATCHES]
    keys = ["grants", "services", "peers", "identification", "properties", "max_days"]
    assert [one.reason.split(":")[0] for one in explanation.findings[:6]] == keys
    assert (explanation.decision.rule, explanation.settled) == (7, "")


def test_a_contract_that_is_settled_is_still_held_beside_the_rules() -> None:
    tenant = make_tenant(PROVIDER, key_pairs=(PAIR,), services=offering(SERVICE), accept=(ANYTHING,))
    explanation = explain(record_of(CONNECTION, signed_by={ACCEPT: PROVIDER}), tenant, now=NOW, answer_to=nobody)
    assert [one.verdict for one in explanation.findings] == [Verdict.MATCHES]
    assert explanation.decision.kind is None
    assert explanation.decision.reason == explanation.settled == "we have signed already"


# -- any rules, any Contract

_RULES = st.builds(
    accepting,
    st.sampled_from(ALL),
    st.sampled_from(ALL),
    services=st.sampled_from([(SERVICE,), ("kvk",)]),
    peers=st.sampled_from([("*",), (CONSUMER,), (OTHER,)]),
    action=st.sampled_from(["accept", "reject"]),
    other_properties=st.booleans(),
    delegators=st.sampled_from([(), ("*",), (OTHER,)]),
)
_PDP_RULES = st.builds(lambda rule: rule.model_copy(update={"pdp": PdpSettings.model_validate(PDP)}), _RULES)
_GRANTS = st.sampled_from(
    [
        CONNECTION,
        BY_NAME,
        with_properties(a=1),
        connection(PAIR, OTHER, PROVIDER, service="kvk"),
        delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER),
    ]
)


@settings(max_examples=150)
@given(
    rules=st.lists(_RULES | _PDP_RULES, max_size=5),
    grants=st.lists(_GRANTS, min_size=1, max_size=3),
    ruling=st.none() | st.sampled_from(Ruling),
)
def test_what_is_decided_is_what_the_explanation_says(
    rules: list[AcceptRule], grants: list[Grant], ruling: Ruling | None
) -> None:
    record = record_of(*grants)
    tenant = make_tenant(PROVIDER, key_pairs=(PAIR,), services=offering(SERVICE), accept=tuple(rules))

    def answer_to(_: PolicyQuestion) -> PolicyAnswer | None:
        return None if ruling is None else PolicyAnswer(ruling)

    explanation = explain(record, tenant, now=NOW, answer_to=answer_to)
    decision = explanation.decision
    assert decision == decide(record, tenant, now=NOW, answer_to=answer_to)
    deciding = next((one for one in explanation.findings if one.verdict is not Verdict.DIFFERS), None)
    assert decision.rule == (None if deciding is None else deciding.number)
    if decision.kind is ACCEPT:
        assert BY_NAME not in grants
        assert all(grant.service_name == SERVICE for grant in grants)
    if decision.kind is not None:
        assert deciding is not None
        assert decision.kind is deciding.signature
        assert deciding.verdict is Verdict.MATCHES
    else:
        assert decision.question is None or ruling in (None, Ruling.NONE)
