"""`klantenregister.followers`: a worker goes by what the leader went over to, as soon as it can."""

import asyncio
import logging
from typing import cast

import pytest

from config.settings import Settings
from klantenregister.followers import follow_leader
from klantenregister.worker import Line
from tests.gateway.harness import eventually
from tests.klantenregister.running import PROVIDER, Place, hosted, serving


class Told:
    """What the leader told, in the place of a line."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Settings] = asyncio.Queue()

    async def next_settings(self) -> Settings:
        return await self.queue.get()


async def test_it_serves_by_what_it_is_told_and_tries_again_what_it_could_not(
    place: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klantenregister.followers._RETRY_S", 0.05)
    told = Told()
    async with serving(place.settings()) as installation:
        following = installation.tasks.create_task(follow_leader(installation, cast(Line, told)))
        place.document["tenants"][0]["services"] = [{"name": "first", "upstream": "http://127.0.0.1:1"}]
        told.queue.put_nowait(place.settings())
        await eventually(lambda: set(hosted(installation, PROVIDER).peer.tenant.services) == {"first"})

        place.document["tenants"][0]["services"] = [{"name": "second", "upstream": "http://127.0.0.1:1"}]
        settings = place.settings()
        anchors = place.folder / "pki" / "root.pem"
        right = anchors.read_bytes()
        anchors.write_text("half")
        with caplog.at_level(logging.ERROR):
            told.queue.put_nowait(settings)
            await eventually(lambda: "configuration_not_applied" in caplog.messages)
        assert set(hosted(installation, PROVIDER).peer.tenant.services) == {"first"}
        anchors.write_bytes(right)
        await eventually(lambda: set(hosted(installation, PROVIDER).peer.tenant.services) == {"second"})
        following.cancel()
