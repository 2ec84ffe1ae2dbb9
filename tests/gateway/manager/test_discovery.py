"""Reading the lists of the Directories, whatever they answer."""

import json

import pytest

from gateway.manager.discovery import services_at_directories
from gateway.state.local_peer import LocalPeer
from tests.gateway.harness import (
    CONSUMER,
    DIRECTORY,
    FOREIGN,
    OTHER,
    Federation,
    ForeignPeer,
    accepting,
    make_content,
    make_group,
    publication,
)


async def reader(group: Federation, *directories: ForeignPeer) -> LocalPeer:
    rules = make_group(directories={one.peer_id: one.address for one in directories})
    return (await group.host(CONSUMER, group=rules)).peer


def page(names: list[str], cursor: object = "") -> bytes:
    services = [{"data": {"name": name}} for name in names]
    return json.dumps({"services": services, "pagination": {"next_cursor": cursor}}).encode()


async def test_every_page_of_a_real_directory_is_read(group: Federation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.manager.discovery._PAGE", 2)
    hosted = await group.host(DIRECTORY, directory=True, accept=(accepting("service_publication"),))
    foreign = await group.foreign()
    names = [f"service-{number}" for number in range(5)]
    for name in names:
        await foreign.submit(hosted.peer, make_content(publication(DIRECTORY, FOREIGN, name), now=group.clock.now()))
    rules = make_group(directories={DIRECTORY: hosted.peer.tenant.manager_address})
    peer = (await group.host(CONSUMER, group=rules)).peer
    listed, problems = await services_at_directories(peer)
    assert sorted(one["name"] for one in listed) == names
    assert {one["directory"] for one in listed} == {DIRECTORY}
    assert problems == []


@pytest.mark.parametrize(
    ("body", "names"),
    [
        (page(["a"], ""), ["a"]),
        (page([], "more"), []),
        (page(["a"], "same"), ["a", "a"]),
        (page(["a"], None), ["a"]),
        (page(["a"], 5), ["a"]),
    ],
    ids=["no cursor", "empty page with a cursor", "the same cursor again", "null", "number"],
)
async def test_reading_ends_whatever_the_cursor_says(group: Federation, body: bytes, names: list[str]) -> None:
    directory = await group.foreign(DIRECTORY)
    directory.pages["/v1/services"] = body
    listed, problems = await services_at_directories(await reader(group, directory))
    assert ([one["name"] for one in listed], problems) == (names, [])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"services": 5, "pagination": {}}',
        b'{"services": [5], "pagination": {"next_cursor": ""}}',
        b'{"services": [], "pagination": 5}',
        b'{"services": ' + b"[" * 100_000,
    ],
)
async def test_an_unreadable_directory_is_a_problem_and_no_crash(group: Federation, body: bytes) -> None:
    broken, good = await group.foreign(DIRECTORY), await group.foreign(OTHER)
    broken.pages["/v1/services"] = body
    good.pages["/v1/services"] = page(["a"])
    listed, problems = await services_at_directories(await reader(group, broken, good))
    assert [one for one in listed if one["directory"] == OTHER] == [{"directory": OTHER, "name": "a"}]
    assert problems == [f"Directory {DIRECTORY} answered /services with something unreadable"]


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "SERVICE_TYPE_SERVICE", "data": {"name": "a"}},
        {"data": {"name": "a", "type": "SERVICE_TYPE_SERVICE"}},
        {"type": "?", "data": {"name": "a", "type": "SERVICE_TYPE_SERVICE", "directory": OTHER}},
    ],
)
async def test_the_type_is_beside_or_within_and_the_directory_is_the_one_that_was_asked(
    group: Federation, entry: dict[str, object]
) -> None:
    directory = await group.foreign(DIRECTORY)
    directory.pages["/v1/services"] = json.dumps({"services": [entry], "pagination": {"next_cursor": ""}}).encode()
    listed, _ = await services_at_directories(await reader(group, directory))
    assert listed == [{"name": "a", "type": "SERVICE_TYPE_SERVICE", "directory": DIRECTORY}]


async def test_a_directory_that_is_away_is_a_problem_and_no_crash(group: Federation) -> None:
    gone = await group.foreign(DIRECTORY, listen=False)
    listed, (problem,) = await services_at_directories(await reader(group, gone))
    assert listed == []
    assert gone.address in problem


async def test_a_directory_that_refuses_is_a_problem(group: Federation) -> None:
    directory = await group.foreign(DIRECTORY)
    directory.status, directory.body = 403, page(["a"])
    listed, problems = await services_at_directories(await reader(group, directory))
    assert listed == []
    assert problems == [f"Directory {DIRECTORY} answered 403 to /services"]
