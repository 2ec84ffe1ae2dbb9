"""The servers of `make services` speak their protocols, told without a client library of ours or theirs."""

import asyncio
import struct
import uuid
from urllib.parse import urlsplit

import aiohttp
import pytest

from tests.service_urls import SERVICE_URLS

_OP_MSG = 2013
_STRING, _DOCUMENT, _ARRAY, _INT32 = 0x02, 0x03, 0x04, 0x10


async def _connect(service: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    address = urlsplit(SERVICE_URLS[service])
    return await asyncio.open_connection(address.hostname, address.port)


@pytest.mark.service("redis")
async def test_redis_answers_and_keeps_a_value() -> None:
    reader, writer = await _connect("redis")
    key = f"klantenregister:test:{uuid.uuid4()}"
    try:
        for command, answer in (
            ("PING", b"+PONG"),
            (f"SET {key} value EX 60", b"+OK"),
            (f"STRLEN {key}", b":5"),
            (f"DEL {key}", b":1"),
            ("GET", b"-ERR wrong number of arguments"),
        ):
            writer.write(command.encode() + b"\r\n")
            assert (await reader.readline()).startswith(answer)
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.service("couchdb")
async def test_couchdb_answers_and_refuses_a_stale_revision() -> None:
    database = f"{SERVICE_URLS['couchdb']}test-{uuid.uuid4()}"
    async with aiohttp.ClientSession(headers={"Accept": "application/json"}) as session:
        async with session.get(SERVICE_URLS["couchdb"]) as response:
            assert response.status == 200
            assert "version" in await response.json()
        async with session.put(database) as response:
            assert response.status == 201
        try:
            async with session.put(f"{database}/one", json={"n": 1}) as response:
                assert response.status == 201
                first = (await response.json())["rev"]
            async with session.put(f"{database}/one", json={"n": 2, "_rev": first}) as response:
                assert response.status == 201
            async with session.put(f"{database}/one", json={"n": 3, "_rev": first}) as response:
                assert response.status == 409
        finally:
            async with session.delete(database) as response:
                assert response.status == 200


@pytest.mark.service("mongodb")
async def test_mongodb_greets_with_a_protocol_version_that_drivers_accept() -> None:
    reply = await _mongodb_command(_int32("ismaster", 1) + _string("$db", "admin"))
    assert reply["ok"] == 1
    assert reply["ismaster"] is True
    assert _as_int(reply["maxWireVersion"]) >= 9  # MongoDB 4.4


@pytest.mark.service("mongodb")
async def test_mongodb_refuses_the_same_id_twice() -> None:
    database = f"test-{uuid.uuid4()}"
    document = _embedded(_DOCUMENT, "0", _string("_id", "one"))
    insert = _string("insert", "things") + _embedded(_ARRAY, "documents", document) + _string("$db", database)
    first = await _mongodb_command(insert)
    second = await _mongodb_command(insert)
    await _mongodb_command(_int32("dropDatabase", 1) + _string("$db", database))
    assert _as_int(first["n"]) == 1
    assert "writeErrors" not in first
    assert "writeErrors" in second


async def _mongodb_command(elements: bytes) -> dict[str, object]:
    body = _terminated(elements)
    message = struct.pack("<iiii", 16 + 4 + 1 + len(body), 1, 0, _OP_MSG) + struct.pack("<iB", 0, 0) + body
    reader, writer = await _connect("mongodb")
    try:
        writer.write(message)
        length, _, _, kind = struct.unpack("<iiii", await reader.readexactly(16))
        answer = await reader.readexactly(length - 16)
    finally:
        writer.close()
        await writer.wait_closed()
    assert kind == _OP_MSG
    return _top_level(answer[5:])


def _terminated(elements: bytes) -> bytes:
    return struct.pack("<i", len(elements) + 5) + elements + b"\0"


def _element(kind: int, name: str, value: bytes) -> bytes:
    return bytes([kind]) + name.encode() + b"\0" + value


def _int32(name: str, value: int) -> bytes:
    return _element(_INT32, name, struct.pack("<i", value))


def _string(name: str, value: str) -> bytes:
    return _element(_STRING, name, struct.pack("<i", len(value) + 1) + value.encode() + b"\0")


def _embedded(kind: int, name: str, elements: bytes) -> bytes:
    return _element(kind, name, _terminated(elements))


def _as_int(value: object) -> int:
    assert isinstance(value, int | float)
    return int(value)


def _top_level(document: bytes) -> dict[str, object]:
    """The members of a BSON document: numbers and truth values as values, everything else as its bytes."""
    members: dict[str, object] = {}
    at = 4
    while (kind := document[at]) != 0:
        end = document.index(0, at + 1)
        name, at = document[at + 1 : end].decode(), end + 1
        size, form = _value(kind, document, at)
        members[name] = struct.unpack_from(form, document, at)[0] if form else document[at : at + size]
        at += size
    return members


def _value(kind: int, document: bytes, at: int) -> tuple[int, str]:
    """How many bytes a BSON value of this kind has, and how `struct` reads it where it is a number."""
    fixed = {
        0x01: (8, "<d"),
        0x08: (1, "?"),
        0x09: (8, "<q"),
        0x10: (4, "<i"),
        0x12: (8, "<q"),
        0x07: (12, ""),
        0x0A: (0, ""),
    }
    if kind in fixed:
        return fixed[kind]
    (length,) = struct.unpack_from("<i", document, at)
    assert kind in (_STRING, _DOCUMENT, _ARRAY, 0x05), f"unexpected BSON type {kind:#x}"
    return {_STRING: 4 + length, 0x05: 5 + length}.get(kind, length), ""
