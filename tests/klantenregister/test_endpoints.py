"""`klantenregister.endpoints`: which listener serves what."""

import pytest
from aiohttp import ClientSession, UnixConnector, encode_basic_auth

from gateway.admin.accounts import Accounts
from gateway.admin.accounts import Role as AccountRole
from klantenregister.hosting import Role
from tests.gateway.harness import eventually
from tests.klantenregister.running import (
    CONSUMER,
    PROVIDER,
    SERVICE,
    Answer,
    Place,
    agreed,
    listens,
    plain,
    serving,
)

SEARCH = f"/{SERVICE}/api/v1/partijen"
OUTWAY_HEADERS = {"Host": f"{SERVICE}.localhost"}


async def through_outway(place: Place, port: int | None = None) -> Answer:
    return await plain(port or place.ports["outway"], SEARCH, headers=OUTWAY_HEADERS)


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
        at_work = len(installation.work.under_way())

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
