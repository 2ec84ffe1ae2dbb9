"""Requests for an access token."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certs.identity import PeerCertificate
from gateway.fsc.grants import ConnectionGrant, DomainNameIdentification, PublicKeyIdentification
from gateway.fsc.names import GrantHash, InwayAddress, ServiceName
from gateway.fsc.oauth import OAuthError, OAuthErrorCode
from gateway.fsc.state import ContractState
from gateway.fsc.token_request import (
    NOT_BEFORE_MARGIN_S,
    FoundGrant,
    Issuer,
    TokenRequest,
    check_token_request,
    claims_for,
    parse_token_request,
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
    ec_key,
)

GRANT_HASH = GrantHash("$1$3$53nGkZldmXI7-3R-W1yeSFywZ3Y162RR0wArpDtUk-yyClOIDxbVw_8-eCaPLROc18atdUtXJbuROylbP-etXg")
FORM = [("grant_type", "client_credentials"), ("scope", GRANT_HASH), ("client_id", CONSUMER)]

CLIENT = samples.peer(ec_key(), dns_names=["outway.example.nl"])
BY_KEY = PublicKeyIdentification(public_key_thumbprint=CLIENT.public_key_thumbprint)
GRANT = samples.connection(BY_KEY)
REQUEST = TokenRequest(GRANT_HASH, CONSUMER)
ISSUER = Issuer(peer_id=PROVIDER, group_id=GROUP, services=frozenset({SERVICE}))


def valid(grant: ConnectionGrant = GRANT) -> FoundGrant:
    return FoundGrant(grant, ContractState.VALID)


def refusal(
    found: FoundGrant | None,
    *,
    request: TokenRequest = REQUEST,
    client: PeerCertificate = CLIENT,
    issuer: Issuer = ISSUER,
) -> OAuthError:
    with pytest.raises(OAuthError) as raised:
        check_token_request(request, found, client=client, issuer=issuer)
    return raised.value


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_id"])
def test_a_missing_empty_or_repeated_parameter_is_an_invalid_request(name: str) -> None:
    others = [pair for pair in FORM if pair[0] != name]
    for form in (others, [*others, (name, "")]):
        with pytest.raises(OAuthError, match=f"parameter {name} is missing") as raised:
            parse_token_request(form)
        assert raised.value.error is OAuthErrorCode.INVALID_REQUEST
    with pytest.raises(OAuthError, match=f"parameter {name} is repeated") as raised:
        parse_token_request([*FORM, (name, "x")])
    assert raised.value.error is OAuthErrorCode.INVALID_REQUEST


@pytest.mark.parametrize("grant_type", ["authorization_code", "Client_Credentials", "password"])
def test_another_grant_type_is_unsupported(grant_type: str) -> None:
    with pytest.raises(OAuthError, match="must be client_credentials") as raised:
        parse_token_request([("grant_type", grant_type), *FORM[1:]])
    assert raised.value.error is OAuthErrorCode.UNSUPPORTED_GRANT_TYPE


@pytest.mark.parametrize("scope", ["openid", "$1$3$", "$1$4-KB43", GRANT_HASH + " " + GRANT_HASH])
def test_a_malformed_hash_is_an_invalid_scope(scope: str) -> None:
    with pytest.raises(OAuthError, match="parameter scope is not a hash") as raised:
        parse_token_request([FORM[0], ("scope", scope), FORM[2]])
    assert raised.value.error is OAuthErrorCode.INVALID_SCOPE


def test_a_good_form_is_read_whatever_else_is_in_it() -> None:
    assert parse_token_request([("resource", "x"), *FORM, ("resource", "y")]) == REQUEST


@given(st.lists(st.tuples(st.sampled_from(["grant_type", "scope", "client_id", "x"]), st.text(max_size=9)), max_size=6))
def test_no_form_makes_the_parser_fail_otherwise(form: list[tuple[str, str]]) -> None:
    with pytest.raises(OAuthError):
        parse_token_request(form)


def test_the_client_must_be_who_it_says() -> None:
    error = refusal(valid(), request=TokenRequest(GRANT_HASH, PROVIDER))
    assert error.error is OAuthErrorCode.INVALID_CLIENT
    assert "not the Peer ID of the client certificate" in error.description


@pytest.mark.parametrize(
    ("found", "issuer", "problem"),
    [
        (None, ISSUER, "knows no grant"),
        (FoundGrant(samples.publication(), ContractState.VALID), ISSUER, "is a publication"),
        (valid(), Issuer(STRANGER, GROUP, frozenset({SERVICE})), "Service of another Peer"),
        (valid(), Issuer(PROVIDER, GROUP, frozenset({ServiceName("echo")})), f"offers Service '{SERVICE}'"),
    ],
)
def test_a_grant_that_gives_no_right_here_is_an_invalid_scope(
    found: FoundGrant | None, issuer: Issuer, problem: str
) -> None:
    error = refusal(found, issuer=issuer)
    assert error.error is OAuthErrorCode.INVALID_SCOPE
    assert problem in error.description


def test_a_content_hash_is_told_from_a_grant_hash() -> None:
    error = refusal(None, request=TokenRequest(GrantHash("$1$1$abc"), CONSUMER))
    assert error.error is OAuthErrorCode.INVALID_SCOPE
    assert "use the hash of its connection grant" in error.description


def test_what_the_digit_says_does_not_count_when_the_grant_is_found() -> None:
    request = TokenRequest(GrantHash("$1$1$abc"), CONSUMER)
    assert check_token_request(request, valid(), client=CLIENT, issuer=ISSUER) is GRANT


@pytest.mark.parametrize(
    ("state", "problem"),
    [
        (ContractState.PROPOSED, "not valid yet"),
        (ContractState.EXPIRED, "has expired"),
        (ContractState.REVOKED, "has been revoked"),
        (ContractState.REJECTED, "has been rejected"),
    ],
)
def test_a_contract_that_is_not_valid_is_an_invalid_grant(state: ContractState, problem: str) -> None:
    error = refusal(FoundGrant(GRANT, state))
    assert error.error is OAuthErrorCode.INVALID_GRANT
    assert problem in error.description


@pytest.mark.parametrize("state", list(ContractState))
def test_a_stranger_does_not_learn_the_state_of_a_contract(state: ContractState) -> None:
    stranger = samples.peer(ec_key(), peer_id=STRANGER)
    error = refusal(FoundGrant(GRANT, state), client=stranger, request=TokenRequest(GRANT_HASH, STRANGER))
    assert error.error is OAuthErrorCode.UNAUTHORIZED_CLIENT
    assert error.description == "the grant is for the Outway of another Peer"


def test_another_key_of_the_same_peer_is_unauthorized() -> None:
    other = samples.peer(ec_key(number=1))
    error = refusal(valid(), client=other)
    assert error.error is OAuthErrorCode.UNAUTHORIZED_CLIENT
    assert other.public_key_thumbprint in error.description
    assert CLIENT.public_key_thumbprint in error.description


def test_a_renewed_certificate_with_the_same_key_is_authorized() -> None:
    assert check_token_request(REQUEST, valid(), client=samples.peer(ec_key()), issuer=ISSUER) is GRANT


@pytest.mark.parametrize("domain_name", ["outway.example.nl", "Outway.Example.NL."])
def test_an_outway_by_domain_name_is_known_by_its_certificate(domain_name: str) -> None:
    grant = samples.connection(DomainNameIdentification(domain_name=domain_name))
    assert check_token_request(REQUEST, valid(grant), client=CLIENT, issuer=ISSUER) is grant


@pytest.mark.parametrize("domain_name", ["example.nl", "other.example.nl", "x.outway.example.nl"])
def test_another_domain_name_is_unauthorized(domain_name: str) -> None:
    error = refusal(valid(samples.connection(DomainNameIdentification(domain_name=domain_name))))
    assert error.error is OAuthErrorCode.UNAUTHORIZED_CLIENT
    assert f"no subject alternative name '{domain_name}'" in error.description


def claims(grant: ConnectionGrant, **more: Any) -> Any:
    return claims_for(
        grant,
        REQUEST,
        client=CLIENT,
        issuer=ISSUER,
        inway_address=InwayAddress("https://inway.example.nl:443"),
        now=NOW,
        ttl_s=600,
        **more,
    ).to_json()


def test_the_claims_of_a_plain_connection() -> None:
    assert claims(GRANT) == {
        "gth": GRANT_HASH,
        "gid": GROUP,
        "sub": CONSUMER,
        "iss": PROVIDER,
        "svc": SERVICE,
        "aud": "https://inway.example.nl:443",
        "exp": NOW + 600,
        "nbf": NOW - NOT_BEFORE_MARGIN_S,
        "cnf": {"x5t#S256": CLIENT.thumbprint},
        "add": {},
    }


def test_the_claims_of_delegation_and_properties() -> None:
    assert claims(samples.delegated_connection())["act"] == {"sub": DELEGATOR}
    assert claims(samples.connection_to_delegated_service())["pdi"] == SERVICE_DELEGATOR
    properties = {"klantenregister.scopes": ["klantinteracties.lezen"]}
    with_properties = type(GRANT).model_validate({**GRANT.model_dump(), "properties": properties})
    assert claims(with_properties)["prp"] == properties
    assert claims(GRANT, additional={"a": 1})["add"] == {"a": 1}
