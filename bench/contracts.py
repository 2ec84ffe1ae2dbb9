"""The Contracts of a bench: connection Grants of CONSUMER for PROVIDER's Service, made, signed and seeded."""

import asyncio
import json
from uuid import uuid4

from bench.site import CONSUMER, GROUP, PROVIDER, SERVICE, Site
from certs.custody import KeyPair
from clock import SystemClock
from gateway.fsc.build import build_content
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.grants import Outway, PublicKeyIdentification, Service, ServiceConnectionGrant
from gateway.fsc.hashes import compute_hashes
from gateway.fsc.jcs import JsonObject
from gateway.fsc.names import GroupId, ServiceName
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignaturePayload, SignatureType, sign_contract
from gateway.state import contract_store
from gateway.state.contracts import ContractRecord
from storage.sqlite_documents import SqliteDocuments

_VALID_S = 300 * 86_400
_AT_ONCE = 500


def make_content(outway: KeyPair, *, age_s: int = 60) -> JsonObject:
    """A Contract with one connection Grant, made `age_s` ago."""
    grant = ServiceConnectionGrant(
        outway=Outway(
            peer_id=CONSUMER.peer_id,
            identification=PublicKeyIdentification(public_key_thumbprint=outway.public_key_thumbprint),
        ),
        service=Service(peer_id=PROVIDER.peer_id, name=ServiceName(SERVICE)),
    )
    begin = SystemClock().now() - age_s
    return build_content(
        iv=uuid4(),
        group_id=GroupId(GROUP),
        not_before=begin,
        not_after=begin + _VALID_S,
        grants=(grant,),
        created_at=begin,
        profile=HashProfile.FSC_2_0,
    )


def submission(pair: KeyPair) -> bytes:
    """The body with which CONSUMER submits a new Contract."""
    content = make_content(pair)
    jws = _record(content, pair).signatures[SignatureType.ACCEPT][CONSUMER.peer_id]
    return json.dumps({"contract_content": content, "signature": jws}).encode()


def seed(site: Site, count: int) -> list[str]:
    """Put `count` valid Contracts in the store of PROVIDER, which must not run; returns their Grant hashes."""
    return asyncio.run(_seed(site, count))


async def _seed(site: Site, count: int) -> list[str]:
    pair, own = site.pair(CONSUMER), site.pair(PROVIDER)
    records = [_record(make_content(pair, age_s=60 + place), pair) for place in range(count)]
    documents = SqliteDocuments(site.database)
    await documents.open(contract_store.COLLECTIONS)
    try:
        clock = SystemClock()
        store = contract_store.ContractStore(documents.for_tenant(PROVIDER.peer_id), clock.now)
        for start in range(0, count, _AT_ONCE):
            async with asyncio.TaskGroup() as tasks:
                for record in records[start : start + _AT_ONCE]:
                    tasks.create_task(store.create(_accepted(record, own)))
    finally:
        await documents.close()
    return [record.grant_hashes[0] for record in records]


def _record(content: JsonObject, pair: KeyPair) -> ContractRecord:
    """The Contract with CONSUMER's accept signature."""
    parsed = parse_contract_content(content)
    record = ContractRecord(parsed, (compute_hashes(parsed, HashProfile.FSC_2_0),))
    return record.with_signature(SignatureType.ACCEPT, CONSUMER.peer_id, _accept(record, pair))


def _accepted(record: ContractRecord, own: KeyPair) -> ContractRecord:
    return record.with_signature(SignatureType.ACCEPT, PROVIDER.peer_id, _accept(record, own))


def _accept(record: ContractRecord, pair: KeyPair) -> str:
    payload = SignaturePayload(record.content_hash, SignatureType.ACCEPT, SystemClock().now())
    return sign_contract(payload, pair.private_key, pair.thumbprint)
