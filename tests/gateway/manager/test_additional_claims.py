"""The service that adds claims to tokens, or refuses them; without an answer of it there is no token."""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from config.settings import AdditionalClaimsSettings
from gateway.fsc.jcs import JsonObject
from gateway.fsc.oauth import OAuthError
from gateway.fsc.signature import SignatureType
from gateway.http.json_client import JsonAnswer, NoAnswer
from gateway.manager.additional_claims import read_claims
from klantenregister.hosting import HostedPeer
from tests.gateway.consulted import Consulted, consulted
from tests.gateway.harness import (
    FOREIGN,
    PROVIDER,
    SERVICE,
    Federation,
    ForeignPeer,
    accepting,
    connection,
    eventually,
    grant_hash_of,
    make_content,
    offering,
)
from tests.gateway.manager.test_tokens import claims_of, form, refusal, unavailable


@pytest.fixture
async def service() -> AsyncIterator[Consulted]:
    async with consulted() as played:
        yield played


@pytest.fixture
async def client(group: Federation) -> ForeignPeer:
    return await group.foreign()


async def provider_with(group: Federation, url: str) -> HostedPeer:
    settings = AdditionalClaimsSettings.model_validate({"url": url, "timeout_seconds": 1})
    return await group.host(
        PROVIDER,
        services=offering(SERVICE),
        accept=(accepting("service_connection"),),
        additional_claims=settings,
    )


async def agreed(provider: HostedPeer, client: ForeignPeer, **members: Any) -> JsonObject:
    """A Contract that is valid; its Grant has properties and a member that we do not know."""
    grant = connection(client.pair, FOREIGN, PROVIDER).model_copy(update={"properties": {"a": 1}})
    content = make_content(grant, now=client.clock.now())
    content["grants"][0]["data"].update(members)
    assert (await client.submit(provider.peer, content)).status == 201
    return content


async def test_what_it_adds_is_in_the_token(group: Federation, service: Consulted, client: ForeignPeer) -> None:
    service.says({"add": {"purpose": ["x", {"y": 1.5}]}})
    provider = await provider_with(group, f"{service.url}/base/")
    content = await agreed(provider, client, unknown={"z": True})
    _, claims = claims_of(await client.token(provider.peer, form(grant_hash_of(content))))
    assert claims["add"] == {"purpose": ["x", {"y": 1.5}]}
    assert claims["prp"] == {"a": 1}
    assert service.asked == [{"grant": {"data": content["grants"][0]["data"]}}]
    assert [(one.method, one.path) for one in service.requests] == [("POST", "/base/v1/additional-claims")]


async def test_it_may_add_nothing(group: Federation, service: Consulted, client: ForeignPeer) -> None:
    service.says({"add": {}})
    provider = await provider_with(group, service.url)
    _, claims = claims_of(await client.token(provider.peer, form(grant_hash_of(await agreed(provider, client)))))
    assert claims["add"] == {}


async def test_it_is_not_asked_about_a_token_that_is_refused_anyway(
    group: Federation, service: Consulted, client: ForeignPeer
) -> None:
    provider = await provider_with(group, service.url)
    content = await agreed(provider, client)
    await client.put(provider.peer, content, SignatureType.REVOKE)
    assert refusal(await client.token(provider.peer, form(grant_hash_of(content)))) == "invalid_grant"
    assert service.asked == []


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"message": 'purpose "x"\r\nis unknown'}, "refuses this one: purpose 'x'  is unknown"),
        ({"message": "m" * 5000}, "refuses this one: " + "m" * 200),
        ({"message": {"no": "text"}}, "refuses this one"),
        ({}, "refuses this one"),
    ],
)
async def test_its_refusal_refuses_the_token_with_its_message(
    group: Federation, service: Consulted, client: ForeignPeer, status: int, body: JsonObject, said: str
) -> None:
    service.says(body, status)
    provider = await provider_with(group, service.url)
    answer = await client.token(provider.peer, form(grant_hash_of(await agreed(provider, client))))
    assert refusal(answer) == "unauthorized_client"
    assert answer.json["error_description"].endswith(said)


SILENCES: dict[str, Callable[[Consulted], object]] = {
    "status 500": lambda service: service.says({"add": {}}, 500),
    "status 201": lambda service: service.says({"add": {}}, 201),
    "status 401": lambda service: service.says({"add": {}}, 401),
    "redirect": lambda service: service.says({"add": {}}, 302),
    "no JSON": lambda service: setattr(service, "body", b"{"),
    "no add": lambda service: service.says({"added": {}}),
    "add is a list": lambda service: service.says({"add": []}),
    "too large": lambda service: service.says({"add": {"a": "b" * 70_000}}),
    "too deep": lambda service: setattr(service, "body", b'{"add":' * 20 + b"1" + b"}" * 20),
    "cut": lambda service: setattr(service, "cut", True),
    "hangs": lambda service: setattr(service, "pause", asyncio.Event()),
    "unreachable": lambda service: setattr(service, "url", "http://127.0.0.1:1"),
}


@pytest.mark.parametrize("silence", SILENCES.values(), ids=SILENCES.keys())
async def test_without_an_answer_there_is_no_token_for_the_moment(
    group: Federation,
    service: Consulted,
    client: ForeignPeer,
    silence: Callable[[Consulted], object],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    silence(service)
    provider = await provider_with(group, service.url)
    said = unavailable(await client.token(provider.peer, form(grant_hash_of(await agreed(provider, client)))))
    assert "127.0.0.1" not in said
    assert "additional_claims_unavailable" in caplog.messages


async def test_a_contract_revoked_while_it_thinks_gives_no_token(
    group: Federation, service: Consulted, client: ForeignPeer
) -> None:
    service.says({"add": {}})
    service.pause = asyncio.Event()
    provider = await provider_with(group, service.url)
    content = await agreed(provider, client)
    async with asyncio.TaskGroup() as tasks:
        asked = tasks.create_task(client.token(provider.peer, form(grant_hash_of(content))))
        await eventually(lambda: bool(service.asked))
        await client.put(provider.peer, content, SignatureType.REVOKE)
        service.pause.set()
    assert refusal(asked.result()) == "invalid_grant"


def test_only_an_object_add_is_a_yes() -> None:
    assert read_claims(JsonAnswer(200, {"add": {"a": None}, "more": 1})) == {"a": None}
    wrong: tuple[object, ...] = (None, 1, "x", [], True)
    for add in wrong:
        with pytest.raises(NoAnswer):
            read_claims(JsonAnswer(200, {"add": add}))
    with pytest.raises(OAuthError):
        read_claims(JsonAnswer(422, {"add": {}}))
