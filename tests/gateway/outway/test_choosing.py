from dataclasses import replace

import pytest

from gateway.errors import InvalidRequest
from gateway.fsc.signature import SignatureType
from gateway.outway import choosing
from gateway.outway.choosing import Chooser
from gateway.outway.selection import Choices, SelectedGrant, Selector, select_grant
from gateway.state.tenant import NoValidCertificate
from tests.gateway.dataplane import DataPlane
from tests.gateway.material import CONSUMER, DAY_S, connection_grant, key_pair

BY_HOST = Selector(None, None, "klant.x")


@pytest.fixture
def selections(monkeypatch: pytest.MonkeyPatch) -> list[Selector]:
    """Which selections were really made."""
    made: list[Selector] = []

    def select(selector: Selector, choices: Choices) -> SelectedGrant | None:
        made.append(selector)
        return select_grant(selector, choices)

    monkeypatch.setattr(choosing, "select_grant", select)
    return made


async def test_what_was_chosen_is_remembered_while_nothing_changes(
    plane: DataPlane, selections: list[Selector]
) -> None:
    chooser = Chooser(plane.consumer)
    first = chooser.select(BY_HOST)
    assert first is not None
    assert chooser.select(BY_HOST) is first
    assert chooser.select(Selector(plane.grant_hash, None, "klant.x")) == first
    assert len(selections) == 2


async def test_a_revocation_is_noticed_within_the_same_second(plane: DataPlane) -> None:
    chooser = Chooser(plane.consumer)
    assert chooser.select(BY_HOST) is not None
    await plane.revoke(plane.contract, at=[plane.consumer])
    assert chooser.select(BY_HOST) is None


async def test_a_newer_contract_is_noticed_within_the_same_second(plane: DataPlane) -> None:
    chooser = Chooser(plane.consumer)
    before = chooser.select(BY_HOST)
    assert before is not None
    newer = await plane.add_contract(connection_grant())
    await plane.consumer.contracts.update(
        plane.contract.content_hash,
        lambda one: replace(one, made_for="") if one.made_for else replace(one, signatures={SignatureType.ACCEPT: {}}),
    )
    after = chooser.select(BY_HOST)
    assert after is not None
    assert after.grant_hash == newer.grant_hashes[0]


async def test_time_ends_what_was_chosen(plane: DataPlane) -> None:
    chooser = Chooser(plane.consumer)
    assert chooser.select(BY_HOST) is not None
    plane.clock.advance(2 * DAY_S)
    assert chooser.select(BY_HOST) is None


async def test_another_configuration_is_noticed(plane: DataPlane) -> None:
    chooser = Chooser(plane.consumer)
    assert chooser.select(BY_HOST) is not None
    plane.consumer.tenant = replace(plane.consumer.tenant, connections=())
    assert chooser.select(BY_HOST) is None


async def test_the_outway_is_known_by_every_pair_it_can_use(plane: DataPlane) -> None:
    chooser = Chooser(plane.consumer)
    old, new = key_pair(CONSUMER), key_pair(CONSUMER, 1)
    plane.consumer.tenant = replace(plane.consumer.tenant, key_pairs=(new,), replaced_pairs=(old,))
    assert [one.pair for one in chooser.choices().outways] == [new, old]
    assert chooser.choices().outway.dns_names == (f"inway.{CONSUMER}.localhost", f"manager.{CONSUMER}.localhost")
    selected = chooser.select(BY_HOST)
    assert selected is not None
    assert selected.pair is old


async def test_without_a_valid_certificate_there_is_nothing_to_choose_from(plane: DataPlane) -> None:
    chooser = Chooser(plane.consumer)
    plane.consumer.tenant = replace(plane.consumer.tenant, key_pairs=())
    with pytest.raises(NoValidCertificate):
        chooser.select(BY_HOST)


async def test_what_selects_nothing_is_not_remembered(plane: DataPlane, selections: list[Selector]) -> None:
    chooser = Chooser(plane.consumer)
    for _ in range(2):
        assert chooser.select(Selector("$1$3$unknown", None, None)) is None
    with pytest.raises(InvalidRequest):
        chooser.select(Selector(None, "nonsense", None))
    assert len(selections) == 3


async def test_what_is_remembered_is_bounded(plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choosing, "_MAX_REMEMBERED", 2)
    chooser = Chooser(plane.consumer)
    for number in range(5):
        assert chooser.select(Selector(None, None, f"klant.{number}")) is not None
    assert len(chooser._selected) == 2
