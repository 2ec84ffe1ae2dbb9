"""The rules for a contract."""

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from gateway import errors
from gateway.errors import FscError, InvalidContract
from gateway.fsc import rules
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import DomainNameIdentification, Grant, PublicKeyIdentification
from gateway.fsc.jcs import JsonObject
from gateway.fsc.profile import HashProfile
from gateway.fsc.rules import CLOCK_SKEW_S, MAX_PROPERTIES_BYTES, RULES, RuleContext, check_contract
from tests.gateway.fsc import samples
from tests.gateway.fsc.samples import CONSUMER, DELEGATOR, DIRECTORY, GROUP, NOT_AFTER, NOW, PROVIDER, STRANGER

CONTEXT = RuleContext(
    group_id=GROUP,
    self_peer_id=PROVIDER,
    caller_peer_id=CONSUMER,
    now=NOW,
    profiles=(HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES),
)

Change = Callable[[JsonObject], object]


def changed(change: Change) -> JsonObject:
    content = copy.deepcopy(samples.content())
    change(content)
    return content


def refusal(content: JsonObject, context: RuleContext = CONTEXT) -> FscError:
    with pytest.raises(FscError) as raised:
        check_contract(parse_contract_content(content), context)
    return raised.value


@pytest.mark.parametrize(
    "grants",
    [
        [samples.connection()],
        [samples.connection_to_delegated_service()],
        [samples.delegated_connection()],
        [samples.connection(), samples.delegated_connection()],
        [samples.connection(DomainNameIdentification(domain_name="outway.example.nl"))],
        [samples.publication()],
        [samples.delegated_publication(), samples.publication()],
    ],
)
def test_a_good_contract_passes(grants: list[Grant]) -> None:
    submitter = DIRECTORY if grants[0].kind.name.endswith("PUBLICATION") else CONSUMER
    check_contract(samples.contract(*grants), replace(CONTEXT, caller_peer_id=submitter))


ACCEPTED = "fsc-2.0 (fsc_version 2.0.0) or fsc-2.0-rawbytes (fsc_version 2.0.0)"


@pytest.mark.parametrize("version", ["1.0.0", "", "2.0", "3.0.0"])
def test_an_unknown_version_is_refused(version: str) -> None:
    error = refusal(changed(lambda c: c.update(fsc_version=version)))
    assert isinstance(error, errors.UnknownFscVersion)
    assert error.message == f"/fsc_version is '{version}'; this Group accepts {ACCEPTED}: send one of these"


def test_a_content_without_version_takes_a_group_that_allows_an_older_profile() -> None:
    content = samples.content(profile=HashProfile.FSC_DEVELOP)
    error = refusal(content)
    assert isinstance(error, errors.UnknownFscVersion)
    assert error.message == (
        f"/fsc_version is absent; this Group accepts {ACCEPTED}: send one of these, or have the receiving Peer add "
        "fsc-develop (no fsc_version) or fsc-1.1 (no fsc_version) to group.hash_profiles"
    )
    check_contract(parse_contract_content(content), replace(CONTEXT, profiles=(HashProfile.FSC_DEVELOP,)))
    older = replace(CONTEXT, profiles=(HashProfile.FSC_DEVELOP, HashProfile.FSC_1_1))
    message = refusal(samples.content(), older).message
    assert "this Group accepts fsc-develop (no fsc_version) or fsc-1.1 (no fsc_version)" in message
    assert f"add {ACCEPTED} to group.hash_profiles" in message


def test_another_hash_algorithm_is_refused() -> None:
    error = refusal(changed(lambda c: c.update(hash_algorithm="HASH_ALGORITHM_SHA3_256")))
    assert isinstance(error, errors.UnknownHashAlgorithmHash)
    assert "use HASH_ALGORITHM_SHA3_512" in error.message


def test_another_group_is_refused() -> None:
    error = refusal(changed(lambda c: c.update(group_id="fsc-other-group")))
    assert isinstance(error, errors.IncorrectGroupId)
    assert "'fsc-other-group'" in error.message
    assert f"'{GROUP}'" in error.message


@pytest.mark.parametrize(
    ("profiles", "submitter_error", "receiver_error"),
    [
        (
            (HashProfile.FSC_2_0, HashProfile.FSC_1_1),
            errors.SubmittingPeerNotPartOfContract,
            errors.ReceivingPeerNotPartOfContract,
        ),
        (
            (HashProfile.FSC_1_1, HashProfile.FSC_2_0),
            errors.PeerNotPartOfContract,
            errors.PeerNotPartOfContract,
        ),
    ],
)
def test_submitter_and_receiver_must_be_parties(
    profiles: tuple[HashProfile, ...], submitter_error: type[FscError], receiver_error: type[FscError]
) -> None:
    context = replace(CONTEXT, profiles=profiles)
    by_stranger = refusal(samples.content(), replace(context, caller_peer_id=STRANGER))
    assert type(by_stranger) is submitter_error
    assert f"'{STRANGER}', which submits" in by_stranger.message
    to_stranger = refusal(samples.content(), replace(context, self_peer_id=STRANGER))
    assert type(to_stranger) is receiver_error
    assert f"'{STRANGER}', which receives" in to_stranger.message


def test_any_party_may_submit_and_a_pulled_contract_has_no_submitter() -> None:
    contract = samples.contract(samples.delegated_connection())
    for caller in (CONSUMER, PROVIDER, DELEGATOR, None):
        check_contract(contract, replace(CONTEXT, caller_peer_id=caller))
    error = refusal(samples.content(), replace(CONTEXT, caller_peer_id=None, self_peer_id=STRANGER))
    assert isinstance(error, errors.ReceivingPeerNotPartOfContract)


@pytest.mark.parametrize("publication", [samples.publication(), samples.delegated_publication()])
@pytest.mark.parametrize("connection", [samples.connection(), samples.delegated_connection()])
def test_publication_is_not_mixed_with_connection(publication: Grant, connection: Grant) -> None:
    for grants in ((publication, connection), (connection, publication)):
        assert isinstance(refusal(samples.content(*grants)), errors.GrantCombinationNotAllowed)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: c.update(grants=[]), "/grants is empty"),
        (lambda c: c.update(iv="06338364"), "/iv is not a UUID"),
        (lambda c: c.update(created_at=NOW + CLOCK_SKEW_S + 1), "/created_at is 61 s in the future"),
        (lambda c: c["validity"].update(not_before=NOT_AFTER), "/validity/not_after must be later"),
        (lambda c: c["validity"].update(not_before=NOT_AFTER + 1), "/validity/not_after must be later"),
        (lambda c: c["validity"].update(not_after=NOW), "/validity/not_after is 0 s in the past"),
        (
            lambda c: c["grants"][0]["data"]["service"].update(name="a b"),
            "/grants/0/data/service/name must be 1 to 100",
        ),
        (lambda c: c["grants"][0]["data"]["service"].update(name="x" * 101), "/grants/0/data/service/name must be"),
    ],
)
def test_a_content_rule_without_a_code_names_the_place(change: Change, problem: str) -> None:
    error = refusal(changed(change))
    assert isinstance(error, InvalidContract)
    assert problem in error.message


@pytest.mark.parametrize("version", ["1", "4", "7"])
def test_an_iv_of_any_version_is_accepted(version: str) -> None:
    content = changed(lambda c: c.update(iv=f"06338364-8305-{version}b74-8000-de4963503139"))
    check_contract(parse_contract_content(content), CONTEXT)


def test_clocks_may_differ_a_little() -> None:
    content = changed(lambda c: c.update(created_at=NOW + CLOCK_SKEW_S))
    check_contract(parse_contract_content(content), CONTEXT)


@pytest.mark.parametrize("thumbprint", ["", "3A" * 32, "3a" * 31, "3a" * 33, "zz" * 32])
def test_a_malformed_thumbprint_is_refused(thumbprint: str) -> None:
    identification = PublicKeyIdentification(public_key_thumbprint=thumbprint)
    error = refusal(samples.content(samples.delegated_connection(), samples.connection(identification)))
    assert isinstance(error, errors.IncorrectPublicKeyThumbprint)
    assert "/grants/1/data/outway" in error.message


@pytest.mark.parametrize("domain_name", ["", "*.example.nl", "outway example"])
def test_a_malformed_domain_name_is_refused(domain_name: str) -> None:
    error = refusal(samples.content(samples.connection(DomainNameIdentification(domain_name=domain_name))))
    assert isinstance(error, InvalidContract)
    assert "/grants/0/data/outway/identification/domain_name is not a domain name" in error.message


def test_properties_have_a_limit() -> None:
    room = MAX_PROPERTIES_BYTES - len('{"a":""}')
    check_contract(samples.contract(samples.connection(properties={"a": "x" * room})), CONTEXT)
    error = refusal(
        samples.content(samples.publication().model_copy(update={"properties": {"a": "x" * (room + 1)}})),
        replace(CONTEXT, caller_peer_id=DIRECTORY),
    )
    assert isinstance(error, InvalidContract)
    assert "/grants/0/data/properties is larger" in error.message


FAULTS: list[tuple[Change, type[FscError]]] = [
    (lambda c: c.update(fsc_version="9"), errors.UnknownFscVersion),
    (lambda c: c.update(hash_algorithm="MD5"), errors.UnknownHashAlgorithmHash),
    (lambda c: c.update(group_id="other"), errors.IncorrectGroupId),
    (lambda c: c["grants"][0]["data"]["outway"].update(peer_id=STRANGER), errors.SubmittingPeerNotPartOfContract),
    (
        lambda c: c["grants"].append(samples.content(samples.publication())["grants"][0]),
        errors.GrantCombinationNotAllowed,
    ),
    (lambda c: c.update(iv="x"), errors.InvalidContract),
]


@pytest.mark.parametrize("first", range(len(FAULTS)))
def test_the_first_broken_rule_is_the_answer(first: int) -> None:
    def break_all(content: Any) -> None:
        for change, _ in FAULTS[first:]:
            change(content)

    assert type(refusal(changed(break_all))) is FAULTS[first][1]


def test_every_rule_is_in_the_list() -> None:
    named = [name for name in vars(rules) if name.startswith("check_") and name != "check_contract"]
    assert [rule.__name__ for rule in RULES] == named
