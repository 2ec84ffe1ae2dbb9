"""Taking another configuration into use: told before, done after, and nothing when it cannot be."""

import asyncio
import json
from pathlib import Path

import pytest

from gateway.admin.desired import ConfigurationRefused, Plan
from gateway.manager.desired import Action
from klantenregister.applying import Applier, with_tenant
from klantenregister.installation import Installation
from klantenregister.stores import COLLECTIONS
from storage.documents import Query
from storage.memory import MemoryDocuments
from tests.gateway.harness import eventually
from tests.klantenregister.running import CONSUMER, DIRECTORY, PROVIDER, SERVICE, Place, agreed, hosted, serving

KVK = {"name": "kvk", "service": {"peer_id": PROVIDER.peer_id, "name": "kvk"}}


def other_file(place: Place) -> Path:
    """The document of `place` in another file beside it."""
    file = place.folder / "other.yaml"
    file.write_text(json.dumps(place.document))
    return file


def actions(plan: Plan, slug: str) -> dict[str, Action]:
    [tenant] = [one for one in plan.tenants if one.slug == slug]
    return {one.label: one.action for one in tenant.decisions}


async def delivered(installation: Installation) -> None:
    """Wait until the consumer owes nothing: connections that are being opened at the end would stay open."""
    contracts = hosted(installation, CONSUMER).peer.contracts
    await eventually(lambda: not any(one.deliveries for one in contracts.view.alive()))
    await asyncio.sleep(0.2)


def published(installation: Installation) -> bool:
    """Whether the Directory and the provider agree."""
    now = installation.clock.now()
    return all(hosted(installation, one).peer.contracts.view.valid(now) for one in (DIRECTORY, PROVIDER))


async def everything_in(installation: Installation) -> list[object]:
    """Every document of every tenant."""
    documents = installation.stores.documents
    assert isinstance(documents, MemoryDocuments)
    return [
        [one.body for one in (await documents.for_tenant(peer_id).find(collection, Query(limit=1000))).documents]
        for peer_id in (DIRECTORY.peer_id, PROVIDER.peer_id, CONSUMER.peer_id)
        for collection in COLLECTIONS
    ]


async def test_a_plan_tells_the_difference_and_changes_nothing(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        await asyncio.sleep(0.3)  # what is still being delivered and looked at
        before, settings = await everything_in(installation), installation.settings
        federation.document["tenants"][2]["connections"] = [KVK]
        federation.document["tenants"][1]["services"][0]["publish"] = False
        applier = Applier(installation)
        for _ in range(2):
            plan = await applier.apply(other_file(federation), slug=None, plan_only=True)
            assert actions(plan, CONSUMER.slug) == {
                "connection kvk": Action.OFFER,
                f"connection {SERVICE}": Action.REVOKE,
            }
            assert set(actions(plan, PROVIDER.slug).values()) == {Action.REVOKE}
            assert actions(plan, DIRECTORY.slug) == {}
        assert installation.settings is settings
        assert await everything_in(installation) == before


async def test_a_plan_for_a_tenant_that_is_not_hosted_yet_only_reads(federation: Place) -> None:
    consumer = federation.document["tenants"].pop()
    async with serving(federation.settings()) as installation:
        await eventually(lambda: published(installation), within_s=10)
        federation.document["tenants"].append(consumer)
        plan = await Applier(installation).apply(other_file(federation), slug=None, plan_only=True)
        assert actions(plan, CONSUMER.slug) == {f"connection {SERVICE}": Action.OFFER}
        assert installation.hosts.get(hosted(installation, PROVIDER).peer.peer_id) is not None
        assert [one.slug for one in installation.hosts.all()] == [DIRECTORY.slug, PROVIDER.slug]
        documents = installation.stores.documents.for_tenant(CONSUMER.peer_id)
        for collection in COLLECTIONS:
            assert (await documents.find(collection, Query())).documents == ()


async def test_applying_tells_what_it_does_and_does_it(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        federation.document["tenants"][2]["connections"].append(KVK)
        federation.document["limits"] = {"max_body_bytes": 5_000_000}
        plan = await Applier(installation).apply(other_file(federation), slug=None, plan_only=False)
        assert actions(plan, CONSUMER.slug) == {
            f"connection {SERVICE}": Action.KEEP,
            "connection kvk": Action.OFFER,
        }
        assert plan.needs_restart == ("limits.max_body_bytes",)
        contracts = hosted(installation, CONSUMER).peer.contracts
        await eventually(lambda: any(one.made_for == "connection kvk" for one in contracts.view.alive()))
        await delivered(installation)


async def test_a_tenant_that_is_left_out_is_not_hosted_any_more_and_keeps_its_contracts(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        contracts = hosted(installation, CONSUMER).peer.contracts
        federation.document["tenants"].pop()
        plan = await Applier(installation).apply(other_file(federation), slug=None, plan_only=False)
        assert plan.unhosted == (CONSUMER.slug,)
        assert len(contracts.view.valid(installation.clock.now())) == 1


async def test_one_tenant_alone_is_applied(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        before = installation.settings
        federation.document["tenants"][1]["services"] = []
        federation.document["tenants"][2]["connections"] = [KVK]
        applier = Applier(installation)
        plan = await applier.apply(other_file(federation), slug=CONSUMER.slug, plan_only=False)
        assert [one.slug for one in plan.tenants] == [CONSUMER.slug]
        assert plan.unhosted == ()
        assert installation.settings.tenants[:2] == before.tenants[:2]
        assert [one.name for one in installation.settings.tenants[2].connections] == ["kvk"]
        await delivered(installation)
        with pytest.raises(ConfigurationRefused, match="no tenant nobody; there are: directory, voorbeeld, elders"):
            await applier.apply(other_file(federation), slug="nobody", plan_only=False)


def test_a_tenant_that_does_not_run_yet_comes_after_the_others(federation: Place) -> None:
    wanted = federation.settings()
    running = wanted.model_copy(update={"tenants": wanted.tenants[:2]})
    assert with_tenant(running, wanted, CONSUMER.slug) == wanted
    assert with_tenant(wanted, running, PROVIDER.slug) == wanted


async def test_what_is_not_right_is_refused_with_every_reason_and_changes_nothing(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        before = installation.settings
        applier = Applier(installation)
        with pytest.raises(ConfigurationRefused, match="no such file"):
            await applier.apply(federation.folder / "nothing.yaml", slug=None, plan_only=False)
        for tenant in federation.document["tenants"][1:]:
            (federation.folder / tenant["certificates"][0]["key"]).write_text("no key")
        with pytest.raises(ConfigurationRefused, match=r"tenants\[1\](.|\n)*tenants\[2\]"):
            await applier.apply(other_file(federation), slug=None, plan_only=False)
        assert installation.settings is before


async def test_beside_the_listeners_that_stay_it_must_fit_in_a_plan_too(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        federation.document["listen"]["metrics"] = "127.0.0.1:1"
        federation.document["tenants"][2]["outway"] = {"listen": f"127.0.0.1:{federation.ports['metrics']}"}
        with pytest.raises(ConfigurationRefused, match=r"tenants\[2\]\.outway\.listen"):
            await Applier(installation).apply(other_file(federation), slug=None, plan_only=True)


async def test_what_is_applied_at_once_ends_as_one_of_them(federation: Place) -> None:
    async with serving(federation.settings()) as installation:
        await eventually(lambda: agreed(installation), within_s=10)
        applier, files = Applier(installation), []
        for name in ("aaa", "bbb"):
            federation.document["tenants"][2]["connections"] = [{**KVK, "name": name}]
            file = federation.folder / f"{name}.yaml"
            file.write_text(json.dumps(federation.document))
            files.append(file)
        await asyncio.gather(*(applier.apply(file, slug=None, plan_only=False) for file in files))
        declared = [one.name for one in hosted(installation, CONSUMER).peer.tenant.connections]
        assert declared == [one.name for one in installation.settings.tenants[2].connections]
        await delivered(installation)
