"""A Service to put behind an Inway: it keeps what it received, and answers as a test says."""

from collections.abc import Awaitable, Callable

from tests.gateway.wire import Message, Wire

Behaviour = Callable[[Message, Wire], Awaitable[None]]


class EchoService:
    """What is behind the Inway: it keeps what it received, and answers as `behaviour` says."""

    def __init__(self) -> None:
        self.received: list[Message] = []
        self.connections = 0
        self.behaviour: Behaviour = _answer_ok
        self.reads_body = True

    async def serve(self, wire: Wire) -> None:
        self.connections += 1
        while True:
            head = await wire.head()
            message = Message(head, await wire.body(head) if self.reads_body else b"")
            self.received.append(message)
            await self.behaviour(message, wire)


async def _answer_ok(request: Message, wire: Wire) -> None:
    await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", b"" if request.head.method == "HEAD" else b"ok")


def answering(raw: bytes) -> Behaviour:
    """A Service that says exactly this."""

    async def behave(request: Message, wire: Wire) -> None:
        del request
        await wire.send(raw)

    return behave
