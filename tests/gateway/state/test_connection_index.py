"""Connections by Outway and Service, against a list of Contracts that is looked through."""

from hypothesis import given, settings
from hypothesis import strategies as st

from certs.identity import PeerId
from gateway.fsc.grants import ConnectionGrant
from gateway.fsc.names import ServiceName
from gateway.state.connection_index import ConnectionIndex
from gateway.state.contracts import ContractRecord
from tests.gateway.material import (
    CONSUMER,
    ECHO,
    PROVIDER,
    STRANGER,
    connection_grant,
    delegated_grant,
    signed_contract,
)

NOW = 1_800_000_000
NAMES = (ECHO, ServiceName("other"))
RECORDS = tuple(
    signed_contract(*grants, now=NOW + later)
    for later in (0, 0, 1)
    for grants in (
        (connection_grant(),),
        (connection_grant(name=NAMES[1]), connection_grant(), delegated_grant()),
        (connection_grant(), connection_grant()),
    )
)


def looked_through(known: list[ContractRecord], outway: PeerId, provider: PeerId, name: str) -> list[str]:
    newest_first = sorted(known, key=lambda one: (one.content.created_at, one.content_hash), reverse=True)
    return [
        grant_hash
        for record in newest_first
        for grant, grant_hash in zip(record.content.grants, record.grant_hashes, strict=True)
        if isinstance(grant, ConnectionGrant)
        and (grant.outway_peer_id, grant.service_peer_id, grant.service_name) == (outway, provider, name)
    ]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, len(RECORDS) - 1), max_size=20))
def test_it_knows_what_was_added_and_not_removed(steps: list[int]) -> None:
    index, known = ConnectionIndex(), list[ContractRecord]()
    for step in steps:
        record = RECORDS[step]
        if record in known:
            known.remove(record)
            index.remove(record)
        else:
            known.append(record)
            index.add(record)
    for outway, name in ((CONSUMER, ECHO), (CONSUMER, NAMES[1]), (STRANGER, ECHO)):
        held = list(index.of(outway, PROVIDER, name))
        assert [one.grant_hash for one in held] == looked_through(known, outway, PROVIDER, name)
        assert all(one.grant in one.record.content.grants for one in held)
    offered = {(PROVIDER, name) for name in NAMES if looked_through(known, CONSUMER, PROVIDER, name)}
    assert index.services_of(CONSUMER) == sorted(offered)
    assert index.services_of(STRANGER) == []


def test_what_is_looked_for_need_not_exist() -> None:
    assert list(ConnectionIndex().of(CONSUMER, PROVIDER, "any / thing")) == []
