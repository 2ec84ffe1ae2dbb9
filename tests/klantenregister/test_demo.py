"""`klantenregister.demo`: a whole federation in one process, also where the usual ports are taken."""

import asyncio
import json
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from clock import SystemClock
from config.addresses import TcpAddress
from klantenregister import demo
from klantenregister.demo import (
    CONSUMER,
    DIRECTORY,
    PEOPLE,
    PROVIDER,
    SERVICE,
    Report,
    configure,
    issue_certificates,
    run_demo,
)
from klantenregister.errors import Failed, WrongUsage
from klantenregister.preflight import check_files
from tests.klantenregister.running import listens, plain

GOOD = Report(200, 1, "id", "$1$3$x", 1, 1, {"start": 0.1, "contract": 0.2, "request": 0.3})


# -- the report


def test_a_report_is_good_only_when_everything_happened_once() -> None:
    assert GOOD.is_ok
    assert not any(
        bad.is_ok
        for bad in (
            replace(GOOD, status=404),
            replace(GOOD, count=0),
            replace(GOOD, count=2),
            replace(GOOD, outgoing=0),
            replace(GOOD, incoming=2),
        )
    )


def test_a_report_is_one_line_in_the_fixed_shape() -> None:
    line = GOOD.as_json()

    assert line.splitlines() == [line]
    assert json.loads(line) == {
        "ok": True,
        "lookup": {"status": 200, "count": 1},
        "transaction_id": "id",
        "grant_hash": "$1$3$x",
        "log": {"outgoing": 1, "incoming": 1},
        "seconds": {"start": 0.1, "contract": 0.2, "request": 0.3},
    }


# -- the configuration


def test_what_it_prepares_is_a_configuration_without_findings(tmp_path: Path) -> None:
    issue_certificates(tmp_path)
    settings = configure(tmp_path)

    assert [tenant.peer_id for tenant in settings.tenants] == [DIRECTORY.peer_id, PROVIDER.peer_id, CONSUMER.peer_id]
    findings = check_files(settings, now=SystemClock().now())
    assert [str(one) for one in (*findings.errors, *findings.warnings)] == []
    # The invitation names the file: it must read the same for whoever follows it.
    assert f'"{PROVIDER.peer_id}"' in (tmp_path / "demo.yaml").read_text()


def test_the_environment_of_the_developer_does_not_configure_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KR_GROUP__ID", "something-else")

    assert configure(tmp_path).group.id == demo.GROUP


def test_a_directory_too_deep_for_a_socket_is_told(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    deep.mkdir()

    with pytest.raises(WrongUsage, match="107 bytes"):
        configure(deep)


def test_a_port_that_is_taken_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        free = probe.getsockname()[1]
        probe.close()
        port = taken.getsockname()[1]
        first, second, third = demo._ports(port, free, port)

    assert second == free
    assert len({port, first, second, third}) == 4


# -- the run


def test_waiting_has_an_end_and_says_for_what(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_PATIENCE_S", 0.05)

    with pytest.raises(Failed, match=r"waited 0\.05 s for the moon"):
        asyncio.run(demo._eventually("the moon", lambda: None))


async def test_it_stays_up_until_it_is_told_to_stop_and_its_invitation_works(tmp_path: Path) -> None:
    said: list[str] = []
    stop = asyncio.Event()
    async with asyncio.TaskGroup() as tasks:
        run = tasks.create_task(run_demo(tmp_path, said.append, stop=stop))
        async with asyncio.timeout(20):
            await _said(said, "Ctrl-C")
        [curl] = [line for line in said if line.strip().startswith("curl")]
        match = re.search(r"-d '(.*)' http://(.*):(\d+)(/.*)$", curl)
        assert match is not None
        body, host, port, path = match.groups()
        assert host == f"{SERVICE}.localhost"
        answer = await plain(int(port), path, method="POST", headers={"Host": host}, body=json.loads(body))
        assert (answer.status, answer.json()["count"]) == (200, 1)
        assert not run.done()
        stop.set()

    report = run.result()
    assert report.is_ok
    assert set(report.seconds) == {"start", "contract", "request"}
    assert all(0 < seconds < 20 for seconds in report.seconds.values())
    assert said[-1] == "Stopping."
    assert any(f"{PEOPLE} synthetic people" in line for line in said)
    assert [line[0] for line in said if line[1:3] == ". "] == ["1", "2", "3", "4", "5"]
    assert not listens(int(port))
    await asyncio.sleep(0.05)


async def _said(said: list[str], beginning: str) -> None:
    while not any(line.startswith(beginning) for line in said):  # noqa: ASYNC110 - a list is what it speaks to
        await asyncio.sleep(0.01)


async def test_once_it_ends_by_itself_also_where_the_usual_ports_are_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8443))
            taken.listen()
        except OSError:
            assert listens(8443)  # somebody else has taken it for us
        report = await run_demo(tmp_path, lambda _: None, stop=None)
        listener = configure(_fresh(tmp_path)).listen.manager
    await asyncio.sleep(0.05)

    assert report.is_ok
    assert isinstance(listener, TcpAddress)
    assert listener.port != 8443


async def test_a_port_that_is_taken_at_the_last_moment_is_replaced_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose, said = demo._ports, list[int]()
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def ports(*wanted: int) -> list[int]:
            said.append(1)
            chosen = choose(*wanted)
            return chosen if len(said) > 2 else [*chosen[:-1], taken.getsockname()[1]]

        monkeypatch.setattr(demo, "_ports", ports)
        report = await run_demo(tmp_path, lambda _: None, stop=None)
    await asyncio.sleep(0.05)

    assert report.is_ok
    assert len(said) == 3


def _fresh(folder: Path) -> Path:
    fresh = folder / "fresh"
    fresh.mkdir()
    return fresh
