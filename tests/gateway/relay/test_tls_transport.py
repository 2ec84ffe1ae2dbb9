import asyncio
import socket
import ssl

from certs.tls import server_context
from clock import SystemClock
from gateway.relay.tls_transport import TlsTransport
from tests.gateway.harness import PROVIDER, RULE, key_pair, make_group
from tests.gateway.relay.pairs import Recorder, pair, tls_pair, until


async def test_what_is_no_handshake_is_told_once_and_not_to_the_protocol() -> None:
    at_far = Recorder()
    results: list[Exception | None] = []
    with pair() as (near, far):
        incoming = server_context(key_pair(PROVIDER), make_group().trust, RULE, clock=SystemClock())
        server = TlsTransport(asyncio.get_running_loop(), far, at_far, incoming, server_side=True)
        server.shake_hands(results.append)
        near.send(b"GET / HTTP/1.1\r\n\r\n" * 100)
        await until(lambda: bool(results))
        await until(lambda: far.fileno() == -1)
    assert len(results) == 1
    assert isinstance(results[0], ssl.SSLError)
    assert (at_far.made, at_far.lost) == (0, [])


async def test_an_end_without_a_goodbye_is_not_a_clean_one() -> None:
    at_near, at_far = Recorder(), Recorder(goes_on=False)
    with pair() as (near, far):
        mine, theirs = await tls_pair(near, far, at_near, at_far)
        near.shutdown(socket.SHUT_WR)  # somebody in between cut it
        await until(lambda: bool(at_far.ended))
        assert not theirs.ended_clean
        mine.abort()
        await until(lambda: bool(at_near.lost and at_far.lost))


async def test_an_end_with_a_goodbye_is_a_clean_one() -> None:
    at_near, at_far = Recorder(), Recorder(goes_on=False)
    with pair() as (near, far):
        mine, theirs = await tls_pair(near, far, at_near, at_far)
        mine.close()
        await until(lambda: bool(at_near.lost and at_far.lost))
        assert theirs.ended_clean
