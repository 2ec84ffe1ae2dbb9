from dataclasses import replace

import pytest

from gateway.fsc.logrecord import Direction
from gateway.fsc.names import GrantHash
from gateway.fsc.token import Authorization
from gateway.inway import known_tokens
from gateway.inway.known_tokens import KnownToken, KnownTokens, Passage, validity
from gateway.relay.upstream import Upstream
from tests.gateway.dataplane import DataPlane
from tests.gateway.material import CONSUMER, STRANGER, key_pair, valid_claims


class _Nowhere:
    """Stands for what is behind an Inway; nothing is sent in these tests."""

    async def send(self, *_: object) -> object:
        raise AssertionError


def nowhere() -> Upstream:
    upstream: Upstream = _Nowhere()  # type: ignore[assignment]
    return upstream


def authorization(plane: DataPlane, **changes: object) -> Authorization:
    claims = valid_claims(plane.contract, audience=plane.provider.tenant.inway_address, now=plane.clock.now())
    return Authorization(replace(claims, **changes))  # type: ignore[arg-type]


def passage(plane: DataPlane, claims: Authorization) -> Passage:
    peer = plane.provider
    prepared = peer.log.prepare(claims, Direction.INCOMING)
    contract = peer.contracts.view.by_grant(claims.grant_hash)
    assert contract is not None
    return Passage(
        peer.tenant, contract, claims.grant_hash, claims.service_name, claims.properties, prepared, nowhere()
    )


def known(plane: DataPlane) -> KnownToken:
    claims = authorization(plane)
    opened = passage(plane, claims)
    valid_from, valid_until = validity(claims, opened.contract)
    return KnownToken(claims, key_pair(CONSUMER).thumbprint, valid_from, valid_until, opened)


async def test_a_token_holds_as_long_as_nothing_changes(plane: DataPlane) -> None:
    token, peer, whose = known(plane), plane.provider, key_pair(CONSUMER).thumbprint
    assert token.still_holds(peer, whose, plane.clock.now())
    assert token.still_holds(peer, whose, token.authorization.expires_at - 1)
    assert not token.still_holds(peer, whose, token.authorization.expires_at)
    assert not token.still_holds(peer, whose, token.valid_from - 1)
    assert not token.still_holds(peer, key_pair(STRANGER).thumbprint, plane.clock.now())


async def test_a_revoked_contract_ends_it_at_once(plane: DataPlane) -> None:
    token = known(plane)
    await plane.revoke(plane.contract, at=[plane.provider])
    assert not token.still_holds(plane.provider, key_pair(CONSUMER).thumbprint, plane.clock.now())


async def test_a_reload_ends_it(plane: DataPlane) -> None:
    token = known(plane)
    plane.provider.tenant = replace(plane.provider.tenant, services={})
    assert not token.still_holds(plane.provider, key_pair(CONSUMER).thumbprint, plane.clock.now())


async def test_a_view_that_may_be_behind_is_not_relied_on(plane: DataPlane) -> None:
    token = known(plane)
    plane.provider.contracts.is_current = False
    assert not token.still_holds(plane.provider, key_pair(CONSUMER).thumbprint, plane.clock.now())


async def test_the_contract_may_end_before_the_token(plane: DataPlane) -> None:
    far = authorization(plane, expires_at=plane.contract.content.not_after + 1000)
    contract = plane.provider.contracts.view.by_grant(plane.grant_hash)
    assert contract is not None
    assert validity(far, contract) == (max(far.not_before, contract.content.not_before), contract.content.not_after)


async def test_tokens_of_one_grant_share_where_they_lead(plane: DataPlane) -> None:
    tokens, claims, peer = KnownTokens(), authorization(plane), plane.provider
    assert tokens.passage(peer, claims) is None
    opened = passage(plane, claims)
    tokens.open_passage(opened)
    assert tokens.passage(peer, claims) is opened
    assert tokens.passage(peer, authorization(plane, properties={"a": 1})) is None
    assert tokens.passage(peer, authorization(plane, grant_hash=GrantHash("$1$3$dW5rbm93bg"))) is None
    await plane.revoke(plane.contract, at=[peer])
    assert tokens.passage(peer, claims) is None


async def test_tokens_are_bounded_in_number_and_bytes(plane: DataPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known_tokens, "MAX_TOKENS", 3)
    monkeypatch.setattr(known_tokens, "MAX_BYTES", 100)
    tokens, token = KnownTokens(), known(plane)
    for number in range(5):
        tokens.put(b"%d" % number, token)
    assert [tokens.get(b"%d" % number) is token for number in range(5)] == [False, False, True, True, True]
    tokens.put(b"x" * 99, token)
    assert tokens.get(b"4") is token
    assert tokens.get(b"3") is None
    tokens.put(b"4", token)  # the same again counts once
    assert tokens.get(b"x" * 99) is token
