"""The content of a contract."""

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.jcs import JsonObject
from gateway.fsc.profile import HashProfile
from tests.gateway.fsc import samples
from tests.gateway.fsc.samples import CONSUMER, DELEGATOR, PROVIDER

Change = Callable[[JsonObject], object]


def data(content: JsonObject) -> JsonObject:
    return content["grants"][0]["data"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_only_an_object_can_be_content(value: object) -> None:
    with pytest.raises(InvalidRequest, match="must be a JSON object"):
        parse_contract_content(value)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda c: c.pop("iv"), "'/iv' is required"),
        (lambda c: c.update(iv=1), "'/iv'"),
        (lambda c: c.update(iv="x" * 256), "'/iv'"),
        (lambda c: c.pop("group_id"), "'/group_id' is required"),
        (lambda c: c.update(group_id=None), "'/group_id'"),
        (lambda c: c.pop("hash_algorithm"), "'/hash_algorithm' is required"),
        (lambda c: c.update(hash_algorithm=1), "'/hash_algorithm'"),
        (lambda c: c.update(fsc_version=2), "'/fsc_version'"),
        (lambda c: c.pop("created_at"), "'/created_at' is required"),
        (lambda c: c.update(created_at="1672527600"), "'/created_at'"),
        (lambda c: c.update(created_at=1672527600.5), "'/created_at'"),
        (lambda c: c.update(created_at=True), "'/created_at'"),
        (lambda c: c.update(created_at=-1), "'/created_at'"),
        (lambda c: c.pop("validity"), "'/validity' is required"),
        (lambda c: c.update(validity=[]), "'/validity'"),
        (lambda c: c["validity"].pop("not_before"), "'/validity/not_before' is required"),
        (lambda c: c["validity"].update(not_after=2**53), "'/validity/not_after'"),
        (lambda c: c.pop("grants"), "'/grants' is required"),
        (lambda c: c.update(grants={}), "'/grants'"),
        (lambda c: c.update(grants=[None]), "'/grants/0'"),
        (lambda c: c.update(grants=[{}]), "'/grants/0/data' is required"),
        (lambda c: c.update(grants=[data(c)]), "'/grants/0/data' is required"),
        (lambda c: data(c).pop("type"), "'/grants/0/data/type' is required"),
        (lambda c: data(c).update(type="GRANT_TYPE_OTHER"), "'/grants/0/data/type' is 'GRANT_TYPE_OTHER', but must be"),
        (lambda c: data(c).update(type=2), "'/grants/0/data/type' is '2'"),
        (lambda c: data(c).pop("outway"), "'/grants/0/data/outway' is required"),
        (lambda c: data(c)["outway"].pop("identification"), "'/grants/0/data/outway/identification' is required"),
        (
            lambda c: data(c)["outway"]["identification"].pop("public_key_thumbprint"),
            "'/grants/0/data/outway/identification/public_key_thumbprint' is required",
        ),
        (lambda c: data(c)["outway"].update(public_key_thumbprint="x"), "'/grants/0/data/outway' must have either"),
        (
            lambda c: data(c)["outway"].update(peer_id="\x00\x00\x00"),
            "'/grants/0/data/outway/peer_id' a Peer ID has no",
        ),
        (lambda c: data(c)["service"].pop("type"), "'/grants/0/data/service/type' is required"),
        (lambda c: data(c)["service"].update(type="SERVICE_TYPE_DELEGATED_SERVICE"), "service/delegator' is required"),
        (lambda c: data(c)["service"].update(name=""), "'/grants/0/data/service/name'"),
        (lambda c: data(c)["service"].update(name="x" * 256), "'/grants/0/data/service/name'"),
        (lambda c: data(c).update(properties=None), "'/grants/0/data/properties'"),
    ],
)
def test_a_fault_in_the_schema_is_refused_with_its_place(change: Change, problem: str) -> None:
    content = samples.content()
    change(content)
    with pytest.raises(InvalidRequest) as refusal:
        parse_contract_content(content)
    assert problem in str(refusal.value)


def test_an_unknown_protocol_is_refused() -> None:
    content = samples.content(samples.publication())
    data(content)["service"]["protocol"] = "PROTOCOL_TCP_HTTP_3"
    with pytest.raises(InvalidRequest, match="/grants/0/data/service/protocol"):
        parse_contract_content(content)


def test_several_faults_are_told_at_once_but_not_endlessly() -> None:
    with pytest.raises(InvalidRequest) as refusal:
        parse_contract_content({"grants": [{}] * 50})
    assert str(refusal.value).count("is required") == 5


def test_a_refusal_does_not_repeat_the_input() -> None:
    content = samples.content()
    data(content)["type"] = "x" * 100_000
    with pytest.raises(InvalidRequest) as refusal:
        parse_contract_content(content)
    assert len(str(refusal.value)) < 1000


@pytest.mark.parametrize("profile", [HashProfile.FSC_2_0, HashProfile.FSC_DEVELOP])
def test_the_content_is_read_in_both_shapes(profile: HashProfile) -> None:
    content = samples.contract(samples.connection(), samples.delegated_connection(), profile=profile).content
    assert content.grants == (samples.connection(), samples.delegated_connection())
    assert content.fsc_version == profile.fsc_version
    assert (content.not_before, content.not_after) == (samples.NOT_BEFORE, samples.NOT_AFTER)
    assert content.peer_ids() == content.required_accepts() == {CONSUMER, PROVIDER, DELEGATOR}


def test_what_the_schema_does_not_know_is_ignored_and_kept() -> None:
    content = samples.content()
    content["extra"] = data(content)["extra"] = data(content)["service"]["extra"] = {"x": [1]}
    before = copy.deepcopy(content)
    parsed = parse_contract_content(content)
    assert parsed.raw == before
    assert parsed.content == samples.contract().content


def test_what_only_the_rules_judge_is_read() -> None:
    content = samples.content()
    content.update(iv="not a uuid", group_id="", hash_algorithm="MD5", fsc_version="9", created_at=2**52)
    data(content)["outway"]["identification"]["public_key_thumbprint"] = "not hexadecimal"
    data(content)["service"]["name"] = "not a name!"
    assert parse_contract_content(content).content.iv == "not a uuid"
    assert parse_contract_content({**content, "grants": []}).content.peer_ids() == frozenset()


_ANY: st.SearchStrategy[Any] = st.sampled_from([None, True, -1, 2**60, 1.5, "", "x" * 300, [], [[]], {}, {"type": 1}])
_PATHS = [
    ("iv",),
    ("validity",),
    ("validity", "not_after"),
    ("grants",),
    ("grants", 0),
    ("grants", 0, "data"),
    ("grants", 0, "data", "type"),
    ("grants", 0, "data", "outway"),
    ("grants", 0, "data", "outway", "identification"),
    ("grants", 0, "data", "outway", "identification", "type"),
    ("grants", 0, "data", "service"),
    ("grants", 0, "data", "service", "type"),
    ("grants", 0, "data", "properties"),
]


@given(st.sampled_from(_PATHS), _ANY)
def test_no_value_anywhere_makes_the_parser_fail_otherwise(path: tuple[str | int, ...], value: Any) -> None:
    content = samples.content()
    place: Any = content
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    with suppress(InvalidRequest):
        parse_contract_content(content)
