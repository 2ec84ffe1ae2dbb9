"""Certificates replaced under load: the new one is shown soon, and no request fails."""

import asyncio
import os
import ssl

import pytest

from certs.authority import load_group
from clock import SystemClock
from tests.e2e.calls import key_pair
from tests.e2e.federation import CONSUMER, PROVIDER, Member, Program
from tests.load.scene import Scene, certify
from tests.load.traffic import summary, traffic, wait_for, wait_until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CLIENTS = 8


async def test_the_certificate_of_an_inway_is_replaced_under_load(scene: Scene) -> None:
    door = await scene.inway()
    async with (
        traffic(door, CLIENTS) as kept,
        traffic(door, 2, pause_s=0.01, keep_alive=False) as fresh,
        traffic(scene.outway(), CLIENTS) as through,
    ):
        await wait_for(kept, fresh, through, more=50)
        before = await _shown(scene, scene.provider, PROVIDER.inway_host, "inway")
        _replace_key(scene, PROVIDER)
        await _until_shown_anew(scene, scene.provider, PROVIDER.inway_host, "inway", before)
        await wait_for(kept, fresh, through, more=100)

    for met in (kept, fresh, through):
        assert summary(met.failures) == {}


async def test_the_certificate_of_an_outway_is_renewed_under_load(scene: Scene) -> None:
    pki = scene.federation.directory / "pki"
    pair = key_pair(scene.federation, CONSUMER)
    names = [CONSUMER.manager_host, CONSUMER.inway_host]
    renewed = load_group(pki, now=SystemClock().now()).issue(
        peer_id=CONSUMER.peer_id, name=CONSUMER.name, dns_names=names, private_key=pair.private_key
    )
    async with traffic(scene.outway(), CLIENTS) as met:
        await met.wait_for_more(50)
        before = await _shown(scene, scene.consumer, CONSUMER.manager_host, "manager")
        (pki / "renewed.pem").write_bytes(renewed.pem_chain())
        os.replace(pki / "renewed.pem", pki / f"{CONSUMER.slug}.pem")
        await _until_shown_anew(scene, scene.consumer, CONSUMER.manager_host, "manager", before)
        await met.wait_for_more(200)

    assert summary(met.failures) == {}


async def test_the_key_of_an_outway_is_replaced_under_load(scene: Scene) -> None:
    async with traffic(scene.outway(), CLIENTS) as met:
        await met.wait_for_more(50)
        old = await asyncio.to_thread(_connections, scene)
        _replace_key(scene, CONSUMER)
        # A Contract for the new key takes over from the one for the old.
        await wait_until(lambda: _connections(scene).isdisjoint(old) and bool(_connections(scene)), True)
        await met.wait_for_more(200)

    assert summary(met.failures) == {}


def _connections(scene: Scene) -> set[str]:
    """The valid Contracts of the consumer."""
    listed = scene.admin(scene.consumer, "GET", "/contracts", state="valid", limit="1000")["contracts"]
    return {one["content_hash"] for one in listed}


def _replace_key(scene: Scene, member: Member) -> None:
    """Overwrite certificate and key of a member by new ones, one file after the other."""
    folder = scene.federation.directory
    certify(folder, member, "next")
    for suffix in ("key", "pem"):
        os.replace(folder / "pki" / f"next.{suffix}", folder / "pki" / f"{member.slug}.{suffix}")
    (folder / "pki" / "next.csr").unlink(missing_ok=True)


async def _until_shown_anew(scene: Scene, program: Program, name: str, listener: str, before: bytes) -> None:
    async with asyncio.timeout(20):
        while await _shown(scene, program, name, listener) == before:  # noqa: ASYNC110 - nothing tells
            await asyncio.sleep(0.1)


async def _shown(scene: Scene, program: Program, name: str, listener: str) -> bytes:
    """The certificate that a listener shows in a new handshake."""
    _, writer = await asyncio.open_connection(
        "127.0.0.1", program.ports[listener], ssl=scene.tls(), server_hostname=name
    )
    connection = writer.get_extra_info("ssl_object")
    assert isinstance(connection, ssl.SSLObject)
    shown = connection.getpeercert(binary_form=True)
    writer.transport.abort()
    assert shown is not None
    return shown
