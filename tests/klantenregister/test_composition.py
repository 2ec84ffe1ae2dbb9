"""`klantenregister.composition`: how a process starts, and how it ends when it cannot."""

import socket

import pytest

from klantenregister.errors import Failed, WrongUsage
from tests.klantenregister.running import (
    SERVICE,
    Place,
    listens,
    serving,
)

SEARCH = f"/{SERVICE}/api/v1/partijen"
OUTWAY_HEADERS = {"Host": f"{SERVICE}.localhost"}


class _Interrupted(Exception):
    pass


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


async def test_a_wrong_key_file_is_wrong_usage(place: Place) -> None:
    settings = place.settings()
    (place.folder / "pki" / "voorbeeld.key").write_text("no key")

    with pytest.raises(WrongUsage, match=r"tenants\[0\]\.certificates\[0\]: .*voorbeeld\.key"):
        async with serving(settings):
            pytest.fail("it must not start")


async def test_a_wrong_master_key_is_wrong_usage(place: Place) -> None:
    settings = place.settings()
    (place.folder / "master.key").write_text("no key")

    with pytest.raises(WrongUsage, match=r"keys\.master_file: .*master\.key"):
        async with serving(settings):
            pytest.fail("it must not start")


async def test_what_is_raised_inside_comes_out_as_itself_with_its_cause(place: Place) -> None:
    cause = ValueError("the cause")
    with pytest.raises(_Interrupted) as raised:
        async with serving(place.settings()):
            raise _Interrupted from cause

    assert raised.value.__cause__ is cause
    assert not any(listens(place.ports[name]) for name in place.ports)
