"""What a person is told about a Contract: everything that is in it, and what is unusual about it."""

from typing import Any

import pytest

from klantenregister.contract_text import characters, description, review, short, what

SERVICE = {"peer_id": "2", "name": "brp"}
CONTRACT: dict[str, Any] = {
    "content_hash": "$1$1$abc",
    "state": "VALID",
    "not_before": 0,
    "not_after": 10 * 86_400,
    "created_at": 0,
    "hash_profile": "fsc-2.0",
    "peer_ids": ["1", "2", "3"],
    "peer_names": {"1": "One", "2": "Two"},
    "grants": [
        {
            "grant_hash": "$1$4$x",
            "data": {
                "outway": {"peer_id": "1"},
                "service": {**SERVICE, "delegator": {"peer_id": "4"}},
                "delegator": {"peer_id": "3"},
                "properties": {"a": 1},
            },
        },
        {"grant_hash": "$1$2$y", "data": {"directory": {"peer_id": "9"}, "service": SERVICE}},
    ],
    "signatures": {"accept": ["1", "2"], "reject": [], "revoke": []},
    "missing_accepts": [],
    "deliveries": [
        {"peer_id": "3", "action": "submit", "attempts": 0, "next_at": 1, "last_error": ""},
        {"peer_id": "2", "action": "accept", "attempts": 2, "next_at": 1, "last_error": "refused"},
    ],
    "made_for": "connection brp",
    "remark": "by an operator",
    "keys": [
        {"peer_id": "1", "public_key_thumbprint": "abcd", "whose": "our own key"},
        {"peer_id": "1", "domain_name": "outway.example.test", "whose": "any certificate"},
    ],
    "warnings": ["it has 2 grants"],
}


def test_a_short_hash_never_looks_like_an_option() -> None:
    assert short("$1$1$--Abcdefghijklmnop") == "Abcdefghijkl"
    assert characters("$1$1$a-b") == "a-b"


def test_a_description_tells_what_is_still_to_be_delivered_and_on_whose_behalf() -> None:
    lines = description(CONTRACT)

    assert "Valid      1970-01-01 00:00:00Z until 1970-01-11 00:00:00Z (10 days)" in lines
    assert "Grant      1 may use 2/brp (offered on behalf of 4) on behalf of 3" in lines
    assert '           properties: {"a": 1}' in lines
    assert "Grant      publish 2/brp at 9" in lines
    assert "Accept     1, 2" in lines
    assert "Delivering submit to 3: attempt 1" in lines
    assert "Delivering accept to 2: attempt 3, last: refused" in lines
    assert "Made for   connection brp" in lines
    assert "Remark     by an operator" in lines
    assert not any(line.startswith(("Reject", "Revoke", "Waits")) for line in lines)
    assert what(CONTRACT).count(";") == 1


@pytest.mark.parametrize(("state", "waits"), [("PROPOSED", True), ("REJECTED", False), ("EXPIRED", False)])
def test_only_what_can_still_be_accepted_waits_for_somebody(state: str, waits: bool) -> None:
    lines = description({**CONTRACT, "state": state, "missing_accepts": ["3"]})
    assert ("Waits for  accept of 3" in lines) is waits


@pytest.mark.parametrize("draft", [False, True])
def test_a_review_adds_keys_and_warnings_for_a_draft_too(draft: bool) -> None:
    contract = CONTRACT
    if draft:
        grants = [{"data": grant["data"]} for grant in CONTRACT["grants"]]
        kept = ("not_before", "not_after", "created_at", "hash_profile", "peer_ids", "peer_names", "keys", "warnings")
        contract = {**{name: CONTRACT[name] for name in kept}, "grants": grants}
    lines = review(contract)
    assert lines[0] == ("New contract" if draft else "Contract   $1$1$abc")
    assert lines[-3:] == [
        "Key        abcd: our own key",
        "Key        domain name outway.example.test: any certificate",
        "WARNING    it has 2 grants",
    ]
    peers = lines.index("Peers      1 One")
    assert lines[peers + 1 : peers + 3] == ["           2 Two", "           3 (unknown to us)"]
    assert '           properties: {"a": 1}' in lines
    assert ("           $1$4$x" in lines) is not draft
