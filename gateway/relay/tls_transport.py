"""TLS on a connection of the relay: encrypted and decrypted by way of memory BIOs, on its own thread's loop.

Why not the loop's own TLS, see `gateway.relay.transport`.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from certs.handshake import PeerConnection
from gateway.relay.transport import READ_BYTES, SocketTransport, received, received_view

_RECORD: Final = 16 * 1024
"""The most that one TLS record holds."""
_TLS_AT_ONCE: Final = 64 * 1024
"""What is encrypted in one go."""

_plain_view = memoryview(bytearray(READ_BYTES + _RECORD))
"""What was decrypted, of what one read took and the end of a record that came before."""


class TlsTransport(SocketTransport):
    """A connection with TLS. The protocol hears nothing before the handshake has succeeded.

    `connection` was made for `incoming` and `outgoing`; it verifies the other side within its handshake.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        protocol: asyncio.BaseProtocol,
        context: ssl.SSLContext,
        *,
        server_side: bool,
        server_name: str | None = None,
        session: ssl.SSLSession | None = None,
    ) -> None:
        super().__init__(loop, sock, protocol)
        self._incoming = ssl.MemoryBIO()
        self._outgoing = ssl.MemoryBIO()
        self._connection = context.wrap_bio(
            self._incoming, self._outgoing, server_side=server_side, server_hostname=server_name, session=session
        )
        if isinstance(self._connection, PeerConnection):
            self._connection.on_cut = self.abort
        self._read_plain: Any = self._connection.read  # into a buffer, which its types do not know
        self._write_plain = self._connection.write
        self._shaken = False
        self._ended_clean = False
        self._on_shaken: Callable[[Exception | None], None] | None = None

    def shake_hands(self, done: Callable[[Exception | None], None]) -> None:
        """Begin the handshake; `done` hears of its end, with the error or None, once.

        After None call `start`. After an error the connection is gone.
        """
        self._on_shaken = done
        self.resume_reading()
        self._continue_handshake()

    @property
    def ended_clean(self) -> bool:
        """Whether the other side said that it ended (close_notify), so that nobody cut the connection short."""
        return self._ended_clean

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        if name == "ssl_object":
            return self._connection
        if name == "sslcontext":
            return self._connection.context
        return super().get_extra_info(name, default)

    def start(self) -> None:
        """Tell the protocol that the connection is made, give it what came already, and read on."""
        self._protocol.connection_made(self)
        if not self._closing:
            self.resume_reading()
            self._decrypt()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`, now as far as the socket takes it."""
        if self._closing or self._eof_due or not data:
            return
        try:
            if len(data) <= _TLS_AT_ONCE:
                done = self._write_plain(data)
                while done < len(data):
                    done += self._write_plain(memoryview(data)[done:])
                self._put(self._outgoing.read())
                return
            view = memoryview(data)
            while view and not self._lost:
                view = view[self._write_plain(view[:_TLS_AT_ONCE]) :]
                self._put(self._outgoing.read())
        except ssl.SSLError as error:
            self._lose(error)

    # -- within

    def _on_readable(self) -> None:
        try:
            count = self._receive(received)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        if count:
            self._incoming.write(received_view[:count])
        else:
            self._incoming.write_eof()
        if self._shaken:
            self._decrypt()
        else:
            self._continue_handshake()

    def _continue_handshake(self) -> None:
        error: Exception | None = None
        try:
            self._connection.do_handshake()
            self._shaken = True
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            pass
        except (ssl.SSLError, OSError) as failure:
            error = failure
        if self._outgoing.pending:
            self._put(self._outgoing.read())
        if error is not None:
            self._fail(error)
        elif self._shaken and not self._lost and self._on_shaken is not None:
            done, self._on_shaken = self._on_shaken, None
            self.pause_reading()  # until `start`
            done(None)

    def _fail(self, error: Exception) -> None:
        """The connection is no more, in the handshake or after it."""
        done, self._on_shaken = self._on_shaken, None
        if done is not None:
            # Nobody was told of the connection yet, so nobody is to be told that it is lost.
            self._protocol = _UNHEARD
            if self._out:
                self._closing = True  # an alert that waits for the socket may still go
                self.pause_reading()
            else:
                self._lose(error)
            done(error)
        else:
            self._lose(error)

    def _decrypt(self) -> None:
        """Give the protocol all that can be decrypted now."""
        count = 0
        ended = False
        failure: Exception | None = None
        incoming, connection = self._incoming, self._connection
        try:
            while incoming.pending or connection.pending():
                read = self._read_plain(_RECORD, _plain_view[count:])
                if not read:
                    ended = self._ended_clean = True
                    break
                count += read
            if incoming.eof and not ended:
                ended = not self._read_plain(_RECORD, _plain_view)
        except ssl.SSLWantReadError:
            pass
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
            ended = True
        except ssl.SSLError as error:
            failure = error
        if self._outgoing.pending and not self._closing:
            self._put(self._outgoing.read())
        if count and not self._closing:
            self._deliver(bytes(_plain_view[:count]))
        if failure is not None:
            self._lose(failure)
        elif ended:
            self._on_eof()

    def _end(self, error: Exception | None) -> None:
        if isinstance(self._connection, PeerConnection):
            self._connection.on_cut = None  # it holds this transport, which holds it
        super()._end(error)

    def _say_goodbye(self) -> None:
        if not self._shaken:
            return
        # When the other side has not said goodbye yet this raises, and ours is ready to go all the same.
        with suppress(ssl.SSLError, OSError):
            self._connection.unwrap()
        if self._outgoing.pending:
            self._put(self._outgoing.read())

    def write_eof(self) -> None:
        """Say that nothing more follows, once what was written is gone."""
        if not self._closing and not self._eof_due:
            self._say_goodbye()
        super().write_eof()


_UNHEARD = asyncio.Protocol()
"""For a connection whose protocol was never told of it."""
