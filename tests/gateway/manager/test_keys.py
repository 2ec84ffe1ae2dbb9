"""Where the certificate of a signer comes from, and when it is not believed."""

from typing import Any

import pytest

from gateway.errors import SignatureVerificationFailed
from gateway.fsc.jcs import JsonObject
from gateway.fsc.signature import SignatureType
from gateway.manager.keys import signing_certificate
from klantenregister.hosting import HostedPeer
from tests.gateway.harness import (
    CONSUMER,
    DAY_S,
    FOREIGN,
    OTHER,
    PROVIDER,
    Federation,
    ForeignPeer,
    connection,
    key_pair,
    make_content,
    signed,
    strange_authority,
)

NOT_VERIFIED = (422, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")
JWKS = "/v1/.well-known/jwks.json"


@pytest.fixture
async def hosted(group: Federation) -> HostedPeer:
    return await group.host(PROVIDER)


@pytest.fixture
async def foreign(group: Federation) -> ForeignPeer:
    return await group.foreign()


def content_of(foreign: ForeignPeer) -> JsonObject:
    return make_content(connection(foreign.pair, FOREIGN, PROVIDER), now=foreign.clock.now())


async def refusal(foreign: ForeignPeer, hosted: HostedPeer, pair: Any = None) -> tuple[int, str]:
    """The answer to a Contract signed with `pair`."""
    content = content_of(foreign)
    answer = await foreign.submit(hosted.peer, content, signed(pair or foreign.pair, content, at=1))
    return answer.refusal


def fetches(foreign: ForeignPeer) -> int:
    return sum(one.path == JWKS for one in foreign.received)


async def test_keys_are_fetched_once_and_kept(group: Federation, hosted: HostedPeer, foreign: ForeignPeer) -> None:
    for _ in range(3):
        assert (await foreign.submit(hosted.peer, content_of(foreign))).status == 201
    assert fetches(foreign) == 1
    again = await group.host_tenant(hosted.peer.tenant)
    assert (await foreign.submit(again.peer, content_of(foreign))).status == 201
    assert fetches(foreign) == 1


async def test_a_new_certificate_is_fetched_when_it_signs(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    await foreign.submit(hosted.peer, content_of(foreign))
    renewed = key_pair(FOREIGN)
    assert await refusal(foreign, hosted, renewed) == NOT_VERIFIED
    foreign.chains.append(renewed.chain)
    content = content_of(foreign)
    assert (await foreign.submit(hosted.peer, content, signed(renewed, content, at=1))).status == 201
    assert fetches(foreign) == 3


async def test_an_unknown_key_is_refused(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    assert await refusal(foreign, hosted, key_pair(FOREIGN)) == NOT_VERIFIED


async def test_the_key_of_another_peer_is_refused(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    pair = key_pair(OTHER)
    foreign.chains.append(pair.chain)
    assert await refusal(foreign, hosted, pair) == (422, "ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH")


async def test_an_untrusted_chain_is_refused(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    pair = key_pair(FOREIGN, issuer=strange_authority())
    foreign.chains.append(pair.chain)
    assert await refusal(foreign, hosted, pair) == NOT_VERIFIED


async def test_a_chain_without_its_intermediate_is_refused(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    foreign.chains[:] = [foreign.pair.chain[:1]]
    assert await refusal(foreign, hosted) == NOT_VERIFIED


async def test_an_expired_signer_is_refused(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    expired = key_pair(FOREIGN, not_before=foreign.clock.now() - 10 * DAY_S, days=1)
    foreign.chains.append(expired.chain)
    assert await refusal(foreign, hosted, expired) == NOT_VERIFIED


async def test_a_kept_certificate_is_judged_again_at_every_use(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    short = key_pair(FOREIGN, days=1)
    foreign.chains.append(short.chain)
    content = content_of(foreign)
    jws = signed(short, content, at=1)
    assert (await foreign.submit(hosted.peer, content, jws)).status == 201
    foreign.clock.advance(2 * DAY_S)
    assert (await foreign.put(hosted.peer, content, SignatureType.ACCEPT, jws)).status == 201  # as before: nothing new
    for kind in SignatureType:
        answer = await foreign.put(hosted.peer, content, kind, signed(short, content, kind, at=2))
        assert answer.refusal == NOT_VERIFIED


async def test_a_signature_with_another_key_than_it_names_is_refused(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    content = content_of(foreign)
    header, payload, _ = signed(foreign.pair, content, at=1).split(".")
    _, _, signature = signed(key_pair(FOREIGN), content, at=1).split(".")
    answer = await foreign.submit(hosted.peer, content, f"{header}.{payload}.{signature}")
    assert answer.refusal == NOT_VERIFIED


async def test_a_manager_that_does_not_answer_gives_no_keys(group: Federation, hosted: HostedPeer) -> None:
    silent = await group.foreign(listen=False)
    assert await refusal(silent, hosted) == NOT_VERIFIED


async def test_keys_are_taken_from_that_very_peer_only(
    group: Federation, hosted: HostedPeer, foreign: ForeignPeer
) -> None:
    """OTHER answers at the address and publishes the right key: it is not asked, because the handshake names it."""
    other = await group.foreign(OTHER)
    other.chains.append(foreign.pair.chain)
    foreign.address = other.address
    assert await refusal(foreign, hosted) == NOT_VERIFIED
    assert other.received == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"[]",
        b'{"keys": 5}',
        b'{"keys": [5, {}, {"x5c": 5}, {"x5c": []}, {"x5c": ["no base64!"]}, {"x5c": ["AAAA"]}]}',
        b'{"keys": ' + b"[" * 5000,
        b'{"keys": "' + b"a" * 11_000_000 + b'"}',
    ],
    ids=["nothing", "text", "list", "number", "odd keys", "deep", "too large"],
)
async def test_unreadable_keys_are_no_keys(hosted: HostedPeer, foreign: ForeignPeer, body: bytes) -> None:
    foreign.pages[JWKS] = body
    assert await refusal(foreign, hosted) == NOT_VERIFIED


async def test_our_own_expired_certificate_is_not_the_fault_of_the_caller(
    group: Federation, foreign: ForeignPeer
) -> None:
    """The connection outlived our certificate: keys cannot be fetched any more, which is told and no crash."""
    pairs = (key_pair(CONSUMER, host=f"manager-{CONSUMER}.localhost", days=1),)
    hosted = await group.host(CONSUMER, key_pairs=pairs)
    assert (await foreign.get(hosted.peer, "/peer")).status == 200
    group.clock.advance(2 * DAY_S)
    content = make_content(connection(foreign.pair, FOREIGN, CONSUMER), now=group.clock.now())
    assert (await foreign.submit(hosted.peer, content)).refusal == NOT_VERIFIED


# -- without a caller: signatures that were pulled


async def test_a_signer_that_did_not_say_where_it_is_is_found(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    await foreign.announce(hosted.peer)
    found = await signing_certificate(hosted.peer, FOREIGN, foreign.pair.thumbprint, None)
    assert (found.peer_id, found.certificate) == (FOREIGN, foreign.pair.certificate)
    assert fetches(foreign) == 1


async def test_a_signer_that_nobody_can_find_has_no_keys(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    with pytest.raises(SignatureVerificationFailed, match="cannot be fetched"):
        await signing_certificate(hosted.peer, FOREIGN, foreign.pair.thumbprint, None)


async def test_our_own_certificate_is_one_that_we_remember(hosted: HostedPeer, foreign: ForeignPeer) -> None:
    own = hosted.peer.signing_pair()
    assert (await signing_certificate(hosted.peer, PROVIDER, own.thumbprint, None)).certificate == own.certificate
    with pytest.raises(SignatureVerificationFailed, match="which we are"):
        await signing_certificate(hosted.peer, PROVIDER, foreign.pair.thumbprint, None)
