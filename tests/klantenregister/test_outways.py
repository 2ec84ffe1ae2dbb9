"""`klantenregister.outways`: Outways are opened, moved and closed as the configuration says."""

import asyncio
import socket

import pytest
from aiohttp import ClientError

from klantenregister.errors import Failed
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    DIRECTORY,
    PROVIDER,
    SERVICE,
    Answer,
    Place,
    agreed,
    free_port,
    hosted,
    listens,
    plain,
    serving,
)

SEARCH = f"/{SERVICE}/api/v1/partijen"
OUTWAY_HEADERS = {"Host": f"{SERVICE}.localhost"}


async def through_outway(place: Place, port: int | None = None) -> Answer:
    return await plain(port or place.ports["outway"], SEARCH, headers=OUTWAY_HEADERS)


async def names_answer(place: Place) -> list[bool]:
    """Whether the Managers of Directory, provider and consumer answer."""
    answers = []
    for member in (DIRECTORY, PROVIDER, CONSUMER):
        try:
            answers.append((await place.call(PROVIDER, member, "GET", place.manager(member))).status == 200)
        except (ClientError, OSError):
            answers.append(False)
    return answers


async def test_an_outway_port_in_use_fails_at_the_start(federation: Place) -> None:
    with (
        socket.create_server(("127.0.0.1", federation.ports["outway"])),
        pytest.raises(Failed, match=r"outway\.listen of elders: cannot listen on .*Address already in use"),
    ):
        async with serving(federation.settings()):
            pytest.fail("it must not start")


async def test_an_outway_moves_to_another_port(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        other = free_port()
        federation.document["tenants"][2]["outway"]["listen"] = f"127.0.0.1:{other}"
        await installation.apply(federation.settings())

        assert not listens(federation.ports["outway"])
        assert (await through_outway(federation, other)).status == 200
        del federation.document["tenants"][2]["outway"]
        await installation.apply(federation.settings())
        assert not listens(other)


async def test_an_outway_that_is_closed_lets_its_requests_end_and_delays_nothing(federation: Place) -> None:
    arrived, release = asyncio.Event(), asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await release.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\ndone")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(slow, "127.0.0.1", 0) as service:
        port = service.sockets[0].getsockname()[1]
        federation.document["tenants"][1]["services"][0]["upstream"] = f"http://127.0.0.1:{port}"
        federation.document["timeouts"]["shutdown_seconds"] = 10
        async with serving(federation.settings()) as installation, asyncio.TaskGroup() as tasks:
            await eventually(lambda: agreed(installation), within_s=10)
            request = tasks.create_task(through_outway(federation))
            await arrived.wait()
            work = installation.work.under_way()[hosted(installation, CONSUMER).peer.peer_id]
            del federation.document["tenants"][2]
            applying = tasks.create_task(installation.apply(federation.settings()))
            await eventually(lambda: work.done() and not listens(federation.ports["outway"]))
            assert await names_answer(federation) == [True, True, False]
            assert not applying.done()
            release.set()

    assert (request.result().status, request.result().text) == (200, "done")


async def test_an_outway_port_in_use_is_refused_and_everything_stays(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        before = installation.settings
        first = free_port()
        _, provider, consumer = federation.document["tenants"]
        provider["outway"] = {"listen": f"127.0.0.1:{first}"}
        provider["services"] = []
        with socket.create_server(("127.0.0.1", 0)) as taken:
            consumer["outway"] = {"listen": f"127.0.0.1:{taken.getsockname()[1]}"}
            with pytest.raises(Failed, match="already in use"):
                await installation.apply(federation.settings())

        # What was opened on the way is closed again; what there was serves on.
        assert not listens(first)
        assert installation.settings is before
        assert (await through_outway(federation)).status == 200
        # And once the port is free the very same is right.
        await installation.apply(federation.settings())
        assert listens(first)


async def test_a_declared_connection_has_its_token_before_any_application_asks(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        tokens = hosted(installation, CONSUMER).outway.tokens
        await eventually(lambda: bool(tokens.kept()), within_s=10)
        (kept,) = tokens.kept().values()
        assert not kept.is_used
        assert (await through_outway(federation)).status == 200
        assert kept.is_used


async def test_no_tokens_are_kept_for_an_outway_that_is_closed(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        keeping = tuple(installation.outways._keeping.values())
        assert len(keeping) == 1
        del federation.document["tenants"][2]["outway"]
        await installation.apply(federation.settings())
        await eventually(lambda: all(task.done() for task in keeping))
        assert not listens(federation.ports["outway"])
