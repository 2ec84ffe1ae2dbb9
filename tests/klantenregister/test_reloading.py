"""`klantenregister.reloading`: what is noticed, what is refused, and that the serving goes on whatever happens."""

import asyncio
import contextlib
import json
import logging
from collections.abc import AsyncIterator

import pytest

from config.settings import Settings
from klantenregister.errors import Failed
from klantenregister.installation import Installation
from klantenregister.reloading import Fingerprint, files_of, fingerprint, reload, reload_when_changed
from tests.gateway.harness import eventually
from tests.klantenregister.running import CONSUMER, PROVIDER, SCOPES, SERVICE, Place, hosted, plain, serving

ROUND_S = 0.02
REGISTER_PATH = f"/t/{PROVIDER.slug}/{SERVICE}/api/v1/partijen"


@pytest.fixture(autouse=True)
def _short_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klantenregister.reloading.LOOK_EVERY_S", ROUND_S)


class Told:
    """What was logged."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        self._caplog = caplog
        caplog.set_level(logging.INFO)

    def count(self, event: str) -> int:
        return sum(record.getMessage() == event for record in self._caplog.records)

    def problems(self, event: str = "configuration_refused") -> list[str]:
        return [getattr(one, "problem", "") for one in self._caplog.records if one.getMessage() == event]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Told:
    return Told(caplog)


@contextlib.asynccontextmanager
async def watching(
    place: Place, *, seen: Fingerprint | None = None
) -> AsyncIterator[tuple[Installation, asyncio.Event]]:
    """A running installation that is kept at what its configuration says; the event is the signal."""
    asked = asyncio.Event()
    settings = place.settings()
    seen = fingerprint(place.config, settings) if seen is None else seen
    async with serving(settings) as installation:
        work = installation.tasks.create_task(reload_when_changed(installation, place.config, asked, seen))
        yield installation, asked
        assert not work.done()
        work.cancel()


def slugs(installation: Installation) -> list[str]:
    return [one.slug for one in installation.hosts.all()]


async def rounds(number: int = 5) -> None:
    """Long enough for `number` looks."""
    await asyncio.sleep(number * ROUND_S * 1.5)


async def test_a_configuration_that_was_written_is_applied_once(place: Place, told: Told) -> None:
    async with watching(place) as (installation, _):
        await rounds()
        assert told.count("configuration_applied") == 0

        place.document["tenants"].append(place.tenant(CONSUMER))
        place.write()
        await eventually(lambda: slugs(installation) == [PROVIDER.slug, CONSUMER.slug])
        await rounds()
        assert told.count("configuration_applied") == 1


async def test_a_configuration_that_was_replaced_by_renaming_is_applied(place: Place) -> None:
    async with watching(place) as (installation, _):
        place.document["tenants"].append(place.tenant(CONSUMER))
        beside = place.folder / "new.yaml"
        beside.write_text(json.dumps(place.document))
        beside.rename(place.config)

        await eventually(lambda: len(slugs(installation)) == 2)


async def test_a_configuration_that_is_away_for_a_moment_is_refused_and_then_applied(place: Place, told: Told) -> None:
    async with watching(place) as (installation, _):
        place.config.unlink()
        await eventually(lambda: told.count("configuration_refused") == 1)
        assert slugs(installation) == [PROVIDER.slug]

        place.document["tenants"].append(place.tenant(CONSUMER))
        place.write()
        await eventually(lambda: len(slugs(installation)) == 2)
        assert "there is no such file" in told.problems()[0]


async def test_a_certificate_that_was_overwritten_serves(place: Place) -> None:
    async with watching(place) as (installation, _):
        old = place.pair(PROVIDER).thumbprint
        assert hosted(installation, PROVIDER).contexts.server().owner.thumbprint == old

        place.issue(PROVIDER)
        renewed = place.pair(PROVIDER).thumbprint
        await eventually(lambda: hosted(installation, PROVIDER).contexts.server().owner.thumbprint == renewed)
        assert renewed != old


async def test_a_secret_that_was_replaced_is_what_counts(place: Place) -> None:
    secret = place.folder / "kiss.token"
    first, second = "first-key-of-the-application-0123456789", "second-key-of-the-application-012345678"
    secret.write_text(first)
    application = {"id": "kiss", "token_file": "kiss.token", "scopes": SCOPES}
    place.document["tenants"] = [place.tenant(PROVIDER, applications=[application])]

    async def status(token: str) -> int:
        headers = {"Authorization": f"Token {token}"}
        return (await plain(place.ports["register"], REGISTER_PATH, headers=headers)).status

    async with watching(place):
        assert [await status(first), await status(second)] == [200, 401]
        secret.write_text(second)
        for _ in range(200):
            if await status(second) == 200:
                break
            await asyncio.sleep(ROUND_S)
        assert [await status(first), await status(second)] == [401, 200]


async def test_a_wrong_configuration_is_refused_aloud_once_and_the_old_one_stays(place: Place, told: Told) -> None:
    async with watching(place) as (installation, _):
        before = installation.settings
        place.document["tenants"][0]["peer_id"] = "00000000000000000001"
        place.write()
        await eventually(lambda: told.count("configuration_refused") > 0)
        refused = told.problems()
        await rounds()

        assert told.problems() == refused
        assert [one.startswith("tenants[0].certificates[0]: is for Peer ID ") for one in refused] == [True]
        assert installation.settings is before
        # Made right again, it is read again.
        place.document["tenants"][0]["peer_id"] = PROVIDER.peer_id
        place.write()
        await eventually(lambda: told.count("configuration_applied") == 1)


async def test_a_file_that_a_refused_configuration_waits_for_is_noticed(place: Place, told: Told) -> None:
    async with watching(place) as (installation, _):
        place.document["tenants"].append(place.tenant(CONSUMER))
        key = place.folder / "pki" / f"{CONSUMER.slug}.key"
        away = key.rename(key.with_suffix(".away"))
        place.write()
        await eventually(lambda: told.count("configuration_refused") == 1)
        assert slugs(installation) == [PROVIDER.slug]

        away.rename(key)
        await eventually(lambda: slugs(installation) == [PROVIDER.slug, CONSUMER.slug])


async def test_a_secret_that_a_refused_configuration_waits_for_is_noticed(place: Place, told: Told) -> None:
    async with watching(place) as (installation, _):
        application = {"id": "kiss", "token_file": "kiss.token", "scopes": SCOPES}
        place.document["tenants"][0]["applications"] = [application]
        place.write()
        await eventually(lambda: told.count("configuration_refused") == 1)

        (place.folder / "kiss.token").write_text("first-key-of-the-application-0123456789")
        await eventually(lambda: len(installation.settings.tenants[0].applications) == 1)


async def test_what_was_written_while_it_started_is_noticed(place: Place, told: Told) -> None:
    seen = fingerprint(place.config, place.settings())
    certificate = place.folder / "pki" / f"{PROVIDER.slug}.pem"
    certificate.write_bytes(certificate.read_bytes() + b"\n")

    async with watching(place, seen=seen):
        await eventually(lambda: told.count("configuration_applied") == 1)


async def test_the_signal_makes_it_look_though_nothing_changed(
    place: Place, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klantenregister.reloading.LOOK_EVERY_S", 3_600)
    async with watching(place) as (_, asked):
        for number in (1, 2):
            asked.set()
            await eventually(lambda number=number: told.count("configuration_applied") == number)  # type: ignore[misc]
        assert not asked.is_set()


async def test_warnings_are_logged(place: Place, told: Told) -> None:
    async with serving(place.settings()) as installation:
        (place.folder / "pki" / f"{PROVIDER.slug}.key").chmod(0o644)
        await reload(installation, place.config)

    assert any(f"{PROVIDER.slug}.key" in one for one in told.problems("configuration_warning"))
    assert told.count("configuration_applied") == 1


@pytest.mark.parametrize(
    ("error", "event"),
    [(Failed("the port is taken"), "configuration_refused"), (ZeroDivisionError(), "reload_crashed")],
)
async def test_what_fails_while_applying_never_ends_the_watch(
    place: Place, told: Told, monkeypatch: pytest.MonkeyPatch, error: Exception, event: str
) -> None:
    apply = Installation.apply
    failing = False

    async def apply_or_fail(installation: Installation, settings: Settings) -> None:
        if failing:
            raise error
        await apply(installation, settings)

    monkeypatch.setattr(Installation, "apply", apply_or_fail)
    async with watching(place) as (installation, asked):
        failing = True
        asked.set()
        await eventually(lambda: told.count(event) == 1)
        failing = False
        asked.set()
        await eventually(lambda: told.count("configuration_applied") == 1)
        assert slugs(installation) == [PROVIDER.slug]


async def test_a_bad_certificate_of_one_tenant_does_not_keep_the_others_from_theirs(place: Place, told: Told) -> None:
    place.document["tenants"].append(place.tenant(CONSUMER))
    async with watching(place) as (installation, _):
        old = hosted(installation, CONSUMER).peer.signing_pair()
        key = place.folder / "pki" / f"{CONSUMER.slug}.key"
        key.write_bytes(key.read_bytes()[:50])
        await eventually(lambda: told.count("certificate_refused") == 1)
        assert told.problems("certificate_refused")[0].startswith("tenants[1].certificates[0]: ")
        assert told.count("configuration_refused") == 0

        place.issue(PROVIDER)
        renewed = place.pair(PROVIDER)
        await eventually(lambda: hosted(installation, PROVIDER).peer.signing_pair() == renewed)
        assert hosted(installation, CONSUMER).peer.signing_pair() == old

        place.issue(CONSUMER)
        await eventually(lambda: hosted(installation, CONSUMER).peer.signing_pair() == place.pair(CONSUMER))


async def test_what_was_refused_is_tried_again_without_being_told_again(
    place: Place, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("klantenregister.reloading.RETRY_EVERY_S", 2 * ROUND_S)
    apply, tries = Installation.apply, 0

    async def apply_at_last(installation: Installation, settings: Settings) -> None:
        nonlocal tries
        tries += 1
        if tries in (2, 3):  # the first is the start
            raise Failed("the store is away")
        await apply(installation, settings)

    monkeypatch.setattr(Installation, "apply", apply_at_last)
    async with watching(place) as (_, asked):
        asked.set()
        await eventually(lambda: told.count("configuration_applied") == 1)
        assert told.problems() == ["the store is away"]
        await rounds()
        assert tries == 4


async def test_a_file_that_may_be_read_again_is_noticed(place: Place) -> None:
    """Who changes the mode alone writes nothing."""
    key = place.folder / "pki" / f"{PROVIDER.slug}.key"
    before = fingerprint(place.config, place.settings())
    key.chmod(0o400)
    assert fingerprint(place.config, place.settings())[key] != before[key]


def test_the_files_are_all_that_the_configuration_names_but_for_crls(federation: Place) -> None:
    (federation.folder / "storage.url").write_text("memory:")
    del federation.document["storage"]
    federation.document["storage_file"] = "storage.url"
    crls = ["pki/root.crl", "pki/ca.crl", "https://crl.example.test/x.crl"]
    federation.document["group"]["revocation"] = {"crl": crls}

    pki = federation.folder / "pki"
    slugs = [tenant["slug"] for tenant in federation.document["tenants"]]
    pairs = {pki / f"{slug}.{suffix}" for slug in slugs for suffix in ("pem", "key")}
    assert set(files_of(federation.config, federation.settings())) == pairs | {
        federation.config,
        federation.folder / "storage.url",
        pki / "root.pem",
    }


def test_a_fingerprint_differs_when_a_file_is_written_replaced_or_removed(place: Place) -> None:
    settings = place.settings()
    certificate = place.folder / "pki" / f"{PROVIDER.slug}.pem"
    prints = [fingerprint(place.config, settings)]
    assert fingerprint(place.config, settings) == prints[0]

    certificate.write_bytes(certificate.read_bytes() + b"\n")
    prints.append(fingerprint(place.config, settings))
    same_size = certificate.with_suffix(".new")
    same_size.write_bytes(certificate.read_bytes())
    same_size.rename(certificate)
    prints.append(fingerprint(place.config, settings))
    certificate.unlink()
    prints.append(fingerprint(place.config, settings))

    assert all(one != other for at, one in enumerate(prints) for other in prints[at + 1 :])
    assert prints[-1][certificate] is None
