"""The claims of an access token."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.thumbprint import CertificateThumbprint
from gateway.fsc.claims import Claims, parse_claims
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import GrantHash
from tests.gateway.fsc.samples import CONSUMER, DELEGATOR, GROUP, PROVIDER, SERVICE, SERVICE_DELEGATOR

THUMBPRINT = CertificateThumbprint("DpAyDYakmVAQ4oOJC3UYLRk_ONRCqMj00TeGJemMiLA")
GRANT_HASH = GrantHash("$1$4$+PQI7we01qIfEwq4O5UioLKzjGBgRva6F5+bUfDlKxUjcY5yX1MRsn6NKquDbL8VcklhYO9sk18rHD6La3w/mg")

PAYLOAD: JsonObject = {
    "gth": GRANT_HASH,
    "gid": GROUP,
    "sub": CONSUMER,
    "iss": PROVIDER,
    "svc": SERVICE,
    "aud": "https://inway.example.nl:443",
    "exp": 1493726400,
    "nbf": 1493722800,
    "cnf": {"x5t#S256": THUMBPRINT},
    "add": {},
}
CLAIMS = Claims(
    grant_hash=GRANT_HASH,
    group_id=GROUP,
    outway_peer_id=CONSUMER,
    service_peer_id=PROVIDER,
    service_name=SERVICE,
    audience="https://inway.example.nl:443",
    expires_at=1493726400,
    not_before=1493722800,
    certificate_thumbprint=THUMBPRINT,
)
EVERYTHING: JsonObject = {
    **PAYLOAD,
    "act": {"sub": DELEGATOR},
    "pdi": SERVICE_DELEGATOR,
    "prp": {"a": [1, {"b": None}]},
    "add": {"c": 1.5},
}


def test_a_plain_token() -> None:
    assert parse_claims(PAYLOAD) == CLAIMS
    assert CLAIMS.to_json() == PAYLOAD


def test_a_token_with_everything() -> None:
    claims = parse_claims(EVERYTHING)
    assert claims.delegator_peer_id == DELEGATOR
    assert claims.service_delegator_peer_id == SERVICE_DELEGATOR
    assert claims.properties == {"a": [1, {"b": None}]}
    assert claims.additional == {"c": 1.5}
    assert claims.to_json() == EVERYTHING


def test_older_tokens_call_the_delegator_cdi() -> None:
    assert parse_claims({**PAYLOAD, "cdi": DELEGATOR}).delegator_peer_id == DELEGATOR
    both = {**PAYLOAD, "cdi": SERVICE_DELEGATOR, "act": {"sub": DELEGATOR}}
    assert parse_claims(both).delegator_peer_id == DELEGATOR


@pytest.mark.parametrize("name", ["act", "pdi", "prp", "add", "cdi"])
def test_what_is_optional_may_be_null(name: str) -> None:
    assert parse_claims({**PAYLOAD, name: None}) == CLAIMS


def test_empty_properties_are_not_absent_properties() -> None:
    assert parse_claims({**PAYLOAD, "prp": {}}).properties == {}
    assert parse_claims({**PAYLOAD, "prp": {}}).to_json()["prp"] == {}


@pytest.mark.parametrize("name", ["gth", "gid", "sub", "iss", "svc", "aud", "exp", "nbf", "cnf"])
@pytest.mark.parametrize("value", [None, [], 1.5, True, "", {"sub": 1}, -1])
def test_what_is_required_must_be_there_in_its_form(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=r"^has (no|a)") as refusal:
        parse_claims({**PAYLOAD, name: value})
    assert "x5t#S256" in str(refusal.value) or name in str(refusal.value)


@pytest.mark.parametrize("name", ["act", "pdi", "prp", "add", "cdi"])
def test_what_is_optional_must_have_its_form(name: str) -> None:
    wrongs: list[Any] = [[], 1, "x", True]
    for wrong in wrongs:
        with pytest.raises(ValueError, match=name):
            parse_claims({**PAYLOAD, name: wrong})


def test_the_audience_is_one_address() -> None:
    with pytest.raises(ValueError, match="has no aud that is a string"):
        parse_claims({**PAYLOAD, "aud": ["https://inway.example.nl:443"]})
    with pytest.raises(ValueError, match="malformed aud"):
        parse_claims({**PAYLOAD, "aud": "x" * 256})


@given(st.sampled_from(sorted(EVERYTHING)), st.none() | st.text(max_size=5) | st.integers() | st.floats() | st.just({}))
def test_no_claim_makes_the_parser_fail_otherwise(name: str, value: Any) -> None:
    payload = copy.deepcopy(EVERYTHING) | {name: value}
    try:
        claims = parse_claims(payload)
    except ValueError:
        return
    assert parse_claims(json.loads(json.dumps(claims.to_json()))) == claims
