"""What a person sees of Contracts and tenants."""

from gateway.admin.views import contract_view, decision_view, tenant_view
from gateway.fsc.contract import parse_contract_content
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.fsc.signature import SignatureType
from gateway.manager.desired import Action, Decision
from gateway.state.contracts import ContractRecord, DeliveryAction
from gateway.state.declared import Wanted
from tests.gateway.harness import (
    CONSUMER,
    OTHER,
    PROVIDER,
    connection,
    delegated_connection,
    key_pair,
    make_content,
    make_tenant,
)

NOW = 1_800_000_000
PAIR = key_pair(CONSUMER)


def test_a_contract_shows_what_is_needed_before_signing_it() -> None:
    grants = (
        connection(PAIR, CONSUMER, PROVIDER),
        delegated_connection(PAIR, CONSUMER, PROVIDER, on_behalf_of=OTHER),
    )
    content = make_content(*grants, now=NOW)
    parsed = parse_contract_content(content)
    hashes = compute_all(parsed, (HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES))
    record = ContractRecord(parsed, hashes, remark="why").signed_by_us(
        SignatureType.ACCEPT, CONSUMER, "secret.jws.here", action=DeliveryAction.SUBMIT, now=NOW
    )
    view = contract_view(record, now=NOW)
    assert (view["state"], view["remark"], view["hash_profile"]) == ("PROPOSED", "why", "fsc-2.0")
    assert view["content_hash"] == hashes[0].content_hash
    assert [one["grant_hash"] for one in view["grants"]] == list(hashes[0].grant_hashes)
    assert [one["data"] for one in view["grants"]] == [one["data"] for one in content["grants"]]
    assert view["peer_ids"] == sorted([CONSUMER, PROVIDER, OTHER])
    assert view["signatures"] == {"accept": [CONSUMER], "reject": [], "revoke": []}
    assert view["missing_accepts"] == sorted([PROVIDER, OTHER])
    assert view["deliveries"][0] == {
        "peer_id": PROVIDER,
        "action": "submit",
        "attempts": 0,
        "next_at": NOW,
        "last_error": "",
    }
    assert (view["not_before"], view["not_after"]) == (record.content.not_before, record.content.not_after)
    assert "secret.jws.here" not in str(view)


def test_the_state_is_that_of_the_moment() -> None:
    parsed = parse_contract_content(make_content(connection(PAIR, CONSUMER, PROVIDER), now=NOW))
    record = ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)))
    assert contract_view(record, now=record.content.not_after)["state"] == "EXPIRED"


def test_a_tenant_in_short() -> None:
    tenant = make_tenant(PROVIDER, key_pairs=(PAIR,))
    assert tenant_view(tenant) == {
        "slug": tenant.slug,
        "peer_id": PROVIDER,
        "name": f"Peer {PROVIDER}",
        "directory": False,
        "manager_address": tenant.manager_address,
        "inway_address": tenant.inway_address,
        "group_id": "fsc.example.test",
    }


def test_a_decision_tells_what_there_is_and_what_is_done() -> None:
    grant = connection(PAIR, CONSUMER, PROVIDER)
    parsed = parse_contract_content(make_content(grant, now=NOW))
    record = ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)), made_for="connection brp")
    accepted = record.with_signature(SignatureType.ACCEPT, CONSUMER, "secret.jws.here")
    refused = accepted.with_signature(SignatureType.REJECT, PROVIDER, "secret.jws.here")
    wanted = Wanted("connection brp", grant, 60)
    view = decision_view(
        Decision("connection brp", Action.REFUSED, wanted, refused, outgoing=(accepted,), duplicates=(accepted,)),
        now=NOW,
    )
    assert (view["declaration"], view["action"], view["settled"], view["in_use"]) == (
        "connection brp",
        "refused",
        False,
        False,
    )
    assert view["contract"] == {
        "content_hash": record.content_hash,
        "state": "REJECTED",
        "not_after": record.content.not_after,
        "waits_for": [PROVIDER],
        "ended_by": [PROVIDER],
    }
    assert view["grant"]["service"]["name"] == grant.service_name
    assert [one["ended_by"] for one in (*view["revoked_later"], *view["duplicates"])] == [[], []]
    assert "secret.jws.here" not in str(view)
    gone = decision_view(Decision("connection brp", Action.REVOKE, ended=(accepted,)), now=NOW)
    assert (gone["grant"], gone["contract"], len(gone["revoked"])) == (None, None, 1)
