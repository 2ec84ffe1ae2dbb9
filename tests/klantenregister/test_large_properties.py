"""Properties of the largest size that a Contract may have, from one end of a real installation to the other.

Standard: FSC Core, Properties (1 MB); RFC 6585 section 5 for what a header cannot carry.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from gateway.fsc.jcs import canonicalise
from gateway.fsc.jws import parse_compact
from gateway.fsc.rules import MAX_PROPERTIES_BYTES
from gateway.inway.admission import MAX_AUTHORIZATION_LENGTH
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Answer,
    Place,
    agreed,
    connection_grant,
    plain,
    serving,
)

AT_ONCE = 8


def properties_of(size: int) -> dict[str, str]:
    """Properties whose canonical form has `size` bytes, most of it text that takes three bytes a character."""
    wide, narrow = divmod(size - len(canonicalise({"text": ""})), 3)
    found = {"text": "€" * wide + "x" * narrow}
    assert len(canonicalise(found)) == size
    return found


@asynccontextmanager
async def service(max_header_bytes: int) -> AsyncIterator[tuple[int, list[int]]]:
    """A Service of the provider, its port, and the lengths of the tokens that it received."""
    received: list[int] = []

    async def answer(request: web.Request) -> web.Response:
        received.append(len(request.headers["Fsc-Authorization"]))
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, max_field_size=max_header_bytes, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1], received
    finally:
        await runner.cleanup()


def with_large_properties(federation: Place) -> dict[str, str]:
    properties = properties_of(MAX_PROPERTIES_BYTES)
    federation.document["tenants"][2]["connections"][0]["properties"] = properties
    return properties


async def through_outway(federation: Place) -> Answer:
    host = {"Host": f"{SERVICE}.localhost"}
    return await plain(federation.ports["outway"], f"/{SERVICE}/api/v1/partijen", headers=host)


async def test_the_largest_properties_go_all_the_way_to_the_register(federation: Place) -> None:
    properties = with_large_properties(federation)
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=20)
        grant_hash = connection_grant(installation)
        token = await federation.token(grant_hash)
        url = federation.manager(PROVIDER, f"/v1/contracts?grant_hash={grant_hash}")
        listed = await federation.call(CONSUMER, PROVIDER, "GET", url)
        answers = await asyncio.gather(*(through_outway(federation) for _ in range(AT_ONCE)))

    assert len(token) > MAX_PROPERTIES_BYTES * 4 / 3
    assert parse_compact(token).payload["prp"] == properties
    [contract] = listed.json()["contracts"]
    assert contract["content"]["grants"][0]["data"]["properties"] == properties
    assert {answer.status for answer in answers} == {200}, answers[0].text


async def test_a_service_that_reads_such_headers_receives_the_token(federation: Place) -> None:
    with_large_properties(federation)
    async with service(MAX_AUTHORIZATION_LENGTH) as (port, received):
        federation.document["tenants"][1]["services"][0]["upstream"] = f"http://127.0.0.1:{port}"
        async with serving(federation.settings()) as installation:
            await eventually(lambda: agreed(installation), within_s=20)
            token = await federation.token(connection_grant(installation))
            answer = await through_outway(federation)

    assert answer.status == 200, answer.text
    assert received == [len(f"Bearer {token}")]


async def test_the_refusal_of_a_service_that_does_not_is_passed_on(federation: Place) -> None:
    with_large_properties(federation)
    async with service(8_190) as (port, received):
        federation.document["tenants"][1]["services"][0]["upstream"] = f"http://127.0.0.1:{port}"
        async with serving(federation.settings()) as installation:
            await eventually(lambda: agreed(installation), within_s=20)
            answer = await through_outway(federation)

    assert answer.status == 400, answer.text
    assert "Fsc-Error-Code" not in answer.headers
    assert received == []


async def test_a_header_that_no_token_needs_is_refused_by_the_inway(federation: Place) -> None:
    async with serving(federation.settings()):
        headers = {"Fsc-Authorization": "Bearer " + "a" * 2 * MAX_AUTHORIZATION_LENGTH}
        answer = await federation.call(CONSUMER, PROVIDER, "GET", federation.inway(PROVIDER), headers=headers)
        await asyncio.sleep(0.2)  # the client sees the end of its connection

    assert (answer.status, answer.headers["Fsc-Error-Code"]) == (431, "ERROR_CODE_REQUEST_TOO_LARGE")
