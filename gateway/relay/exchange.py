"""One request on its way through, and the answer to it.

The connection that it came by (`Inbound`) makes it and hands it to the handler of its component, which calls exactly
one of `refuse`, `relay` or `run`, at once or later. Bodies pass as they come; of a request what is small
is kept until the answer begins, so that it can be sent once more when a connection turned out to be dead.
"""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Final

from gateway.errors import FscError, InternalError
from gateway.http.errors import SERVER_NAME, as_fsc_error
from gateway.relay.fields import Fate, Field, as_trailers, lines
from gateway.relay.request import Framing
from gateway.relay.upstream import UpstreamFailed

if TYPE_CHECKING:
    from gateway.relay.inbound import Inbound
    from gateway.relay.origin import Origin
    from gateway.relay.outbound import Outbound

_log = logging.getLogger(__name__)

Judge = Callable[[int, list[Field]], bool]
"""Looks at the head of an answer before it goes on; True takes the answer away: the exchange is as before `relay`."""

HIGH_WATER: Final = 64 * 1024
"""Of a body that waits for an upstream, in bytes: the client is read no further."""
MAX_KEPT_BYTES: Final = 65_536
"""Larger bodies are not kept to be sent again."""
_REPEATABLE: Final = frozenset({"GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"})
_CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"


def answer_start(status: int, reason: str, fields: bytes) -> bytes:
    """Status line and header lines of an answer."""
    return b"HTTP/1.1 %d %b\r\n%b" % (status, reason.encode("latin-1"), fields)


class Exchange:
    """A request without its body, what has come of the body, and where the answer stands."""

    __slots__ = (
        "_consumer",
        "_failed",
        "_is_continue_due",
        "_is_ended",
        "_judge",
        "_kept_bytes",
        "_kept_parts",
        "_origin",
        "_sent_head",
        "_task",
        "answer_fields",
        "answer_replaces",
        "error",
        "fields",
        "framing",
        "has_length",
        "inbound",
        "is_answering",
        "is_complete",
        "is_finished",
        "is_gone",
        "is_stalled",
        "keep_alive",
        "method",
        "noted",
        "outbound",
        "parts",
        "target",
        "trailers",
        "version",
        "waiting_bytes",
    )

    def __init__(self, inbound: "Inbound") -> None:
        self.inbound = inbound
        self.method = ""
        self.target = b""
        self.version = "1.1"
        self.fields: list[Field] = []
        self.noted: list[tuple[Fate, bytes]] = []
        self.has_length = False
        self.trailers: list[Field] = []
        self.framing: Framing | None = None
        self.error: FscError | None = None
        """Why it is refused before anybody looks at it."""
        self.keep_alive = False
        self.parts: list[bytes] = []
        """Of the body, what came and has not gone on."""
        self.waiting_bytes = 0
        self.is_complete = False
        """Whether the whole request has come."""
        self.is_answering = False
        """Whether the client was sent a part of the answer."""
        self.is_finished = False
        self.is_gone = False
        """Whether the client is: nobody waits for an answer."""
        self.is_stalled = False
        """Whether the upstream takes no more of the body now."""
        self.answer_fields = b""
        """Header lines for the answer, from us."""
        self.answer_replaces = b""
        """The one name, in lower case, that those lines replace."""
        self.outbound: Outbound | None = None
        self._origin: Origin | None = None
        self._sent_head = b""
        self._failed: Callable[[UpstreamFailed], None] | None = None
        self._judge: Judge | None = None
        self._kept_parts: list[bytes] | None = []
        self._kept_bytes = 0
        self._consumer: asyncio.Future[None] | None = None
        self._task: asyncio.Task[None] | None = None
        self._is_continue_due = False
        self._is_ended = False
        """Whether the last chunk has gone."""

    # -- for the handler

    def noted_values(self, fate: Fate) -> list[bytes]:
        """The values of the fields that were noted with this fate."""
        return [value for known, value in self.noted if known is fate]

    def answer_with_field(self, name: bytes, value: bytes) -> None:
        """Have this header in the answer, whatever answer it is; what a Service says under that name is dropped."""
        self.answer_fields = b"%b: %b\r\n" % (name, value)
        self.answer_replaces = name.lower()

    def refuse(self, error: Exception) -> None:
        """Answer with an error of the table; what is none, is one of ours. Too late for an answer: cut."""
        refused = as_fsc_error(error)
        site = self.inbound.site
        _log.info(
            "request_refused",
            extra={
                "component": site.component,
                "method": self.method,
                "code": refused.code,
                "reason": refused.message,
            },
        )
        if self.is_over:
            return
        if self.is_answering:
            self.inbound.cut()
            return
        site.counters.refused += 1
        body = json.dumps(refused.body(site.component)).encode()
        fields = [
            (b"Server", SERVER_NAME.encode()),
            *((name.encode(), value.encode()) for name, value in refused.response_headers().items()),
            (b"Content-Type", b"application/json; charset=utf-8"),
        ]
        self.keep_alive = self.keep_alive and self.is_complete
        fields.append((b"Content-Length", b"%d" % len(body)))
        head = self._answer_head(refused.status, answer_start(refused.status, "", lines(fields)))
        self.inbound.send(head if self.method == "HEAD" else head + body)
        self.finish()

    def relay(
        self,
        origin: "Origin",
        fields: bytes,
        *,
        failed: Callable[[UpstreamFailed], None],
        judge: Judge | None = None,
    ) -> None:
        """Send the request on, and its answer back.

        `fields` are the header lines from us, `Host` among them. `failed` hears that no answer has begun; after it the
        exchange is as before. `judge` may take the answer away.
        """
        framing = self.framing
        assert framing is not None
        if self.is_over:
            return
        if framing.is_chunked:
            fields += b"Transfer-Encoding: chunked\r\n"
        elif framing.upgrade is not None:
            fields += b"Connection: Upgrade\r\nUpgrade: %b\r\n" % framing.upgrade
        self._sent_head = b"%b %b%b HTTP/1.1\r\n%b%b\r\n" % (
            self.method.encode(),
            origin.prefix,
            framing.target,
            framing.lines or lines(framing.fields),
            fields,
        )
        self._origin = origin
        self._failed = failed
        self._judge = judge
        self._is_continue_due = framing.expects_continue
        origin.send(self)

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Let `work` handle the exchange; it is cancelled when the client goes, and what it raises is refused."""
        self._task = self.inbound.site.loop.create_task(self._run(work))

    def can_repeat(self) -> bool:
        """Whether what was sent of the body is small and still here: it can be sent again, and the rest after it."""
        return self._kept_parts is not None

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it arrives, for one reader. Raises: ConnectionResetError when it breaks off."""
        self._kept_parts = None
        self.send_continue()
        while True:
            if self.parts:
                data = b"".join(self.parts)
                self.parts.clear()
                self.waiting_bytes = 0
                self.inbound.steer()
                yield data
            elif self.is_complete:
                return
            elif self.is_over:
                raise ConnectionResetError("the connection ended before the request did")
            else:
                self._consumer = self.inbound.site.loop.create_future()
                await self._consumer

    @property
    def has_body(self) -> bool:
        """Whether there is a body, be it empty."""
        return self.framing is not None and (self.framing.is_chunked or self.has_length)

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be done for it any more."""
        return self.is_gone or self.is_finished

    # -- for the connections on both sides

    def body_arrived(self) -> None:
        """More of the body is here, or its end."""
        if self.outbound is not None:
            self._pass_body_on(self.outbound)
        elif self._consumer is not None and not self._consumer.done():
            self._consumer.set_result(None)

    def connected(self, outbound: "Outbound") -> None:
        """There is a connection to the origin: the request goes."""
        self.outbound = outbound
        outbound.begin(self)
        if self.parts or (self.is_complete and self.framing is not None and self.framing.is_chunked):
            outbound.send(self._sent_head + self._take_body())
        else:
            outbound.send(self._sent_head)
            if self._is_continue_due and not self.is_complete:
                self.send_continue()
        if not self.is_complete:
            self.inbound.await_body()

    def send_continue(self) -> None:
        """Tell a client that waits for it to send the body."""
        framing = self.framing
        if framing is not None and framing.expects_continue and not self.is_complete and not self.is_answering:
            self._is_continue_due = False
            self.inbound.send(_CONTINUE)

    def begin_answer(self, status: int, start: bytes) -> bytes:
        """The head of the answer, which the caller sends: `start` and what is ours. The kept body is let go.

        `start` is what `answer_start` makes of fields that frame the body.
        """
        self._kept_parts = None
        self._judge = None
        if not self.is_complete:
            self.keep_alive = False
        return self._answer_head(status, start)

    def take_answer(self, status: int, fields: list[Field]) -> bool:
        """Whether the answer with this head does not go on: somebody else judged it, and knows what to do."""
        judge, self._judge = self._judge, None
        if judge is None:
            return False
        outbound, self.outbound = self.outbound, None
        self._restore_body()
        if judge(status, fields):
            return True
        self._keep_body_sent()
        self.outbound = outbound
        return False

    @property
    def is_judged(self) -> bool:
        """Whether somebody looks at the head of the answer."""
        return self._judge is not None

    def upstream_failed(self, reason: str, *, is_stale: bool) -> None:
        """No answer has begun, and none will come by this connection.

        One that was used before may have been closed as the request went, and is stale then: the request goes by
        another when it is safe to say it twice.
        """
        self.outbound = None
        origin, failed = self._origin, self._failed
        if self.is_over:
            return
        assert origin is not None
        assert failed is not None
        if is_stale and self.method in _REPEATABLE and self._kept_parts is not None:
            self._restore_body()
            origin.open_for(self)
            return
        self._restore_body()
        failed(UpstreamFailed(reason))

    def client_is_gone(self) -> None:
        """Nobody waits any more: what was begun is stopped."""
        self.is_gone = True
        self.stop()

    def stop(self) -> None:
        """End what was begun for it; an answer of ours may still follow."""
        self._failed = self._judge = None
        if self.outbound is not None:
            outbound, self.outbound = self.outbound, None
            outbound.abandon()
        if self._task is not None:
            self._task.cancel()
        if self._consumer is not None and not self._consumer.done():
            self._consumer.set_result(None)

    def finish(self) -> None:
        """The answer is out."""
        if not self.is_finished:
            self.is_finished = True
            self._failed = self._judge = None  # they hold the exchange, and the collector shall have nothing to do
            self.inbound.finished(self)

    # -- within

    def _answer_head(self, status: int, start: bytes) -> bytes:
        self.is_answering = True
        self.inbound.site.counters.answers[status // 100] += 1
        keeps = self.keep_alive and not self.inbound.site.is_draining
        self.keep_alive = keeps
        if not keeps:
            start += b"Connection: close\r\n"
        elif self.version == "1.0":
            start += b"Connection: keep-alive\r\n"
        return start + self.answer_fields + b"\r\n"

    def _take_body(self) -> bytes:
        """What waits of the body, framed for the upstream; kept as long as it is small."""
        parts = self.parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if data:
            parts.clear()
            self.waiting_bytes = 0
            if self._kept_parts is not None:
                self._kept_bytes += len(data)
                self._kept_parts.append(data)
                if self._kept_bytes > MAX_KEPT_BYTES:
                    self._kept_parts = None
        if self.framing is not None and self.framing.is_chunked:
            if data:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            if self.is_complete and not self._is_ended:
                self._is_ended = True
                data += b"0\r\n%b\r\n" % as_trailers(self.trailers)
        return data

    def _pass_body_on(self, outbound: "Outbound") -> None:
        data = self._take_body()
        if data:
            outbound.send(data)

    def _restore_body(self) -> None:
        """Put what was sent of the body back to what waits."""
        self._is_ended = False
        if self._kept_parts:
            self.parts[:0] = self._kept_parts
            self.waiting_bytes += self._kept_bytes
        if self._kept_parts is not None:
            self._kept_parts, self._kept_bytes = [], 0

    def _keep_body_sent(self) -> None:
        """After `_restore_body`: it was sent after all."""
        self._is_ended = self.is_complete
        self._kept_parts = None
        self.parts.clear()
        self.waiting_bytes = 0

    async def _run(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception as error:
            self.refuse(error)
        if not self.is_over and self.outbound is None and self._origin is None:
            self.refuse(InternalError("something went wrong on this side; it is in our log"))
