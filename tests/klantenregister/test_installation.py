"""`klantenregister.installation`: what starts, what a reload changes while it runs, and how it ends."""

import logging
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession

from certs.authority import load_group
from clock import SystemClock
from gateway.http.client import new_session
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
        work = installation.work.under_way()[removed.peer.peer_id]

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


async def test_a_certificate_that_cannot_be_read_changes_nothing(federation: Place) -> None:
    everybody = federation.document["tenants"]
    federation.document["tenants"] = everybody[:2]
    async with serving(federation.settings()) as installation:
        before = installation.settings
        federation.document["tenants"] = everybody
        (federation.folder / "pki" / f"{CONSUMER.slug}.key").write_text("no key")
        with pytest.raises(WrongUsage, match=rf"{CONSUMER.slug}\.key"):
            await installation.apply(federation.settings())

        assert installation.settings is before
        assert await plain_peer_id(federation) == PROVIDER.peer_id


async def test_a_tenant_goes_on_with_its_certificate_when_the_files_hold_none(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        old = hosted(installation, CONSUMER).peer.signing_pair()
        (federation.folder / "pki" / f"{CONSUMER.slug}.key").write_text("no key")
        federation.issue(PROVIDER)
        await installation.apply(federation.settings())

        assert hosted(installation, CONSUMER).peer.signing_pair() == old
        assert hosted(installation, PROVIDER).peer.signing_pair() == federation.pair(PROVIDER)


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
        work = tuple(installation.work.under_way().values())
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
