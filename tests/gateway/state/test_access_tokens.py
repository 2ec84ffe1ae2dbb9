"""Asking for access tokens, and what is no token."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from gateway.errors import TokenRequestFailed
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.names import GroupId, InwayAddress
from gateway.state.access_tokens import (
    OutwayToken,
    TokenRefused,
    check_inway_address,
    is_on_this_machine,
    obtain_token,
)
from tests.gateway.dataplane import DataPlane, manager_name
from tests.gateway.material import (
    CONSUMER,
    PROVIDER,
    STRANGER,
    TTL_S,
    authority,
    connection_grant,
    key_pair,
    only_raw_bytes,
)


def answer(status: int = 200, **body: object) -> web.Response:
    return web.json_response(body, status=status)


async def fetched(plane: DataPlane) -> OutwayToken:
    (grant,) = plane.contract.content.grants
    assert isinstance(grant, ConnectionGrant)
    return await obtain_token(plane.consumer, grant, plane.grant_hash, key_pair(CONSUMER))


async def test_a_token_tells_where_to_go_and_what_to_log(plane: DataPlane) -> None:
    token = await fetched(plane)
    assert token.inway == plane.provider.tenant.inway_address
    assert token.claims.grant_hash == plane.grant_hash
    assert token.claims.expires_at == plane.clock.now() + TTL_S
    assert token.text not in repr(token)


# -- what is no token


@pytest.mark.parametrize(
    ("response", "told"),
    [
        (lambda: answer(400, error="invalid_scope", error_description="no such grant"), "invalid_scope: no such grant"),
        (lambda: answer(400, error="invalid_client"), "invalid_client"),
        (lambda: answer(400), "400 'no readable reason'"),
        (lambda: answer(400, error="invalid_grant", error_description="\x1b[31mred\n"), "'invalid_grant: �[31mred�'"),
        (lambda: answer(500, code="ERROR_CODE_X", message="a fault", domain="D"), "500 'ERROR_CODE_X: a fault'"),
        (lambda: answer(400, error=["invalid_grant"], error_description=7), "400 'no readable reason'"),
        (lambda: web.Response(status=503, text="<html>down"), "503 'no readable reason'"),
        (lambda: web.Response(status=302, headers={"Location": "/v1/token"}), "302"),
        (lambda: answer(200, access_token=17), "no access token"),
        (lambda: web.json_response(["token"]), "no readable reason"),
        (lambda: web.Response(text="not JSON"), "no readable reason"),
        (lambda: answer(200, access_token="garbage"), "the access token that the Manager gave is not a JWS"),
        (lambda: web.Response(body=b"[" * 200_000), "no readable reason"),
        (lambda: web.Response(body=b" " * (2**20 + 1)), "more than"),
    ],
)
async def test_a_manager_that_gives_no_token_is_quoted(
    plane: DataPlane, response: Callable[[], web.Response], told: str
) -> None:
    plane.manager.answer = response
    with pytest.raises(TokenRequestFailed) as refusal:
        await fetched(plane)
    assert told in refusal.value.message
    assert len(refusal.value.message) < 500


@pytest.mark.parametrize(
    "changes",
    [
        {"group_id": GroupId("another.group")},
        {"service_peer_id": STRANGER},
        {"outway_peer_id": STRANGER},
        {"service_name": "other"},
        {"grant_hash": "$1$3$b3RoZXI"},
        {"certificate_thumbprint": "A" * 43},
        {"audience": "http://inway.elsewhere.test:443"},
        {"audience": "https://user@inway.elsewhere.test:443/path"},
        {"expires_at": 1},
    ],
    ids=lambda changes: "-".join(changes),
)
async def test_a_token_for_something_else_is_not_used(plane: DataPlane, changes: dict[str, Any]) -> None:
    token = plane.token(**changes)
    plane.manager.answer = lambda: answer(access_token=token)
    with pytest.raises(TokenRequestFailed) as refusal:
        await fetched(plane)
    assert token not in refusal.value.message


async def test_nothing_is_asked_of_a_manager_with_the_certificate_of_another_peer(plane: DataPlane) -> None:
    name = manager_name(PROVIDER)
    plane.served_with[name] = authority().issue(peer_id=STRANGER, name="Stranger", dns_names=[name])
    with pytest.raises(TokenRequestFailed, match=f"the Manager of peer {PROVIDER} gave no access token"):
        await fetched(plane)
    assert plane.manager.requests == 0


async def test_a_provider_whose_manager_nobody_knows(plane: DataPlane) -> None:
    grant = connection_grant()
    unknown = grant.model_copy(update={"service": grant.service.model_copy(update={"peer_id": STRANGER})})
    with pytest.raises(TokenRequestFailed, match="no Directory to ask"):
        await obtain_token(plane.consumer, unknown, plane.grant_hash, key_pair(CONSUMER))


async def test_what_the_manager_called_the_refusal_is_told_apart(plane: DataPlane) -> None:
    plane.manager.answer = lambda: answer(400, error="unauthorized_client", error_description="another key")
    with pytest.raises(TokenRefused) as refusal:
        await fetched(plane)
    assert refusal.value.error == "unauthorized_client"


# -- where a token may send us


@pytest.mark.parametrize("audience", ["https://localhost:8443", "https://127.0.0.1:443", "https://[::1]:8443"])
async def test_a_token_that_sends_us_to_ourselves_is_not_used(plane: DataPlane, audience: str) -> None:
    tenant = plane.consumer.tenant
    group = replace(tenant.group, allow_any_port=False)
    elsewhere = InwayAddress("https://inway.example.test:443")
    plane.consumer.tenant = replace(tenant, group=group, inway_address=elsewhere)
    token = plane.token(audience=audience)
    plane.manager.answer = lambda: answer(access_token=token)
    with pytest.raises(TokenRequestFailed, match="which is this machine"):
        await fetched(plane)


async def test_a_token_that_sends_us_to_another_port_is_not_used(plane: DataPlane) -> None:
    plane.consumer.tenant = replace(
        plane.consumer.tenant, group=replace(plane.consumer.tenant.group, allow_any_port=False)
    )
    token = plane.token(audience="https://inway.example.test:6379")
    plane.manager.answer = lambda: answer(access_token=token)
    with pytest.raises(TokenRequestFailed, match="port 6379"):
        await fetched(plane)


@pytest.mark.parametrize(
    ("address", "is_local"),
    [
        ("https://localhost:443", True),
        ("https://inway.localhost:443", True),
        ("https://127.8.8.8:443", True),
        ("https://0.0.0.0:443", True),
        ("https://169.254.169.254:443", True),
        ("https://[::1]:443", True),
        ("https://[fe80::1]:443", True),
        ("https://[::ffff:127.0.0.1]:443", True),
        ("https://10.0.0.1:443", False),
        ("https://localhost.example.test:443", False),
        ("https://inway.example.test:443", False),
    ],
)
def test_which_addresses_are_this_machine(address: str, is_local: bool) -> None:
    assert is_on_this_machine(InwayAddress(address)) is is_local
    check_inway_address(InwayAddress(address), local_allowed=True)
    if is_local:
        with pytest.raises(TokenRequestFailed):
            check_inway_address(InwayAddress(address), local_allowed=False)
    else:
        check_inway_address(InwayAddress(address), local_allowed=False)


async def test_a_manager_that_knows_the_grant_by_another_hash_is_asked_by_that(plane: DataPlane) -> None:
    await only_raw_bytes(plane.provider, plane.contract)
    token = await fetched(plane)
    assert token.claims.grant_hash == plane.contract.hashes[1].grant_hashes[0] != plane.grant_hash
    assert plane.manager.requests == 2


@pytest.mark.parametrize(
    ("error", "requests"), [("invalid_scope", 2), ("invalid_grant", 1), ("unauthorized_client", 1)]
)
async def test_only_a_hash_that_is_not_known_is_tried_otherwise(plane: DataPlane, error: str, requests: int) -> None:
    plane.manager.answer = lambda: answer(400, error=error, error_description=f"no {plane.manager.requests}")
    with pytest.raises(TokenRefused, match="no 1"):
        await fetched(plane)
    assert plane.manager.requests == requests
