"""A hosted Peer signs with the certificate that is newest now, and remembers it first."""

import pytest

from certs.errors import CertsError
from certs.identity import describe
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.hashes import compute_hashes
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType, parse_signature, verify_signature
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments
from tests.gateway.harness import (
    DAY_S,
    FOREIGN,
    PROVIDER,
    RULE,
    connection,
    federation,
    key_pair,
    make_content,
)


async def test_a_signature_says_what_was_asked_and_verifies() -> None:
    async with federation() as group:
        peer = (await group.host(PROVIDER)).peer
        parsed = parse_contract_content(
            make_content(connection(key_pair(FOREIGN), FOREIGN, PROVIDER), now=group.clock.now())
        )
        hashes = compute_hashes(parsed, HashProfile.FSC_2_0)
        for kind in SignatureType:
            unverified = parse_signature(await peer.sign(parsed, hashes, kind))
            payload = verify_signature(unverified, describe(peer.signing_pair().certificate, RULE))
            assert (payload.contract_content_hash, payload.type) == (hashes.content_hash, kind)
            assert payload.signed_at == group.clock.now()


async def test_the_certificate_is_kept_until_the_contract_ends() -> None:
    async with federation() as group:
        peer = (await group.host(PROVIDER)).peer
        content = make_content(
            connection(key_pair(FOREIGN), FOREIGN, PROVIDER), now=group.clock.now(), valid_s=5000 * DAY_S
        )
        parsed = parse_contract_content(content)
        await peer.sign(parsed, compute_hashes(parsed, HashProfile.FSC_2_0), SignatureType.ACCEPT)
        assert peer.certificates.published(parsed.content.not_after - 1) == [peer.signing_pair().chain]


async def test_no_signature_exists_before_its_certificate_is_kept() -> None:
    async with federation() as group:
        peer = (await group.host(PROVIDER)).peer
        documents = group.stores.documents
        assert isinstance(documents, MemoryDocuments)
        documents.available = False
        content = make_content(
            connection(key_pair(FOREIGN), FOREIGN, PROVIDER), now=group.clock.now(), valid_s=5000 * DAY_S
        )
        parsed = parse_contract_content(content)
        with pytest.raises(StoreUnavailable):
            await peer.sign(parsed, compute_hashes(parsed, HashProfile.FSC_2_0), SignatureType.ACCEPT)


async def test_without_a_valid_certificate_there_is_no_signature() -> None:
    async with federation() as group:
        peer = (await group.host(PROVIDER)).peer
        group.clock.advance(400 * DAY_S)
        with pytest.raises(CertsError, match="no certificate that is valid now"):
            peer.signing_pair()
