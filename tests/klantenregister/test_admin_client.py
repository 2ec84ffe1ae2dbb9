"""`klantenregister.admin_client`: what a person reads when the installation does not answer, or says no."""

import argparse
import asyncio
import contextlib
import json
import re
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from klantenregister.admin_client import AdminClient, add_options, client_of
from klantenregister.errors import Failed, WrongUsage
from tests.config.samples import document, load, other_tenant, tenant, write
from tests.klantenregister.running import Place, serving


def client(folder: Path, *tenants: dict[str, Any]) -> AdminClient:
    value = document(*tenants, listen={"admin": "unix:admin.sock"})
    return AdminClient(load(folder, value))


@contextlib.asynccontextmanager
async def answering(folder: Path, raw: bytes) -> AsyncIterator[list[bytes]]:
    """Something on the admin socket that answers `raw` to every request; yields the requests."""
    requests: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        requests.append(head)
        # The body comes apart from the head: who hangs up before it came breaks the pipe.
        length = re.search(rb"Content-Length: (\d+)", head)
        await reader.readexactly(0 if length is None else int(length[1]))
        writer.write(raw)
        await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(serve, folder / "admin.sock"):
        yield requests


async def refusal(folder: Path) -> str:
    with pytest.raises(Failed) as refused:
        await asyncio.to_thread(client(folder).call, "GET", "/tenants")
    return str(refused.value)


# -- nobody there


async def test_no_socket_is_told_with_the_remedy(tmp_path: Path) -> None:
    told = await refusal(tmp_path)

    assert str(tmp_path / "admin.sock") in told
    assert "No such file" in told
    assert "klantenregister serve" in told


async def test_a_socket_of_a_program_that_was_killed_is_told(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "admin.sock"))

    assert "Connection refused" in await refusal(tmp_path)


async def test_a_program_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("klantenregister.admin_client._TIMEOUT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "admin.sock"))
        silent.listen()

        assert "(timed out)" in await refusal(tmp_path)


# -- somebody else there


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"", "no running installation answers"),
        (b"SSH-2.0-OpenSSH\r\n", "no running installation answers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{", "no running installation answers"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>", "is not this program"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n\xff\xfe", "is not this program"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n[]", "status 500"),
        (b"HTTP/1.1 500 X\r\nContent-Length: 2\r\n\r\n{}", "status 500"),
        (b"HTTP/1.1 503 X\r\nContent-Length: 0\r\n\r\n", "status 503"),
        (b'HTTP/1.1 409 X\r\nContent-Length: 20\r\n\r\n{"detail": "because"}'[:-1] + b"}", "because"),
    ],
)
async def test_an_answer_that_is_no_answer_is_told(tmp_path: Path, raw: bytes, told: str) -> None:
    raw = raw.replace(b"Content-Length: 20", b"Content-Length: 21")
    async with answering(tmp_path, raw):
        assert told in await refusal(tmp_path)


# -- what is sent


async def test_path_query_and_body_are_sent_as_they_are_meant(tmp_path: Path) -> None:
    async with answering(tmp_path, b"HTTP/1.1 204 No Content\r\n\r\n") as requests:
        call = client(tmp_path).call
        assert await asyncio.to_thread(call, "GET", "/logs", service_name="a&b=ç", cursor=None) is None
        await asyncio.to_thread(call, "POST", "/accounts", {"name": "ç"})

    assert requests[0].startswith(b"GET /admin/v1/logs?service_name=a%26b%3D%C3%A7 HTTP/1.1\r\n")
    assert requests[1].startswith(b"POST /admin/v1/accounts HTTP/1.1\r\n")
    assert f"Content-Length: {len(json.dumps({'name': 'ç'}))}\r\n".encode() in requests[1]


def test_the_only_tenant_needs_no_name_and_one_of_many_does(tmp_path: Path) -> None:
    assert client(tmp_path, tenant()).tenant_path(None, "/peers") == "/tenants/voorbeeld/peers"
    many = client(tmp_path, tenant(), other_tenant())
    assert many.tenant_path("ander") == "/tenants/ander"
    assert many.tenant_path("a/../b", "/x") == "/tenants/a%2F..%2Fb/x"
    with pytest.raises(WrongUsage, match="--tenant: voorbeeld, ander"):
        many.tenant_path(None)


def test_without_tenants_there_is_none_to_mean(tmp_path: Path) -> None:
    settings = load(tmp_path, {**document(), "tenants": []})

    with pytest.raises(WrongUsage, match="there is none"):
        AdminClient(settings).tenant_path(None)


# -- options


def test_the_options_mean_an_installation(tmp_path: Path) -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    arguments = parser.parse_args([])
    assert (str(arguments.config), arguments.json, arguments.tenant) == ("klantenregister.yaml", False, None)

    file = write(tmp_path, document())
    assert client_of(parser.parse_args(["--config", str(file)])).tenant_path(None) == "/tenants/voorbeeld"
    with pytest.raises(WrongUsage):
        client_of(parser.parse_args(["--config", str(tmp_path / "nothing.yaml")]))


async def test_it_talks_to_a_real_installation(place: Place) -> None:
    settings = place.settings()
    async with serving(settings):
        one = AdminClient(settings)
        found = await asyncio.to_thread(one.call, "GET", "/tenants")
        with pytest.raises(Failed, match="limit"):
            await asyncio.to_thread(one.call, "GET", one.tenant_path(None, "/peers"), limit="0")

    assert [tenant["slug"] for tenant in found["tenants"]] == ["voorbeeld"]
