"""`klantenregister.claiming`: an address is of one installation."""

import socket

import pytest

from config.addresses import TcpAddress
from klantenregister.claiming import claimed
from tests.e2e.federation import free_port


def sharing(port: int) -> socket.socket:
    """A socket as a worker has it."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    one.bind(("127.0.0.1", port))
    one.listen()
    return one


async def test_while_it_is_claimed_workers_may_listen_and_are_reached() -> None:
    port = free_port()
    async with claimed(TcpAddress("127.0.0.1", port)):
        workers = [sharing(port) for _ in range(2)]
        for _ in range(10):  # whoever claims takes no connections
            socket.create_connection(("127.0.0.1", port), timeout=5).close()
    for worker in workers:
        worker.close()


async def test_it_cannot_be_claimed_where_others_listen_though_they_would_share() -> None:
    port = free_port()
    with sharing(port), pytest.raises(OSError, match="in use"):
        async with claimed(TcpAddress("127.0.0.1", port)):
            pytest.fail("it is not ours")


async def test_nobody_who_does_not_share_gets_what_is_claimed() -> None:
    port = free_port()
    async with claimed(TcpAddress("127.0.0.1", port)):
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind(("127.0.0.1", port))
