"""`klantenregister.live_trust`: trust that changes while an installation runs, as Peers at its door meet it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from aiohttp import ClientError

from certs.authority import DevelopmentAuthority, load_group
from certs.issuing import make_crl
from certs.revocation import CrlState
from clock import FixedClock, SystemClock
from klantenregister.errors import WrongUsage
from klantenregister.installation import Installation
from tests.gateway.harness import eventually
from tests.klantenregister.crl_server import crl_server
from tests.klantenregister.running import CONSUMER, PROVIDER, Place, plain, serving

NOW = SystemClock().now()


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klantenregister.live_trust.LOOK_EVERY_S", 0.05)


@pytest.fixture
def authority(place: Place) -> DevelopmentAuthority:
    place.issue(CONSUMER)
    return load_group(place.folder / "pki", now=NOW)


def revoking(authority: DevelopmentAuthority, place: Place, *, number: int) -> bytes:
    """A newer list, with the consumer on it."""
    serial_numbers = [place.pair(CONSUMER).certificate.serial_number]
    return make_crl(authority.intermediate, serial_numbers, this_update=number, next_update=NOW + 9_000)


def use(place: Place, mode: str, *crls: str, refresh_seconds: int = 1) -> None:
    place.document["group"]["revocation"] = {"mode": mode, "crl": list(crls), "refresh_seconds": refresh_seconds}


@contextlib.asynccontextmanager
async def connected(place: Place) -> AsyncIterator[asyncio.StreamReader]:
    """A connection of the consumer to the provider's Manager, idle."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1",
        place.ports["manager"],
        ssl=place.context(CONSUMER, PROVIDER),
        server_hostname=PROVIDER.manager_host,
    )
    try:
        yield reader
    finally:
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


async def status(place: Place) -> int:
    """What a call of the consumer comes to; 0 when its handshake is refused."""
    try:
        return (await place.call(CONSUMER, PROVIDER, "GET", place.manager(PROVIDER))).status
    except (OSError, ClientError):
        return 0


def states(installation: Installation) -> dict[str, CrlState]:
    return {one.issuer: one.state for one in installation.trust.report().issuers}


async def test_a_file_that_revokes_counts_at_the_next_handshake_and_on_open_connections(
    place: Place, authority: DevelopmentAuthority
) -> None:
    use(place, "soft", "pki/root.crl", "pki/ca.crl", refresh_seconds=3_600)
    async with serving(place.settings()):
        assert await status(place) == 200
        async with connected(place) as reader:
            (place.folder / "pki" / "ca.crl").write_bytes(revoking(authority, place, number=SystemClock().now() + 1))
            async with asyncio.timeout(10):
                with contextlib.suppress(OSError):
                    assert await reader.read() == b""
        assert await status(place) == 0


async def test_a_list_counts_though_the_certificate_of_a_tenant_is_on_it(
    place: Place, authority: DevelopmentAuthority
) -> None:
    use(place, "soft", "pki/root.crl", "pki/ca.crl")
    both = [place.pair(one).certificate.serial_number for one in (CONSUMER, PROVIDER)]
    async with serving(place.settings()):
        crl = make_crl(authority.intermediate, both, this_update=SystemClock().now() + 1, next_update=NOW + 9_000)
        (place.folder / "pki" / "ca.crl").write_bytes(crl)
        await eventually_refused(place)


async def eventually_refused(place: Place) -> None:
    async with asyncio.timeout(10):
        while await status(place) != 0:  # noqa: ASYNC110 - what is waited for is at the far end
            await asyncio.sleep(0.05)


async def test_hard_refuses_until_the_url_answers_and_does_not_hold_up_the_start(
    place: Place, authority: DevelopmentAuthority
) -> None:
    async with crl_server(authority.crl_pem()) as server:
        server.mood = "failing"
        use(place, "hard", "pki/root.crl", server.url)
        async with serving(place.settings()) as installation:
            ready = await plain(place.ports["metrics"], "/health/ready")
            assert (ready.status, await status(place)) == (200, 0)
            assert states(installation)["test development CA"] is CrlState.MISSING
            await eventually(lambda: installation.trust.report().sources[1].problem.startswith("answered 500"))

            server.mood = "well"
            await eventually(lambda: states(installation)["test development CA"] is CrlState.CURRENT)
            assert await status(place) == 200
            shown = (await plain(place.ports["metrics"], "/health/ready")).json()["revocation"]
            assert [one["problem"] for one in shown["sources"]] == [None, None]


async def test_a_url_that_begins_to_revoke_bites_within_the_interval(
    place: Place, authority: DevelopmentAuthority
) -> None:
    async with crl_server(authority.crl_pem()) as server:
        use(place, "soft", server.url)
        async with serving(place.settings()) as installation:
            await eventually(lambda: installation.trust.report().sources[0].lists == 1)
            assert await status(place) == 200
            server.data = revoking(authority, place, number=SystemClock().now() + 1)
            await eventually_refused(place)
            for mood in ("failing", "garbage", "huge"):
                server.mood = mood
                asked = len(server.answered)
                await eventually(lambda asked=asked: len(server.answered) > asked)  # type: ignore[misc]
                assert await status(place) == 0


async def test_a_restart_without_a_network_still_knows_who_was_revoked(
    place: Place, authority: DevelopmentAuthority
) -> None:
    place.document["storage"] = "sqlite:///data/register.db"
    async with crl_server(revoking(authority, place, number=SystemClock().now() + 1)) as server:
        use(place, "soft", server.url)
        async with serving(place.settings()):
            await eventually_refused(place)
    async with serving(place.settings()):
        assert await status(place) == 0


async def test_certificates_that_expire_are_cut_within_the_interval(
    place: Place, authority: DevelopmentAuthority
) -> None:
    use(place, "soft")
    async with serving(place.settings()) as installation, connected(place) as reader:
        installation.trust._clock = FixedClock(NOW + 20 * 365 * 86_400)
        async with asyncio.timeout(10):
            with contextlib.suppress(OSError):
                assert await reader.read() == b""


async def test_other_anchors_and_another_mode_apply_without_a_restart(
    place: Place, authority: DevelopmentAuthority
) -> None:
    use(place, "soft", "pki/root.crl", "pki/ca.crl")
    async with serving(place.settings()) as installation:
        store = installation.trust.store
        await installation.apply(place.settings())
        assert installation.trust.store is store
        async with connected(place) as reader:
            stranger = DevelopmentAuthority.create("another", now=NOW)
            (place.folder / "pki" / "other.pem").write_bytes(stranger.anchors_pem())
            place.document["group"]["trust_anchors"] = ["pki/other.pem"]
            await installation.apply(place.settings())
            async with asyncio.timeout(10):
                with contextlib.suppress(OSError):
                    assert await reader.read() == b""
        assert installation.trust.store is not store
        use(place, "off")
        await installation.apply(place.settings())
        assert installation.trust.report().issuers == ()


async def test_a_file_that_cannot_be_used_is_wrong_usage_and_changes_nothing(
    place: Place, authority: DevelopmentAuthority
) -> None:
    use(place, "soft", "pki/ca.crl")
    async with serving(place.settings()) as installation:
        before = installation.trust.report()
        use(place, "soft", "pki/ca.crl", "pki/root.pem")
        with pytest.raises(WrongUsage, match=r"^group: .*root\.pem"):
            await installation.apply(place.settings())
        assert installation.trust.report() == before


async def test_a_fault_of_ours_ends_neither_the_watch_nor_the_serving(
    place: Place, authority: DevelopmentAuthority, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use(place, "soft", "pki/root.crl", "pki/ca.crl")
    with monkeypatch.context() as broken:
        broken.setattr("klantenregister.crl_sources.stamp_of", lambda _: 1 // 0)
        async with serving(place.settings()):
            await eventually(lambda: "crl_source_crashed" in caplog.text)
            assert await status(place) == 200
            broken.undo()
            monkeypatch.setattr("klantenregister.live_trust.LOOK_EVERY_S", 0.05)
            (place.folder / "pki" / "ca.crl").write_bytes(revoking(authority, place, number=SystemClock().now() + 1))
            await eventually_refused(place)
