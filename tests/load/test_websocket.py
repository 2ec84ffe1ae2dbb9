"""WebSocket through Outway and Inway, and connections of which one direction ends before the other."""

import asyncio
import base64
import os
import socket

import pytest
from aiohttp import ClientSession, WSMsgType

from tests.load.scene import SERVICE, Scene
from tests.load.traffic import new_transaction_id

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


async def test_messages_of_every_size_come_back(scene: Scene) -> None:
    url = f"http://127.0.0.1:{scene.consumer.ports['outway']}/websocket"
    transaction_id = new_transaction_id()
    headers = {"Host": f"{SERVICE}.localhost", "Fsc-Transaction-Id": transaction_id}
    async with ClientSession() as session, session.ws_connect(url, headers=headers, max_msg_size=0) as connection:
        for length in (1, 125, 126, 65_535, 65_536, 1_000_000):
            body = os.urandom(length)
            await connection.send_bytes(body)
            answer = await connection.receive(timeout=30)
            assert (answer.type, answer.data) == (WSMsgType.BINARY, body)
        await asyncio.gather(*(connection.send_str(str(number)) for number in range(100)))
        assert [await connection.receive_str(timeout=30) for _ in range(100)] == [str(each) for each in range(100)]

    for program in scene.programs:
        assert transaction_id in await asyncio.to_thread(scene.logged, program)


async def test_who_has_finished_writing_still_reads_what_is_left(scene: Scene) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", scene.consumer.ports["outway"])
    key = base64.b64encode(os.urandom(16)).decode()
    writer.write(
        scene.outway().request(
            new_transaction_id(),
            "/tunnel",
            "Connection: Upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            f"Sec-WebSocket-Key: {key}",
        )
    )
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 30)
    assert head.startswith(b"HTTP/1.1 101 "), head
    writer.write(b"hello")
    assert await asyncio.wait_for(reader.readexactly(5), 30) == b"hello"
    writer.write_eof()

    # The Service learns that nothing more comes, and says goodbye.
    assert await asyncio.wait_for(reader.read(), 30) == b"goodbye"
    writer.close()


async def test_a_request_after_which_nothing_more_is_sent_is_answered(scene: Scene) -> None:
    transaction_id = new_transaction_id()
    with socket.create_connection(("127.0.0.1", scene.consumer.ports["outway"]), timeout=30) as connection:
        connection.setblocking(False)
        loop = asyncio.get_running_loop()
        await loop.sock_sendall(connection, scene.outway().request(transaction_id, "/wait/200"))
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        async with asyncio.timeout(30):
            while data := await loop.sock_recv(connection, 65_536):
                answer += data

    assert answer.startswith(b"HTTP/1.1 200 "), answer
    assert answer.endswith(transaction_id.encode())
