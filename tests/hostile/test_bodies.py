"""Bodies of Contracts that no honest Peer sends: JSON for two readers, too deep, too many, too large, too slow."""

import asyncio
import contextlib
import json
import zlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from tests.e2e.federation import PROVIDER as HOST
from tests.gateway.harness import Answer, ForeignPeer
from tests.gateway.wire import Message, Wire
from tests.gateway.wire import connection as wire_connection
from tests.hostile.stage import MAX_BODY_BYTES, Stage, content_for, sign, submission

T = TypeVar("T")

INVALID = (400, "ERROR_CODE_INVALID_REQUEST")
TOO_LARGE = (413, "ERROR_CODE_REQUEST_TOO_LARGE")
MEGABYTE = 1_000_000
GROWTH_BYTES = 200 * MEGABYTE
"""How much more memory a single hostile body of the largest size may take, at its worst moment."""


def with_member(peer: ForeignPeer, literal: bytes) -> bytes:
    """A submission that is right but for one property, which is this JSON text."""
    content = content_for(peer)
    content["grants"][0]["data"]["properties"] = {"member": "HERE"}
    return submission(content, "a.b.c").replace(b'"HERE"', literal)


@pytest.mark.parametrize(
    "literal",
    [
        b"1e400",
        b"-1e400",
        b"9007199254740992",
        b"-9007199254740992",
        b"9007199254740993.0",
        b"1e16",
        b"1" * 400,
        b"1" * 1_000_000,
        b"0." + b"0" * 1_000_000 + b"1",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"nan",
        b"01",
        b"1.",
        b".5",
        b"+1",
        b"0x10",
        b"1e",
        b"--1",
    ],
    ids=lambda literal: literal[:20].decode(),
)
def test_a_number_that_not_every_reader_reads_alike_is_refused(
    stage: Stage, attacker: ForeignPeer, literal: bytes
) -> None:
    assert stage.post(attacker, with_member(attacker, literal)).refusal == INVALID


@pytest.mark.parametrize("literal", ["0", "-0", "-0.0", "1E2", "1e-400", "0.1", "9007199254740991", "1.5e3", "4.5e-7"])
def test_a_number_that_has_one_value_is_hashed_as_that_value(stage: Stage, literal: str) -> None:
    peer = stage.peer()
    content = content_for(peer)
    properties = content["grants"][0]["data"]["properties"] = {"member": json.loads(literal)}
    signature = sign(peer, content)
    properties["member"] = "HERE"
    body = submission(content, signature).replace(b'"HERE"', literal.encode())
    assert stage.post(peer, body).status == 201
    [held] = stage.held(peer)
    assert held["content"]["grants"][0]["data"]["properties"]["member"] == float(literal)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b'{"contract_content":{},"contract_content":{},"signature":""}', INVALID),
        (b'{"contract_content":{"iv":"a","i\\u0076":"b"},"signature":"a.b.c"}', INVALID),
        (b'{"contract_content":{},"signature":"a.b.c"', INVALID),
        (b"\xef\xbb\xbf{}", INVALID),
        (b"\xff\xfe{\x00}\x00", INVALID),
        ('{"contract_content":{},"signature":"a.b.c"}'.encode("utf-16"), INVALID),
        (b'{"contract_content":"\xc3\x28","signature":"a.b.c"}', INVALID),
        (b'{"contract_content":"\xed\xa0\x80","signature":"a.b.c"}', INVALID),
        (b'{"contract_content":"\xc0\x80","signature":"a.b.c"}', INVALID),
        (b'{"contract_content":"\\ud800","signature":"a.b.c"}', INVALID),
        (b'{"contract_content":{"\\udc00":1},"signature":"a.b.c"}', INVALID),
        (b'{"contract_content":"\x00","signature":"a.b.c"}', INVALID),
        (b"", INVALID),
        (b"null", INVALID),
        (b"[]", INVALID),
        (b'"text"', INVALID),
        (b"{}", INVALID),
        (b'{"contract_content":null,"signature":"a.b.c"}', INVALID),
        (b'{"contract_content":[],"signature":"a.b.c"}', INVALID),
        (b'{"contract_content":{},"signature":"a.b.c"}{}', INVALID),
        (b'{"contract_content":{},"signature":null}', (422, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")),
        (b'{"contract_content":{},"signature":["a.b.c"]}', (422, "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED")),
        (b"--boundary\r\nContent-Disposition: form-data\r\n\r\n{}", INVALID),
    ],
)
def test_what_is_no_submission_is_refused(
    stage: Stage, attacker: ForeignPeer, text: bytes, code: tuple[int, str]
) -> None:
    assert stage.post(attacker, text).refusal == code


@pytest.mark.parametrize("place", ["iv", "group_id", "grants", "created_at"])
def test_a_name_that_is_there_twice_is_refused_wherever_it_is(stage: Stage, attacker: ForeignPeer, place: str) -> None:
    content = content_for(attacker)
    body = submission(content, sign(attacker, content))
    member = f'"{place}": {json.dumps(content[place])}'.encode()
    assert member in body
    assert stage.post(attacker, body.replace(member, member + b", " + member)).refusal == INVALID


@pytest.mark.parametrize(
    "media_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"]
)
def test_a_submission_of_another_media_type_is_refused(stage: Stage, attacker: ForeignPeer, media_type: str) -> None:
    content = content_for(attacker)
    answer = stage.submit(attacker, content, sign(attacker, content), Content_Type=media_type)
    assert answer.refusal == (415, "ERROR_CODE_UNSUPPORTED_MEDIA_TYPE")


# -- too deep, too many, too large


@pytest.mark.parametrize("depth", [65, 1_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")], ids=["lists", "objects"])
def test_deep_nesting_is_refused(
    stage: Stage, attacker: ForeignPeer, depth: int, opening: bytes, closing: bytes
) -> None:
    inner = opening * depth + b"1" + closing * depth
    assert stage.post(attacker, with_member(attacker, inner)).refusal == INVALID
    assert stage.post(attacker, with_member(attacker, opening * depth)).refusal == INVALID


def test_100_000_grants_are_refused(stage: Stage, attacker: ForeignPeer) -> None:
    content = content_for(attacker)
    content["grants"] = content["grants"] * 20_000
    assert stage.submit(attacker, content, "a.b.c").refusal == INVALID
    assert (
        stage.post(
            attacker,
            submission({**content, "grants": "HERE"}, "a.b.c").replace(b'"HERE"', b"[" + b"{}," * 99_999 + b"{}]"),
        ).refusal
        == INVALID
    )


@pytest.mark.parametrize(
    "filling",
    [b"{},", b"[],", b"1,", b'"",', b'"\xf0\x9f\x92\xa5",', b"1.5,", b'{"a":{"a":[]}},'],
    ids=["objects", "lists", "numbers", "texts", "emoji", "decimals", "nested"],
)
@pytest.mark.parametrize("megabytes", [5, 10])
def test_a_large_body_costs_memory_in_proportion(
    stage: Stage, attacker: ForeignPeer, filling: bytes, megabytes: int
) -> None:
    values = b"[" + filling * (megabytes * MEGABYTE // len(filling)) + b"0]"
    with stage.bounded_memory(GROWTH_BYTES):
        answer = stage.post(attacker, with_member(attacker, values))
    assert answer.status in (400, 422)
    assert answer.code.startswith("ERROR_CODE_")


def test_a_body_beyond_the_limit_is_refused_by_its_length(stage: Stage, attacker: ForeignPeer) -> None:
    assert stage.post(attacker, b"x" * (MAX_BODY_BYTES + 1)).refusal == TOO_LARGE


def test_a_body_of_the_largest_size_is_read(stage: Stage, attacker: ForeignPeer) -> None:
    assert stage.post(attacker, b" " * MAX_BODY_BYTES).refusal == INVALID


# -- by hand: without a length, slow, cut off


HEAD = b"POST /v1/contracts HTTP/1.1\r\nHost: manager\r\nContent-Type: application/json\r\n"


def by_hand(stage: Stage, peer: ForeignPeer, act: Callable[[Wire], Awaitable[T]]) -> T:
    """Whatever `act` does on a connection of its own to the Manager."""

    async def connected() -> T:
        async with wire_connection(stage.program.ports["manager"], tls=peer.context, name=HOST.manager_host) as wire:
            await wire.send(HEAD, f"Fsc-Manager-Address: {peer.address}\r\n".encode())
            return await act(wire)

    return stage.run(connected())


def test_a_body_without_a_length_is_cut_off_at_the_limit(stage: Stage, attacker: ForeignPeer) -> None:
    async def endless(wire: Wire) -> Message:
        await wire.send(b"Transfer-Encoding: chunked\r\n\r\n")
        chunk = b"%x\r\n" % MEGABYTE + b"x" * MEGABYTE + b"\r\n"
        for _ in range(11):
            await wire.send(chunk)
        return await wire.message()

    with stage.bounded_memory(GROWTH_BYTES):
        answer = by_hand(stage, attacker, endless)
    assert (answer.status, json.loads(answer.body)["code"]) == TOO_LARGE


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
        (b"Content-Length: -1\r\n\r\n", 400),
        (b"Content-Length: 0x10\r\n\r\n", 400),
        (b"Content-Length: 99999999999999999999999\r\n\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n", 400),
        (b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n", 400),
        (b"Transfer-Encoding: gzip\r\n\r\n", 400),
        (b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 400),
        (b"X: " + b"x" * 100_000 + b"\r\n\r\n", 431),
        (b"X\x00: y\r\n\r\n", 400),
        (b": y\r\n\r\n", 400),
    ],
)
def test_framing_that_two_readers_read_differently_is_refused(
    stage: Stage, attacker: ForeignPeer, lines: bytes, status: int
) -> None:
    async def ask(wire: Wire) -> Message:
        await wire.send(lines)
        return await wire.message()

    answer = by_hand(stage, attacker, ask)
    body = json.loads(answer.body)
    assert answer.status == status
    assert set(body) == {"message", "domain", "code"}
    assert answer.head.get("Fsc-Error-Code") == body["code"]


def test_a_compressed_body_is_bounded_by_what_it_becomes(stage: Stage, attacker: ForeignPeer) -> None:
    bomb = zlib.compress(b" " * (200 * MEGABYTE), level=9)

    async def send(wire: Wire) -> Message:
        await wire.send(b"Content-Encoding: deflate\r\nContent-Length: %d\r\n\r\n" % len(bomb), bomb)
        return await wire.message()

    with stage.bounded_memory(GROWTH_BYTES):
        answer = by_hand(stage, attacker, send)
    assert answer.status in (400, 413, 415)


def test_a_body_that_is_cut_off_stores_nothing(stage: Stage, attacker: ForeignPeer) -> None:
    content = content_for(attacker)
    body = submission(content, sign(attacker, content))

    async def cut(wire: Wire) -> None:
        await wire.send(b"Content-Length: %d\r\n\r\n" % len(body), body[:-1])
        wire.hang_up()

    by_hand(stage, attacker, cut)


def test_slow_bodies_keep_nobody_waiting(stage: Stage, attacker: ForeignPeer) -> None:
    async def many(first: Wire) -> list[Answer]:
        async with contextlib.AsyncExitStack() as opened:
            for _ in range(50):
                wire = await opened.enter_async_context(
                    wire_connection(stage.program.ports["manager"], tls=attacker.context, name=HOST.manager_host)
                )
                await wire.send(HEAD, b"Content-Length: 10000000\r\n\r\n", b"{")
            await first.send(b"Content-Length: 10000000\r\n\r\n", b"{")
            return [await attacker.call("GET", stage.url("/peer")) for _ in range(5)]

    assert [answer.status for answer in by_hand(stage, attacker, many)] == [200] * 5


def test_a_body_that_never_ends_is_given_up(stage: Stage, attacker: ForeignPeer) -> None:
    async def dripping(wire: Wire) -> Message:
        await wire.send(b"Content-Length: 10000000\r\n\r\n")
        async with asyncio.TaskGroup() as tasks:
            drip = tasks.create_task(_drip(wire))
            answer = await wire.message()
            drip.cancel()
        return answer

    answer = by_hand(stage, attacker, dripping)
    assert (answer.status, json.loads(answer.body)["code"]) == (408, "ERROR_CODE_REQUEST_TIMEOUT")


async def _drip(wire: Wire) -> None:
    while True:
        await wire.send(b"{")
        await asyncio.sleep(0.1)


def test_a_form_that_never_ends_is_given_up_as_oauth_has_it(stage: Stage, attacker: ForeignPeer) -> None:
    async def waiting() -> Message:
        async with wire_connection(
            stage.program.ports["manager"], tls=attacker.context, name=HOST.manager_host
        ) as wire:
            return await wire.ask(
                b"POST /v1/token HTTP/1.1\r\nHost: manager\r\nContent-Type: application/x-www-form-urlencoded\r\n",
                b"Content-Length: 100\r\n\r\nscope=",
            )

    answer = stage.run(waiting())
    assert (answer.status, json.loads(answer.body)["error"]) == (400, "invalid_request")
