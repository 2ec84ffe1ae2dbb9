"""POST /token: every refusal of RFC 6749 section 5.2 that the standard demands, and the claims of what is issued."""

import base64
import json
import logging
from typing import Any
from urllib.parse import urlencode

import pytest

from gateway.fsc.grants import Grant
from gateway.fsc.jcs import JsonObject
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.manager.contracts import add_our_signature
from klantenregister.hosting import HostedPeer
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    FOREIGN,
    GROUP,
    MAX_BODY_BYTES,
    OTHER,
    PROVIDER,
    SERVICE,
    Answer,
    Federation,
    ForeignPeer,
    accepting,
    connection,
    content_hash_of,
    delegated_connection,
    grant_hash_of,
    key_pair,
    log_texts,
    make_content,
    make_group,
    offering,
    publication,
)

ACCEPT = accepting(
    "service_connection", "delegated_service_connection", "service_publication", "delegated_service_publication"
)


@pytest.fixture
async def provider(group: Federation) -> HostedPeer:
    return await group.host(PROVIDER, services=offering(SERVICE), accept=(ACCEPT,), directory=True)


@pytest.fixture
async def client(group: Federation) -> ForeignPeer:
    return await group.foreign()


async def agreed(provider: HostedPeer, client: ForeignPeer, grant: Grant | None = None, **changes: Any) -> JsonObject:
    """A Contract that both accepted."""
    grant = grant or connection(client.pair, FOREIGN, PROVIDER)
    content = make_content(grant, now=client.clock.now(), **changes)
    assert (await client.submit(provider.peer, content)).status == 201
    return content


def form(scope: str, /, **changes: str) -> str:
    return urlencode({"grant_type": "client_credentials", "scope": scope, "client_id": FOREIGN, **changes})


def claims_of(answer: Answer) -> tuple[JsonObject, JsonObject]:
    """Header and claims of the token."""
    assert answer.status == 200, answer.text
    parts = answer.json["access_token"].split(".")
    header, claims = (json.loads(base64.urlsafe_b64decode(part + "===")) for part in parts[:2])
    return header, claims


def refusal(answer: Answer) -> str:
    """The OAuth error; checks its shape."""
    assert answer.status == 400
    assert answer.headers["Cache-Control"] == "no-store"
    assert set(answer.json) == {"error", "error_description"}
    error: str = answer.json["error"]
    return error


# -- refused


@pytest.mark.fsc("Manager-GetToken-2")
async def test_without_a_contract_there_is_no_token(provider: HostedPeer, client: ForeignPeer) -> None:
    content = make_content(connection(client.pair, FOREIGN, PROVIDER), now=client.clock.now())
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_scope"


@pytest.mark.fsc("Manager-GetToken-3")
async def test_after_a_revoke_there_is_no_token(provider: HostedPeer, client: ForeignPeer) -> None:
    content = await agreed(provider, client)
    assert (await client.token(provider.peer, form(grant_hash_of(content)))).status == 200
    await client.put(provider.peer, content, SignatureType.REVOKE)
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_grant"


async def test_our_own_revoke_bites_as_well(provider: HostedPeer, client: ForeignPeer) -> None:
    content = await agreed(provider, client)
    await add_our_signature(provider.peer, content_hash_of(content), SignatureType.REVOKE, remark="")
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_grant"


async def test_a_contract_that_has_not_begun_gives_no_token(provider: HostedPeer, client: ForeignPeer) -> None:
    now = client.clock.now()
    validity = {"not_before": now + 100, "not_after": now + DAY_S}
    content = await agreed(provider, client, validity=validity)
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_grant"
    client.clock.advance(100)
    assert (await client.token(provider.peer, form(grant_hash_of(content)))).status == 200


async def test_an_expired_contract_gives_no_token(provider: HostedPeer, client: ForeignPeer) -> None:
    content = await agreed(provider, client, valid_s=120)
    client.clock.advance(120)
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_grant"


async def test_a_contract_that_we_did_not_accept_gives_no_token(group: Federation, client: ForeignPeer) -> None:
    provider = await group.host(PROVIDER, services=offering(SERVICE))
    content = await agreed(provider, client)
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_grant"


@pytest.mark.fsc("Manager-GetToken-4")
@pytest.mark.parametrize("scope", ["nonsense", "$1$3$", "$1$3$a b", "1$3$abc", "$1$3$" + "a" * 2000, "é"])
async def test_a_malformed_scope_is_refused(provider: HostedPeer, client: ForeignPeer, scope: str) -> None:
    assert refusal(await client.token(provider.peer, form(scope))) == "invalid_scope"


async def test_a_content_hash_is_no_scope(provider: HostedPeer, client: ForeignPeer) -> None:
    answer = await client.token(provider.peer, form(content_hash_of(await agreed(provider, client))))
    assert refusal(answer) == "invalid_scope"
    assert "grant" in answer.json["error_description"]


async def test_a_publication_is_no_scope(provider: HostedPeer, client: ForeignPeer) -> None:
    content = await agreed(provider, client, publication(PROVIDER, FOREIGN))
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_scope"


@pytest.mark.fsc("Manager-GetToken-5")
async def test_another_grant_type_is_refused(provider: HostedPeer, client: ForeignPeer) -> None:
    content = await agreed(provider, client)
    answer = await client.token(provider.peer, form(grant_hash_of(content), grant_type="password"))
    assert refusal(answer) == "unsupported_grant_type"


@pytest.mark.fsc("Manager-GetToken-8")
@pytest.mark.parametrize("name", ["grant_type", "scope", "client_id"])
async def test_a_missing_parameter_is_refused(provider: HostedPeer, client: ForeignPeer, name: str) -> None:
    content = await agreed(provider, client)
    answer = await client.token(provider.peer, form(grant_hash_of(content), **{name: ""}))
    assert refusal(answer) == "invalid_request"
    assert name in answer.json["error_description"]


@pytest.mark.fsc("Manager-GetToken-9")
async def test_the_client_id_of_somebody_else_is_refused(provider: HostedPeer, client: ForeignPeer) -> None:
    content = await agreed(provider, client)
    answer = await client.token(provider.peer, form(grant_hash_of(content), client_id=OTHER))
    assert refusal(answer) == "invalid_client"


async def test_the_grant_of_somebody_else_is_refused(
    group: Federation, provider: HostedPeer, client: ForeignPeer
) -> None:
    content = await agreed(provider, client)
    other = await group.foreign(OTHER)
    answer = await other.token(provider.peer, form(grant_hash_of(content), client_id=OTHER))
    assert refusal(answer) == "unauthorized_client"


async def test_another_key_of_the_same_peer_is_refused(
    group: Federation, provider: HostedPeer, client: ForeignPeer
) -> None:
    content = await agreed(provider, client)
    renewed = await group.foreign()
    assert refusal(await renewed.token(provider.peer, form(grant_hash_of(content)))) == "unauthorized_client"


async def test_a_service_that_is_not_offered_gives_no_token(provider: HostedPeer, client: ForeignPeer) -> None:
    content = await agreed(provider, client, connection(client.pair, FOREIGN, PROVIDER, service="gone"))
    await add_our_signature(provider.peer, content_hash_of(content), SignatureType.ACCEPT, remark="")
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_scope"


@pytest.mark.parametrize(
    "body",
    ["", "scope", "&&&", "%ff=%ff", "a=1&" * 20, "scope=1&scope=2", "a=" + "b" * 9000, "grant_type=%00"],
)
async def test_a_form_that_cannot_be_read_is_refused(provider: HostedPeer, client: ForeignPeer, body: str) -> None:
    assert refusal(await client.token(provider.peer, body)) == "invalid_request"


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
async def test_a_body_of_another_type_is_refused(provider: HostedPeer, client: ForeignPeer, content_type: str) -> None:
    answer = await client.send_body(provider.peer, "POST", "/token", b"{}", **{"Content-Type": content_type})
    assert refusal(answer) == "invalid_request"


# -- issued


@pytest.mark.fsc("Manager-GetToken-1")
async def test_a_valid_contract_gives_a_token(
    provider: HostedPeer, client: ForeignPeer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    grant_hash = grant_hash_of(await agreed(provider, client))
    answer = await client.token(provider.peer, form(grant_hash))
    header, claims = claims_of(answer)
    now = client.clock.now()
    assert {**answer.json, "access_token": ""} == {"access_token": "", "token_type": "bearer", "expires_in": 600}
    assert answer.headers["Cache-Control"] == "no-store"
    assert header == {"alg": "ES256", "typ": "JWT", "x5t#S256": provider.peer.signing_pair().thumbprint}
    assert claims == {
        "gth": grant_hash,
        "gid": GROUP,
        "sub": FOREIGN,
        "iss": PROVIDER,
        "svc": SERVICE,
        "aud": provider.peer.tenant.inway_address,
        "exp": now + 600,
        "nbf": now - 60,
        "cnf": {"x5t#S256": client.pair.thumbprint},
        "add": {},
    }
    assert answer.json["access_token"] not in log_texts(caplog.records)


@pytest.mark.fsc("Manager-GetToken-6")
async def test_a_delegated_connection_names_the_delegator_as_actor(
    group: Federation, provider: HostedPeer, client: ForeignPeer
) -> None:
    content = await agreed(provider, client, delegated_connection(client.pair, FOREIGN, PROVIDER, on_behalf_of=OTHER))
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_grant"
    await (await group.foreign(OTHER)).put(provider.peer, content, SignatureType.ACCEPT)
    _, claims = claims_of(await client.token(provider.peer, form(grant_hash_of(content))))
    assert claims["act"] == {"sub": OTHER}
    assert claims["sub"] == FOREIGN


@pytest.mark.fsc("Manager-GetToken-7")
async def test_a_delegated_service_names_its_delegator(
    group: Federation, provider: HostedPeer, client: ForeignPeer
) -> None:
    content = await agreed(provider, client, connection(client.pair, FOREIGN, PROVIDER, delegator=CONSUMER))
    await (await group.foreign(CONSUMER)).put(provider.peer, content, SignatureType.ACCEPT)
    _, claims = claims_of(await client.token(provider.peer, form(grant_hash_of(content))))
    assert claims["pdi"] == CONSUMER


@pytest.mark.fsc("Manager-GetToken-10")
@pytest.mark.fsc("Manager-GetToken-11")
@pytest.mark.parametrize("delegated", [False, True])
async def test_the_properties_of_the_grant_are_in_the_token(
    group: Federation, provider: HostedPeer, client: ForeignPeer, delegated: bool
) -> None:
    grant: Grant = connection(client.pair, FOREIGN, PROVIDER)
    if delegated:
        grant = delegated_connection(client.pair, FOREIGN, PROVIDER, on_behalf_of=OTHER)
    properties = {"klantenregister.scopes": ["a"], "x": {"y": 1.5}}
    content = await agreed(provider, client, grant.model_copy(update={"properties": properties}))
    if delegated:
        await (await group.foreign(OTHER)).put(provider.peer, content, SignatureType.ACCEPT)
    _, claims = claims_of(await client.token(provider.peer, form(grant_hash_of(content))))
    assert claims["prp"] == properties


async def test_a_grant_is_known_by_its_hash_of_every_profile_of_the_group(
    group: Federation, client: ForeignPeer
) -> None:
    profiles = (HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES)
    rules = make_group(hash_profiles=profiles)
    provider = await group.host(PROVIDER, group=rules, services=offering(SERVICE), accept=(ACCEPT,))
    content = await agreed(provider, client)
    for profile in profiles:
        grant_hash = grant_hash_of(content, profile)
        _, claims = claims_of(await client.token(provider.peer, form(grant_hash)))
        assert claims["gth"] == grant_hash


async def test_an_rsa_certificate_signs_tokens(group: Federation, client: ForeignPeer) -> None:
    host = f"manager-{PROVIDER}.localhost"
    pairs = (key_pair(PROVIDER, host=host, algorithm="rsa"),)
    provider = await group.host(PROVIDER, services=offering(SERVICE), accept=(ACCEPT,), key_pairs=pairs)
    header, _ = claims_of(await client.token(provider.peer, form(grant_hash_of(await agreed(provider, client)))))
    assert header["alg"] == "RS512"


async def test_the_certificate_that_signed_is_kept_until_the_token_ends(group: Federation, client: ForeignPeer) -> None:
    host = f"manager-{PROVIDER}.localhost"
    pairs = (key_pair(PROVIDER, host=host, days=1),)
    provider = await group.host(PROVIDER, services=offering(SERVICE), accept=(ACCEPT,), key_pairs=pairs)
    content = await agreed(provider, client)
    client.clock.at = pairs[0].not_after
    await client.token(provider.peer, form(grant_hash_of(content)))
    assert provider.peer.certificates.published(client.clock.now() + 599)


# -- where the form is sent, and what keeps a token from being issued


async def test_a_query_is_refused(provider: HostedPeer, client: ForeignPeer) -> None:
    body = form(grant_hash_of(await agreed(provider, client))).encode()
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = await client.send_body(provider.peer, "POST", "/token?scope=1", body, **kind)
    assert refusal(answer) == "invalid_request"


@pytest.mark.parametrize(
    "content_type",
    ["application/x-www-form-urlencoded; charset=UTF-8", "Application/X-WWW-Form-Urlencoded"],
)
async def test_the_type_of_the_form_may_have_a_charset_and_any_case(
    provider: HostedPeer, client: ForeignPeer, content_type: str
) -> None:
    body = form(grant_hash_of(await agreed(provider, client))).encode()
    answer = await client.send_body(provider.peer, "POST", "/token", body, **{"Content-Type": content_type})
    assert answer.status == 200


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"a" * (MAX_BODY_BYTES + 1), {}), (b"not compressed", {"Content-Encoding": "gzip"})],
)
async def test_a_form_beyond_the_limits_is_refused_as_every_other(
    provider: HostedPeer, client: ForeignPeer, body: bytes, headers: dict[str, str]
) -> None:
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    assert (
        refusal(await client.send_body(provider.peer, "POST", "/token", body, **kind, **headers)) == "invalid_request"
    )


def unavailable(answer: Answer) -> str:
    """The description of a refusal for the moment; checks its shape."""
    assert answer.status == 503
    assert (answer.headers["Cache-Control"], answer.headers["Retry-After"]) == ("no-store", "1")
    assert answer.json["error"] == "temporarily_unavailable"
    assert set(answer.json) == {"error", "error_description"}
    description: str = answer.json["error_description"]
    return description


async def test_a_store_that_is_away_is_told_in_the_shape_of_the_endpoint(
    group: Federation, provider: HostedPeer, client: ForeignPeer
) -> None:
    documents = group.stores.documents
    assert isinstance(documents, MemoryDocuments)
    documents.available = False
    unavailable(await client.token(provider.peer, form("$1$3$unknown")))


async def test_without_a_valid_certificate_there_is_no_token_for_the_moment(
    group: Federation, client: ForeignPeer
) -> None:
    pairs = (key_pair(PROVIDER, host=f"manager-{PROVIDER}.localhost", days=1),)
    provider = await group.host(PROVIDER, services=offering(SERVICE), accept=(ACCEPT,), key_pairs=pairs)
    content = await agreed(provider, client)
    assert (await client.get(provider.peer, "/peer")).status == 200  # a connection that is there already
    client.clock.at = pairs[0].not_after + 1
    unavailable(await client.token(provider.peer, form(grant_hash_of(content))))
