"""A right submission with something changed, over and over: refused in the shape of the errors, and never kept."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import FscError
from gateway.fsc.jcs import JsonObject
from tests.gateway.harness import Answer, ForeignPeer, grant_hash_of, signed
from tests.hostile.stage import Stage, content_for, now, sign, submission

junk = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.lists(st.none() | st.text(max_size=3), max_size=3),
    st.dictionaries(st.text(max_size=5), st.none() | st.integers(), max_size=3),
    st.sampled_from(
        ["", "x" * 300, "\0", "$1$1$AAAA", 2**53, -1, 10**18, 1e300, [[[]]], {"type": "GRANT_TYPE_SERVICE_PUBLICATION"}]
    ),
).map(copy.deepcopy)  # a later change may be to what an earlier one put there


@pytest.fixture(scope="module")
def peer(stage: Stage) -> ForeignPeer:
    """The Peer that submits; the program has its keys, so that no example waits for them."""
    somebody = stage.peer()
    stage.agreed(somebody)
    return somebody


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every value within `value`."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in items:
        yield (*path, step)
        yield from places(inner, (*path, step))


def mutate(draw: st.DrawFn, value: Any) -> None:
    """Change `value` somewhere: a member or item replaced, removed, added or doubled."""
    known = sorted(places(value), key=str)
    if not known:
        return
    path = draw(st.sampled_from(known))
    holder = value
    for step in path[:-1]:
        holder = holder[step]
    match draw(st.sampled_from(["replace", "remove", "add", "move"])):
        case "replace":
            holder[path[-1]] = draw(junk)
        case "remove":
            del holder[path[-1]]
        case "add" if isinstance(holder, dict):
            holder[draw(st.text(max_size=8))] = draw(junk)
        case "add":
            holder.append(draw(junk))
        case _:
            holder[path[-1]] = [holder[path[-1]]]


@st.composite
def mutations(draw: st.DrawFn) -> Callable[[Any], None]:
    """What changes a JSON value in place, in one to three places."""

    def change(value: Any) -> None:
        for _ in range(draw(st.integers(1, 3))):
            mutate(draw, value)

    return change


def check_answer(answer: Answer) -> None:
    """A refusal that is the sender's fault, in the shape of the standard."""
    assert answer.status in (400, 413, 415, 422), answer.text
    assert answer.code.startswith("ERROR_CODE_")


@given(data=st.data())
def test_a_changed_submission_is_never_taken_for_the_right_one(
    stage: Stage, peer: ForeignPeer, data: st.DataObject
) -> None:
    content = content_for(peer)
    right = {"contract_content": content, "signature": sign(peer, content)}
    changed = copy.deepcopy(right)
    data.draw(mutations())(changed)
    answer = stage.post(peer, json.dumps(changed).encode())
    held = stage.held(peer, grant_hash_of(content))
    if answer.status == 201:
        # Only what means the same: members beside the two, or the number 1.0 for 1.
        assert {name: changed[name] for name in right} == right
        assert [one["content"] for one in held] == [content]
    else:
        check_answer(answer)
        assert held == []


@given(data=st.data())
def test_a_changed_content_that_is_truly_signed_is_judged_by_the_rules(
    stage: Stage, peer: ForeignPeer, data: st.DataObject
) -> None:
    content = content_for(peer)
    data.draw(mutations())(content)
    answer = stage.post(peer, submission(content, _signature(peer, content)))
    if answer.status == 201:
        [held] = stage.held(peer, grant_hash_of(content))
        assert held["content"] == content
    else:
        check_answer(answer)


def _signature(peer: ForeignPeer, content: JsonObject) -> str:
    """A true signature over the hash that `content` has, or over another when it has none."""
    try:
        return sign(peer, content)
    except FscError:
        return signed(peer.pair, content, at=now(), over="$1$1$" + "A" * 86)


@given(data=st.data())
def test_changed_bytes_are_never_taken_for_the_right_ones(stage: Stage, peer: ForeignPeer, data: st.DataObject) -> None:
    content = content_for(peer)
    signature = sign(peer, content)
    body = bytearray(submission(content, signature))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(body) - 1)))
        match data.draw(st.sampled_from(["flip", "insert", "delete", "cut", "repeat"])):
            case "flip" if body:
                body[at] ^= 1 << data.draw(st.integers(0, 7))
            case "insert":
                body[at:at] = data.draw(st.binary(min_size=1, max_size=4))
            case "delete":
                del body[at : at + data.draw(st.integers(1, 20))]
            case "cut":
                del body[at + 1 :]
            case _:
                body[at:at] = body[at : at + 30]
    answer = stage.post(peer, bytes(body))
    held = stage.held(peer, grant_hash_of(content))
    if answer.status == 201:
        read = json.loads(bytes(body))
        assert (read["contract_content"], read["signature"]) == (content, signature)
        assert [one["content"] for one in held] == [content]
    else:
        check_answer(answer)
        assert held == []
