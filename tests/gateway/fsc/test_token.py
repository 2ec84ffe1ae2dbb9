"""Access tokens: issue, verify, inspect."""

import base64
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from certs.thumbprint import CertificateThumbprint
from gateway import errors
from gateway.errors import FscError, TokenRequestFailed
from gateway.fsc.claims import Claims
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.hashes import compute_hashes
from gateway.fsc.jws import Algorithm, UnusableKey, sign_compact
from gateway.fsc.names import GrantHash, GroupId, InwayAddress, ServiceName
from gateway.fsc.profile import HashProfile
from gateway.fsc.token import (
    OUTWAY_MARGIN_S,
    ExpectedToken,
    InwayIdentity,
    SignedClaims,
    accept_forwarded,
    authorize,
    inspect_token,
    issue_token,
    parse_token,
    verify_signature_of_token,
)
from tests.gateway.fsc import samples
from tests.gateway.fsc.samples import (
    CONSUMER,
    DELEGATOR,
    GROUP,
    NOW,
    PROVIDER,
    SERVICE,
    SERVICE_DELEGATOR,
    STRANGER,
    SigningKey,
    ec_key,
    rsa_key,
)

ADDRESS = InwayAddress("https://inway.example.nl:443")
GRANT = samples.connection()
GRANT_HASH = compute_hashes(samples.contract(GRANT), HashProfile.FSC_2_0).grant_hashes[0]

CLIENT = samples.peer(ec_key())
ISSUER_KEY = ec_key(number=1)
ISSUER = samples.peer(ISSUER_KEY, peer_id=PROVIDER)
KEYS = {ISSUER.thumbprint: ISSUER_KEY.public_key()}

INWAY = InwayIdentity(
    peer_id=PROVIDER, group_id=GROUP, addresses=frozenset({ADDRESS}), services=frozenset({SERVICE, ServiceName("echo")})
)
CLAIMS = Claims(
    grant_hash=GRANT_HASH,
    group_id=GROUP,
    outway_peer_id=CONSUMER,
    service_peer_id=PROVIDER,
    service_name=SERVICE,
    audience=ADDRESS,
    expires_at=NOW + 600,
    not_before=NOW,
    certificate_thumbprint=CLIENT.thumbprint,
)
SIGNED = SignedClaims(CLAIMS)
EXPECTED = ExpectedToken(grant=GRANT, grant_hash=GRANT_HASH, group_id=GROUP, certificate_thumbprint=CLIENT.thumbprint)


def token(claims: Claims = CLAIMS) -> str:
    return issue_token(claims, ISSUER_KEY, ISSUER.thumbprint)


def signed(claims: Claims) -> SignedClaims:
    return verify_signature_of_token(parse_token(f"Bearer {token(claims)}"), KEYS)


# reading the header


@pytest.mark.parametrize("value", [None, "", "   ", "Bearer", "bearer ", "BEARER   "])
def test_a_missing_token_has_a_code_of_its_own(value: str | None) -> None:
    with pytest.raises(errors.AccessTokenMissing, match="send 'Bearer <access token>'"):
        parse_token(value)


@pytest.mark.parametrize(
    "value",
    [
        "Basic dXNlcjpwYXNz",
        "Token abc",
        token(),
        "Bearer a b",
        "Bearer a.b.c",
        "Bearer é",
        f"Bearer {token()} x",
        "\x00",
    ],
)
def test_what_is_no_bearer_token_is_refused(value: str) -> None:
    with pytest.raises(errors.AccessTokenInvalid):
        parse_token(value)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", " Bearer  "])
def test_the_scheme_may_be_in_any_case(scheme: str) -> None:
    assert parse_token(f"{scheme} {token()}").thumbprint == ISSUER.thumbprint


@pytest.mark.parametrize("algorithm", ["none", "HS256", "PS256"])
def test_no_other_algorithm_is_taken(algorithm: str) -> None:
    header = base64.urlsafe_b64encode(json.dumps({"alg": algorithm, "x5t#S256": ISSUER.thumbprint}).encode())
    _, payload, signature = token().split(".")
    with pytest.raises(errors.AccessTokenInvalid, match="allowed are RS256"):
        parse_token(f"Bearer {header.decode().rstrip('=')}.{payload}.{signature}")


@given(st.text(max_size=60))
def test_no_header_makes_the_parser_fail_otherwise(value: str) -> None:
    with pytest.raises((errors.AccessTokenMissing, errors.AccessTokenInvalid)):
        parse_token(value)


# the signature


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (rsa_key(), Algorithm.RS256),
        (rsa_key(), Algorithm.RS384),
        (rsa_key(), Algorithm.RS512),
        (ec_key(), Algorithm.ES256),
        (ec_key(ec.SECP384R1), Algorithm.ES384),
        (ec_key(ec.SECP521R1), Algorithm.ES512),
    ],
)
def test_what_is_issued_verifies(key: SigningKey, algorithm: Algorithm) -> None:
    issuer = samples.peer(key, peer_id=PROVIDER)
    text = issue_token(CLAIMS, key, issuer.thumbprint, algorithm)
    assert verify_signature_of_token(parse_token(f"Bearer {text}"), {issuer.thumbprint: key.public_key()}) == CLAIMS


def test_a_token_says_that_it_is_one() -> None:
    header = token().split(".")[0]
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == {
        "alg": "ES256",
        "typ": "JWT",
        "x5t#S256": ISSUER.thumbprint,
    }


def test_a_token_that_another_peer_signed_is_refused() -> None:
    foreign = issue_token(CLAIMS, ec_key(), CLIENT.thumbprint)
    with pytest.raises(errors.AccessTokenInvalid, match="not signed with a certificate of this Peer"):
        verify_signature_of_token(parse_token(f"Bearer {foreign}"), KEYS)


def test_a_token_that_names_our_certificate_but_was_signed_by_another_is_refused() -> None:
    for key in (ec_key(), rsa_key()):
        forged = issue_token(CLAIMS, key, ISSUER.thumbprint)
        with pytest.raises(errors.AccessTokenInvalid, match="does not verify"):
            verify_signature_of_token(parse_token(f"Bearer {forged}"), KEYS)


def test_signed_claims_must_still_be_claims() -> None:
    text = sign_compact({**CLAIMS.to_json(), "exp": "never"}, ISSUER_KEY, ISSUER.thumbprint)
    with pytest.raises(errors.AccessTokenInvalid, match="the access token has no exp"):
        verify_signature_of_token(parse_token(f"Bearer {text}"), KEYS)


def test_we_do_not_sign_with_an_algorithm_that_does_not_fit() -> None:
    with pytest.raises(UnusableKey):
        issue_token(CLAIMS, ISSUER_KEY, ISSUER.thumbprint, Algorithm.RS512)


_TEXT = token()


@given(st.integers(0, len(_TEXT) - 1), st.characters(codec="ascii"))
def test_no_character_of_a_token_can_be_changed(place: int, character: str) -> None:
    changed = _TEXT[:place] + character + _TEXT[place + 1 :]
    if changed == _TEXT:
        return
    with pytest.raises((errors.AccessTokenInvalid, errors.AccessTokenMissing)):
        verify_signature_of_token(parse_token(f"Bearer {changed}"), KEYS)


@pytest.mark.parametrize("name", sorted(CLAIMS.to_json()))
@given(value=st.none() | st.booleans() | st.integers(0, 2**40) | st.text("ab1", max_size=4) | st.just({"sub": "x"}))
def test_no_claim_can_be_changed_under_the_signature(name: str, value: Any) -> None:
    header, payload, signature = _TEXT.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    if claims[name] == value:
        return
    other = base64.urlsafe_b64encode(json.dumps({**claims, name: value}).encode()).decode().rstrip("=")
    with pytest.raises(errors.AccessTokenInvalid, match="does not verify"):
        verify_signature_of_token(parse_token(f"Bearer {header}.{other}.{signature}"), KEYS)


# the authorization


def test_good_claims_authorize() -> None:
    assert authorize(signed(CLAIMS), peer=CLIENT, inway=INWAY, grant=GRANT, now=NOW) == CLAIMS
    assert accept_forwarded(signed(CLAIMS), inway=INWAY, grant=GRANT, now=NOW) == CLAIMS


@pytest.mark.parametrize(
    ("grant", "change"),
    [
        (samples.delegated_connection(), {"delegator_peer_id": DELEGATOR}),
        (samples.connection_to_delegated_service(), {"service_delegator_peer_id": SERVICE_DELEGATOR}),
        (samples.connection(properties={"a": 1}), {"properties": {"a": 1}}),
    ],
)
def test_delegation_and_properties_travel_in_the_claims(grant: ConnectionGrant, change: dict[str, Any]) -> None:
    claims = replace(CLAIMS, **change)
    assert authorize(signed(claims), peer=CLIENT, inway=INWAY, grant=grant, now=NOW) == claims


FAULTS: list[tuple[Callable[[Claims], Claims], type[FscError], str]] = [
    (lambda c: replace(c, service_peer_id=STRANGER), errors.AccessTokenInvalid, "iss"),
    (lambda c: replace(c, not_before=NOW + 1), errors.AccessTokenInvalid, "valid only in 1 s"),
    (lambda c: replace(c, expires_at=NOW), errors.AccessTokenExpired, "request a new one"),
    (
        lambda c: replace(c, certificate_thumbprint=CertificateThumbprint("A" * 43)),
        errors.AccessTokenInvalid,
        "bound to another certificate",
    ),
    (lambda c: replace(c, outway_peer_id=STRANGER), errors.AccessTokenInvalid, "issued to another Peer"),
    (lambda c: replace(c, group_id=GroupId("other")), errors.WrongGroupIdInToken, "'other'"),
    (lambda c: replace(c, audience="https://inway.example.nl:8443"), errors.AccessTokenInvalid, "aud"),
    (lambda c: replace(c, service_name=ServiceName("unknown")), errors.ServiceNotFound, "'unknown'"),
    (lambda c: replace(c, service_name=ServiceName("echo")), errors.AccessTokenInvalid, "another connection"),
    (lambda c: replace(c, delegator_peer_id=DELEGATOR), errors.AccessTokenInvalid, "other Delegators"),
    (lambda c: replace(c, service_delegator_peer_id=DELEGATOR), errors.AccessTokenInvalid, "other Delegators"),
]
SEEN_ON_THE_CONNECTION_ONLY = (3,)


@pytest.mark.parametrize("fault", range(len(FAULTS)))
def test_each_claim_that_does_not_fit_is_refused(fault: int) -> None:
    change, error, problem = FAULTS[fault]
    claims = signed(change(CLAIMS))
    with pytest.raises(error, match=problem):
        authorize(claims, peer=CLIENT, inway=INWAY, grant=GRANT, now=NOW)
    if fault in SEEN_ON_THE_CONNECTION_ONLY:
        accept_forwarded(claims, inway=INWAY, grant=GRANT, now=NOW)
    else:
        with pytest.raises(FscError):
            accept_forwarded(claims, inway=INWAY, grant=GRANT, now=NOW)


@pytest.mark.parametrize("first", range(len(FAULTS) - 1))
def test_the_first_check_that_fails_is_the_answer(first: int) -> None:
    claims = CLAIMS
    for change, _, _ in reversed(FAULTS[first:]):
        claims = change(claims)
    with pytest.raises(FAULTS[first][1], match=FAULTS[first][2]):
        authorize(SignedClaims(claims), peer=CLIENT, inway=INWAY, grant=GRANT, now=NOW)


def test_a_contract_that_is_not_valid_any_more_ends_its_tokens() -> None:
    with pytest.raises(errors.AccessTokenInvalid, match="not valid any more"):
        authorize(SIGNED, peer=CLIENT, inway=INWAY, grant=None, now=NOW)
    with pytest.raises(errors.AccessTokenInvalid, match="not valid any more"):
        accept_forwarded(SIGNED, inway=INWAY, grant=None, now=NOW)


def test_the_connection_decides_not_the_claims() -> None:
    same_key_other_certificate = samples.peer(ec_key())
    other_peer = replace(CLIENT, peer_id=STRANGER)
    for peer, problem in ((same_key_other_certificate, "another certificate"), (other_peer, "another Peer")):
        with pytest.raises(errors.AccessTokenInvalid, match=problem):
            authorize(SIGNED, peer=peer, inway=INWAY, grant=GRANT, now=NOW)


@pytest.mark.parametrize(
    ("now", "error"),
    [
        (NOW - 1, errors.AccessTokenInvalid),
        (NOW, None),
        (NOW + 599, None),
        (NOW + 600, errors.AccessTokenExpired),
    ],
)
def test_the_borders_of_the_life_of_a_token(now: int, error: type[FscError] | None) -> None:
    if error is None:
        authorize(SIGNED, peer=CLIENT, inway=INWAY, grant=GRANT, now=now)
    else:
        with pytest.raises(error):
            authorize(SIGNED, peer=CLIENT, inway=INWAY, grant=GRANT, now=now)


# the Outway


def test_an_outway_learns_where_to_go() -> None:
    assert inspect_token(token(), EXPECTED, now=NOW) == (CLAIMS, ADDRESS)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"group_id": GroupId("other")}, f"has gid 'other'; '{GROUP}' was asked for"),
        ({"service_peer_id": STRANGER}, "has iss"),
        ({"outway_peer_id": STRANGER}, "has sub"),
        ({"service_name": ServiceName("echo")}, "has svc"),
        ({"grant_hash": GrantHash("$1$3$AAAA")}, "has gth"),
        ({"certificate_thumbprint": CertificateThumbprint("A" * 43)}, "has cnf.x5t#S256"),
        ({"audience": "https://inway.example.nl"}, "must be https://<host>:<port>"),
        ({"audience": "http://inway.example.nl:443"}, "must be https://<host>:<port>"),
        ({"audience": "https://inway.example.nl:9443"}, "443 and 8443 only"),
        ({"expires_at": NOW + OUTWAY_MARGIN_S - 1}, "expires 29 s from now"),
        ({"expires_at": NOW - 1}, "expires -1 s from now"),
    ],
)
def test_an_outway_refuses_a_token_that_it_did_not_ask_for(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(TokenRequestFailed) as refusal:
        inspect_token(token(replace(CLAIMS, **change)), EXPECTED, now=NOW)
    assert problem in str(refusal.value)


@pytest.mark.parametrize(
    "change",
    [
        {"delegator_peer_id": STRANGER},
        {"service_delegator_peer_id": STRANGER},
        {"properties": {"other": 1}},
        {"properties": None},
    ],
)
def test_an_outway_goes_by_what_was_agreed_where_the_token_says_otherwise(change: dict[str, Any]) -> None:
    agreed = {"key": "value"}
    expected = replace(EXPECTED, grant=EXPECTED.grant.model_copy(update={"properties": agreed}))
    claims, _ = inspect_token(token(replace(CLAIMS, **change)), expected, now=NOW)
    assert claims == replace(CLAIMS, properties=agreed)


@pytest.mark.parametrize("text", ["", "a.b.c", "not a token", "é"])
def test_an_outway_refuses_what_is_no_token(text: str) -> None:
    with pytest.raises(TokenRequestFailed, match=r"^the access token that the Manager gave (is not|has)"):
        inspect_token(text, EXPECTED, now=NOW)


def test_another_port_takes_permission() -> None:
    text = token(replace(CLAIMS, audience="https://inway.localhost:9443"))
    assert inspect_token(text, EXPECTED, now=NOW, allow_any_port=True)[1] == "https://inway.localhost:9443"


def test_a_token_is_not_shown() -> None:
    unverified = parse_token(f"Bearer {_TEXT}")
    assert _TEXT.split(".")[2] not in repr(unverified)
    assert CONSUMER not in repr(unverified)
