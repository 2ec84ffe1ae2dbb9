"""`klantenregister.expiry_watch`: told at once and every day, louder once it has happened."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from certs.trust import TrustStore
from klantenregister.expiry_watch import endings, texts, watch_expiry
from tests.gateway.harness import DAY_S, PROVIDER, Federation, eventually, federation, key_pair, make_group

TRUST = make_group().trust


@pytest.fixture
async def group() -> AsyncIterator[Federation]:
    async with federation() as opened:
        await opened.host(PROVIDER, key_pairs=(key_pair(PROVIDER, days=20),))
        yield opened


@contextlib.asynccontextmanager
async def watching(group: Federation) -> AsyncIterator[asyncio.Task[None]]:
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch_expiry(group.hosts, lambda: TRUST, group.clock))
        yield task
        task.cancel()


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[int, str]]:
    return [
        (one.levelno, getattr(one, "problem", ""))
        for one in caplog.records
        if one.getMessage() == "certificate_expires"
    ]


async def test_what_ends_is_named_with_its_tenant(group: Federation) -> None:
    (line,) = texts(endings(group.hosts, TRUST, group.clock.now()))
    slug = group.hosts.all()[0].slug
    assert line.startswith(f"{slug}: the last certificate expires on ")

    group.clock.advance(3650 * DAY_S)  # the Group's own anchor is old by then
    assert any(one.startswith("the Trust Anchor ") for one in texts(endings(group.hosts, TRUST, group.clock.now())))


async def test_it_is_told_every_day_and_as_an_error_when_it_is_over(
    group: Federation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klantenregister.expiry_watch.TELL_EVERY_S", 0.02)
    async with watching(group):
        await eventually(lambda: len(told(caplog)) >= 2)
        assert {level for level, _ in told(caplog)} == {logging.WARNING}

        group.clock.advance(21 * DAY_S)
        await eventually(lambda: told(caplog)[-1][0] == logging.ERROR)
        assert "expired on" in told(caplog)[-1][1]


async def test_a_fault_does_not_end_the_watch(
    group: Federation, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klantenregister.expiry_watch._RETRY_S", 0.01)
    fails = True

    def trust() -> TrustStore:
        if fails:
            raise ZeroDivisionError
        return TRUST

    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(watch_expiry(group.hosts, trust, group.clock))
        await eventually(lambda: any(one.getMessage() == "expiry_watch_crashed" for one in caplog.records))
        fails = False
        await eventually(lambda: bool(told(caplog)))
        task.cancel()
