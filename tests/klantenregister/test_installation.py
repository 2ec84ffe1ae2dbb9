"""`klantenregister.installation`: what starts, what a reload changes while it runs, and how it ends."""

import asyncio
import logging
import socket
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, UnixConnector, encode_basic_auth

from certs.authority import load_group
from clock import SystemClock
from gateway.admin.accounts import Accounts
from gateway.admin.accounts import Role as AccountRole
from gateway.http.client import new_session
from gateway.manager.upkeep import Upkeep
from klantenregister.errors import Failed, WrongUsage
from klantenregister.hosting import Role
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    APPLICATION_TOKEN,
    CONSUMER,
    DIRECTORY,
    PROVIDER,
    SERVICE,
    Answer,
    Place,
    agreed,
    connection_grant,
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


# -- starting


@pytest.mark.parametrize("listener", ["manager", "inway", "register", "console", "metrics"])
async def test_a_port_in_use_fails_with_its_key_and_leaves_nothing_open(place: Place, listener: str) -> None:
    with (
        socket.create_server(("127.0.0.1", place.ports[listener])),
        pytest.raises(Failed, match=rf"listen\.{listener}: cannot listen on 127\.0\.0\.1:\d+: Address already"),
    ):
        async with serving(place.settings()):
            pytest.fail("it must not start")

    assert not any(listens(place.ports[name]) for name in place.ports)


async def test_a_host_that_does_not_exist_is_told(place: Place) -> None:
    place.document["listen"]["console"] = "nowhere.invalid:8080"

    with pytest.raises(Failed, match=r"listen\.console: cannot listen on nowhere\.invalid:8080: (?!Unknown error)\w+"):
        async with serving(place.settings()):
            pytest.fail("it must not start")


async def test_an_outway_port_in_use_fails_at_the_start(federation: Place) -> None:
    with (
        socket.create_server(("127.0.0.1", federation.ports["outway"])),
        pytest.raises(Failed, match=r"outway\.listen of elders: cannot listen on .*Address already in use"),
    ):
        async with serving(federation.settings()):
            pytest.fail("it must not start")


async def test_a_wrong_key_file_is_wrong_usage(place: Place) -> None:
    settings = place.settings()
    (place.folder / "pki" / "voorbeeld.key").write_text("no key")

    with pytest.raises(WrongUsage, match=r"tenants\[0\]\.certificates: .*voorbeeld\.key"):
        async with serving(settings):
            pytest.fail("it must not start")


async def test_a_wrong_master_key_is_wrong_usage(place: Place) -> None:
    settings = place.settings()
    (place.folder / "master.key").write_text("no key")

    with pytest.raises(WrongUsage, match=r"keys\.master_file: .*master\.key"):
        async with serving(settings):
            pytest.fail("it must not start")


class _Interrupted(Exception):
    pass


async def test_what_is_raised_inside_comes_out_as_itself_with_its_cause(place: Place) -> None:
    cause = ValueError("the cause")
    with pytest.raises(_Interrupted) as raised:
        async with serving(place.settings()):
            raise _Interrupted from cause

    assert raised.value.__cause__ is cause
    assert not any(listens(place.ports[name]) for name in place.ports)


@pytest.mark.parametrize(
    ("role", "opened"),
    [
        (Role.MANAGER, {"manager"}),
        (Role.INWAY, {"inway"}),
        (Role.OUTWAY, {"outway"}),
        (Role.REGISTER, {"register"}),
        (Role.CONSOLE, {"console"}),
    ],
)
async def test_a_role_opens_its_own_listener_beside_metrics_and_admin(
    federation: Place, role: Role, opened: set[str]
) -> None:
    async with serving(federation.settings(), frozenset({role})) as installation:
        found = {name for name, port in federation.ports.items() if listens(port)}
        at_work = len(installation._work)

    assert found == opened | {"metrics"}
    assert at_work == (3 if role is Role.MANAGER else 0)
    assert federation.socket_file.is_socket()


async def test_applying_a_file_is_for_the_socket_alone(federation: Place) -> None:
    plan = {"file": str(federation.socket_file.parent / "absent.yaml"), "plan": True}
    headers = {"Authorization": encode_basic_auth("beheer", "correct horse battery")}
    api = "http://x/admin/v1"
    async with serving(federation.settings()) as installation:
        accounts = Accounts(installation.stores.documents)
        await accounts.add("beheer", "correct horse battery", AccountRole.ADMIN, now=1)
        console = f"http://127.0.0.1:{federation.ports['console']}/admin/v1"
        async with ClientSession(headers=headers) as session:
            async with session.get(f"{console}/openapi.json") as answer:
                assert "/admin/v1/apply" not in (await answer.json())["paths"]
            async with session.post(f"{console}/apply", json=plan) as answer:
                assert answer.status == 404
        socket_only = UnixConnector(str(federation.socket_file))
        async with ClientSession(connector=socket_only) as session, session.post(f"{api}/apply", json=plan) as answer:
            assert answer.status == 422


async def test_manager_and_inway_share_a_listener_and_are_told_apart_by_name(federation: Place) -> None:
    federation.ports["inway"] = federation.ports["manager"]
    federation.document["listen"]["inway"] = federation.document["listen"]["manager"]
    for tenant in federation.document["tenants"]:
        tenant["inway_address"] = tenant["inway_address"].rpartition(":")[0] + f":{federation.ports['manager']}"

    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        manager = await federation.call(CONSUMER, PROVIDER, "GET", federation.manager(PROVIDER))
        inway = await federation.call(CONSUMER, PROVIDER, "GET", federation.inway(PROVIDER, "/v1/peer"))
        found = await through_outway(federation)

    assert (manager.status, manager.json()["peer_id"]) == (200, PROVIDER.peer_id)
    assert (inway.status, inway.headers["Fsc-Error-Code"]) == (401, "ERROR_CODE_ACCESS_TOKEN_MISSING")
    assert found.status == 200


# -- applying a configuration


async def names_answer(place: Place) -> list[bool]:
    """Whether the Managers of Directory, provider and consumer answer."""
    answers = []
    for member in (DIRECTORY, PROVIDER, CONSUMER):
        try:
            answers.append((await place.call(PROVIDER, member, "GET", place.manager(member))).status == 200)
        except (ClientError, OSError):
            answers.append(False)
    return answers


async def test_a_tenant_is_added_and_removed_without_a_restart(federation: Place) -> None:
    everybody = federation.document["tenants"]
    federation.document["tenants"] = everybody[:2]
    async with serving(federation.settings()) as installation:
        assert await names_answer(federation) == [True, True, False]
        assert not listens(federation.ports["outway"])

        federation.document["tenants"] = everybody
        await installation.apply(federation.settings())
        await eventually(lambda: agreed(installation), within_s=10)
        assert (await through_outway(federation)).status == 200
        removed = hosted(installation, CONSUMER)
        work = installation._work[removed.peer.peer_id]

        async with ClientSession() as kept:
            url = f"http://127.0.0.1:{federation.ports['register']}/t/{PROVIDER.slug}{SEARCH}"
            headers = {"Authorization": f"Token {APPLICATION_TOKEN}"}
            async with kept.get(url, headers=headers) as before:
                assert before.status == 200
            federation.document["tenants"] = everybody[:2]
            await installation.apply(federation.settings())
            async with kept.get(url, headers=headers) as after:
                assert after.status == 200

        assert await names_answer(federation) == [True, True, False]
        assert not listens(federation.ports["outway"])
        await eventually(work.done)
        assert work.cancelled()

        federation.document["tenants"] = everybody
        await installation.apply(federation.settings())
        assert await names_answer(federation) == [True, True, True]
        assert hosted(installation, CONSUMER) is not removed
        assert (await through_outway(federation)).status == 200


async def test_a_connection_to_a_tenant_that_was_removed_is_told_so(federation: Place) -> None:
    everybody = federation.document["tenants"]
    async with (
        serving(federation.settings()) as installation,
        new_session(connect_timeout_s=5, read_timeout_s=5) as session,
    ):
        context = federation.context(CONSUMER, PROVIDER)
        statuses = []
        for tenants in (everybody, [everybody[0], everybody[2]]):
            federation.document["tenants"] = tenants
            await installation.apply(federation.settings())
            for url in (federation.manager(PROVIDER), federation.inway(PROVIDER)):
                async with session.get(url, ssl=context) as answer:
                    statuses.append(answer.status)

    assert statuses == [200, 401, 404, 404]


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
            work = installation._work[hosted(installation, CONSUMER).peer.peer_id]
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


async def test_a_certificate_that_cannot_be_read_changes_nothing(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        before = installation.settings
        settings = federation.settings()
        (federation.folder / "pki" / f"{CONSUMER.slug}.key").write_text("no key")
        with pytest.raises(WrongUsage, match=rf"{CONSUMER.slug}\.key"):
            await installation.apply(settings)

        assert installation.settings is before
        assert await plain_peer_id(federation) == PROVIDER.peer_id


async def plain_peer_id(place: Place) -> str:
    answer = await place.call(PROVIDER, PROVIDER, "GET", place.manager(PROVIDER))
    peer_id: str = answer.json()["peer_id"]
    return peer_id


async def test_tenants_that_are_right_only_after_a_restart_change_nothing(federation: Place) -> None:
    # One listener for both, so that a name must tell Manager and Inway apart.
    port = federation.ports["inway"] = federation.ports["manager"]
    federation.document["listen"]["inway"] = federation.document["listen"]["manager"]
    for tenant, member in zip(federation.document["tenants"], (DIRECTORY, PROVIDER, CONSUMER), strict=True):
        tenant["inway_address"] = federation.inway(member, "")
    async with serving(federation.settings()) as installation:
        before = installation.settings
        federation.document["listen"]["inway"] = f"127.0.0.1:{free_port()}"
        federation.document["tenants"][1]["inway_address"] = f"https://{PROVIDER.manager_host}:{port}"
        with pytest.raises(WrongUsage, match=r"tenants\[1\]\.inway_address: .*one listener serves both"):
            await installation.apply(federation.settings())

        assert installation.settings is before
        assert (await federation.call(CONSUMER, PROVIDER, "GET", federation.manager(PROVIDER))).status == 200


async def test_a_store_that_is_gone_changes_nothing(federation: Place) -> None:
    everybody = federation.document["tenants"]
    federation.document["tenants"] = everybody[:2]
    async with serving(federation.settings()) as installation:
        before = installation.settings
        await installation.stores.documents.close()
        federation.document["tenants"] = everybody
        with pytest.raises(Failed, match="storage: "):
            await installation.apply(federation.settings())

        assert installation.settings is before
        assert len(installation.hosts.all()) == 2


async def test_certificates_that_were_overwritten_serve_from_then_on(place: Place) -> None:
    async with serving(place.settings()) as installation:
        old = place.pair(PROVIDER)
        renewed = load_group(place.folder / "pki", now=SystemClock().now() + 60).issue(
            peer_id=PROVIDER.peer_id,
            name=PROVIDER.name,
            dns_names=[PROVIDER.manager_host, PROVIDER.inway_host],
            private_key=old.private_key,
            not_before=SystemClock().now() - 1,
        )
        (place.folder / "pki" / "voorbeeld.pem").write_bytes(renewed.pem_chain())
        await installation.apply(place.settings())
        jwks = await place.call(PROVIDER, PROVIDER, "GET", place.manager(PROVIDER, "/v1/.well-known/jwks.json"))

        assert hosted(installation, PROVIDER).contexts.server().owner.thumbprint == renewed.thumbprint
        assert {key["x5t#S256"] for key in jwks.json()["keys"]} == {old.thumbprint, renewed.thumbprint}


async def test_what_cannot_change_while_it_runs_is_logged_and_stays(
    place: Place, caplog: pytest.LogCaptureFixture
) -> None:
    async with serving(place.settings()) as installation:
        place.document["listen"]["console"] = "127.0.0.1:1"
        place.document["group"]["token_ttl_seconds"] = 5
        with caplog.at_level(logging.WARNING):
            await installation.apply(place.settings())

        told = {getattr(record, "key", "") for record in caplog.records if record.getMessage() == "needs_restart"}
        assert told == {"listen.console", "group.token_ttl_seconds"}
        assert str(installation.settings.listen.console).endswith(str(place.ports["console"]))
        assert hosted(installation, PROVIDER).peer.tenant.group.token_ttl_s == 600


async def test_background_work_that_crashes_begins_again(
    federation: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klantenregister.installation._RESTART_S", 0.01)
    work = Upkeep.run
    crashes = 0

    async def crash_twice(upkeep: Upkeep) -> None:
        nonlocal crashes
        crashes += 1
        if crashes <= 2:
            raise ZeroDivisionError
        await work(upkeep)

    monkeypatch.setattr(Upkeep, "run", crash_twice)
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)

    assert [record.getMessage() for record in caplog.records].count("upkeep_crashed") == 2


# -- several processes


async def test_without_the_register_role_its_services_are_called_at_register_url(tmp_path: Path) -> None:
    place = Place.federation(tmp_path, storage="sqlite:///register.db")
    settings = place.settings()
    async with serving(settings) as installation:
        await eventually(lambda: agreed(installation), within_s=10)

    register = Place(tmp_path, place.ports, {**place.document, "listen": {**place.document["listen"]}})
    register.document["listen"] |= {"admin": "unix:register.sock", "metrics": f"127.0.0.1:{free_port()}"}
    register_settings = register.settings()
    place.document["register_url"] = f"http://127.0.0.1:{place.ports['register']}"
    settings = place.settings()
    gateway = frozenset({Role.MANAGER, Role.INWAY, Role.OUTWAY})
    async with (
        serving(register_settings, frozenset({Role.REGISTER})),
        serving(settings, gateway) as installation,
    ):
        assert connection_grant(installation)
        found = await through_outway(place)

    assert (found.status, found.json()["count"]) == (200, 0)


async def test_without_register_role_and_url_the_service_is_not_offered(federation: Place) -> None:
    roles = frozenset(Role) - {Role.REGISTER}
    async with serving(federation.settings(), roles) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        refused = await through_outway(federation)

    assert (refused.status, refused.headers["Fsc-Error-Code"]) == (404, "ERROR_CODE_SERVICE_NOT_FOUND")


# -- stopping


async def test_background_work_has_ended_before_the_stores_close(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        work = tuple(installation._work.values())
        still_at_work: list[bool] = []
        close = installation.stores.documents.close

        async def closing() -> None:
            still_at_work.extend(not task.done() for task in work)
            await close()

        object.__setattr__(installation.stores.documents, "close", closing)

    assert still_at_work == [False] * 3


async def test_it_can_start_again_at_once_where_it_stopped(place: Place) -> None:
    for _ in range(2):
        async with serving(place.settings()) as installation:
            assert installation.is_open
            assert listens(place.ports["metrics"])
        assert not installation.is_open
        assert not listens(place.ports["metrics"])
