"""What Peers show when they are asked for a missing signature: only what verifies is taken, whatever else comes."""

import json
import time
from collections.abc import Callable

import pytest

from gateway.fsc.jcs import JsonObject
from tests.e2e.federation import eventually
from tests.gateway.harness import PROVIDER, ForeignPeer, delegated_connection
from tests.hostile.forging import FORGERIES
from tests.hostile.stage import Stage, content_for, sign

pytestmark = pytest.mark.timeout(90)

ASKED_WITHIN_S = 30.0
"""The first question comes 10 s after the Contract did."""
LATER_S = 4.0
CONTRACTS = "/v1/contracts"


def page(content: JsonObject, *signatures: tuple[str, str], cursor: object = "") -> bytes:
    """An answer with this Contract and these accept signatures."""
    shown = {"content": content, "signatures": {"accept": dict(signatures), "reject": {}, "revoke": {}}}
    return json.dumps({"contracts": [shown], "pagination": {"next_cursor": cursor}}).encode()


def with_forgery(name: str) -> Callable[[ForeignPeer, JsonObject], bytes]:
    """An answer with a forged signature of whoever answers."""
    return lambda peer, content: page(content, (peer.peer_id, FORGERIES[name][0](peer, content)))


def with_another_content(peer: ForeignPeer, content: JsonObject) -> bytes:
    """A true signature, over a content that says something else."""
    other = {**content, "validity": {**content["validity"], "not_after": content["validity"]["not_after"] + 1}}
    return page(other, (peer.peer_id, sign(peer, other)))


def in_the_name_of_another(peer: ForeignPeer, content: JsonObject) -> bytes:
    """A true signature of whoever answers, given out as that of the program itself."""
    return page(content, (PROVIDER, sign(peer, content)))


LIES: dict[str, Callable[[ForeignPeer, JsonObject], bytes]] = {
    "nothing": lambda peer, content: b"",
    "a page": lambda peer, content: b"<html></html>",
    "null": lambda peer, content: b"null",
    "contracts null": lambda peer, content: b'{"contracts":null,"pagination":null}',
    "contracts of anything": lambda peer, content: b'{"contracts":[1,null,[],{}],"pagination":{"next_cursor":5}}',
    "signatures of anything": lambda peer, content: json.dumps(
        {"contracts": [{"content": content, "signatures": {"accept": {peer.peer_id: {}}, "reject": 5}}]}
    ).encode(),
    "deep": lambda peer, content: b'{"contracts":' + b"[" * 100_000,
    "more than the limit": lambda peer, content: b" " * 11_000_000,
    "100,000 contracts": lambda peer, content: b'{"contracts":[' + b"{}," * 99_999 + b"{}]}",
    "pages for ever": lambda peer, content: page(content, cursor="again"),
    "another content": with_another_content,
    "in the name of another": in_the_name_of_another,
    **{f"signature: {name}": with_forgery(name) for name in ("alg none, unsigned", "another key", "type revoke")},
}


def test_a_peer_that_lies_when_it_is_asked_is_not_believed(stage: Stage) -> None:
    submitter = stage.peer()
    liars: dict[str, tuple[ForeignPeer, JsonObject]] = {}
    for name, lie in LIES.items():
        liar = stage.peer()
        content = content_for(
            submitter,
            delegated_connection(submitter.pair, submitter.peer_id, PROVIDER, on_behalf_of=liar.peer_id),
        )
        liar.pages[CONTRACTS] = lie(liar, content)
        announced = stage.call(liar, "PUT", "/announce", headers={"Fsc-Manager-Address": liar.address})
        assert announced.status == 200
        assert stage.submit(submitter, content, sign(submitter, content)).status == 201
        liars[name] = (liar, content)

    def all_asked() -> bool | None:
        asked = [any(one.path == CONTRACTS for one in liar.received) for liar, _ in liars.values()]
        return True if all(asked) else None

    with stage.bounded_memory(300_000_000):
        eventually("the program to ask", all_asked, patience_s=ASKED_WITHIN_S)
        time.sleep(LATER_S)
    for name, (liar, content) in liars.items():
        [held] = stage.held(liar)
        assert held["content"] == content, name
        assert set(held["signatures"]["accept"]) == {submitter.peer_id}, name
        assert not held["signatures"].get("reject"), name
        assert not held["signatures"].get("revoke"), name
        assert len(liar.received) < 50, name
