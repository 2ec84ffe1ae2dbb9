"""Connections as the relay has them: a non-blocking socket that an event loop watches, with or without TLS.

They are transports in asyncio's sense, so that any protocol can use them. Why not the loop's own: with TLS those cost
a tenth more of a request (docs/performance.md), resume no sessions as a client, and drop a request whose client has
said that it will send no more. What is written goes out at once when the socket takes it, else as soon as it does.

Theory of operation. One read of the socket takes all that came, as far as the buffer that all connections of a thread
share; with TLS it is decrypted by way of memory BIOs, whole. So pausing stops at a bounded amount: what one read
takes. `close` lets out what was written, `abort` does not; `connection_lost` is called once, later, in either case.
"""

import asyncio
import logging
import os
import socket
import ssl
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from certs.handshake import PeerConnection

_log = logging.getLogger(__name__)

READ_BYTES: Final = 256 * 1024
HIGH_WATER: Final = 128 * 1024
"""Written and not gone: from here on the protocol is told to pause."""
LOW_WATER: Final = 32 * 1024
_RECORD: Final = 16 * 1024
"""The most that one TLS record holds."""
_TLS_AT_ONCE: Final = 64 * 1024
"""What is encrypted in one go."""
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: reset the connection when it is closed."""

_buffer = bytearray(READ_BYTES)
_view = memoryview(_buffer)
_plain_view = memoryview(bytearray(READ_BYTES + _RECORD))
"""What was decrypted, of what one read took and the end of a record that came before."""


class SocketTransport(asyncio.Transport):
    """A connection without TLS; `sock` is connected and does not block.

    Shape: besides what asyncio asks, `get_extra_info` knows `socket`, `peername`, `sockname` and `ssl_object`.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, sock: socket.socket, protocol: asyncio.BaseProtocol) -> None:
        super().__init__()
        self._loop = loop
        self._sock = sock
        self._fd = sock.fileno()
        self._send = sock.send
        self._receive = sock.recv_into
        self._out = bytearray()
        self._is_reading = False
        self._is_writing = False
        self._is_paused = False
        """Whether the protocol was told to pause writing."""
        self._closing = False
        self._lost = False
        self._is_lingering = False
        self._eof_sent = False
        self._eof_due = False
        self._has_ended = False
        """Whether the other side sends no more."""
        self._protocol = protocol
        self._data_received: Callable[[bytes], None] = lambda _: None
        self.set_protocol(protocol)

    def start(self) -> None:
        """Tell the protocol that the connection is made, and begin to read."""
        self._protocol.connection_made(self)
        if not self._closing:
            self.resume_reading()

    # -- what asyncio asks of a transport

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Let another protocol go on."""
        self._protocol = protocol
        if isinstance(protocol, asyncio.Protocol):
            self._data_received = protocol.data_received

    def get_protocol(self) -> asyncio.BaseProtocol:
        """Who hears of what arrives."""
        return self._protocol

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What is known of the connection."""
        if name == "socket":
            return self._sock
        if name in ("peername", "sockname"):
            try:
                return self._sock.getpeername() if name == "peername" else self._sock.getsockname()
            except OSError:
                return default
        return default

    def is_closing(self) -> bool:
        """Whether it is closed, or closes once what was written is gone."""
        return self._closing

    def is_reading(self) -> bool:
        """Whether arriving data is read."""
        return self._is_reading

    def pause_reading(self) -> None:
        """Let what arrives wait at the other side."""
        if self._is_reading:
            self._is_reading = False
            self._loop.remove_reader(self._fd)

    def resume_reading(self) -> None:
        """Read on."""
        if not self._is_reading and not self._lost:
            self._is_reading = True
            self._loop.add_reader(self._fd, self._on_readable)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send `data`, now as far as the socket takes it."""
        if self._closing or self._eof_due or not data:
            return
        self._put(data)

    def writelines(self, list_of_data: Any) -> None:
        """Send all of it as one."""
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        """Say that nothing more follows, once what was written is gone."""
        if not self._closing and not self._eof_due:
            self._eof_due = True
            if not self._out:
                self._finish_writing()

    def can_write_eof(self) -> bool:
        """Always."""
        return True

    def get_write_buffer_size(self) -> int:
        """Bytes that wait for the socket."""
        return len(self._out)

    def get_write_buffer_limits(self) -> tuple[int, int]:
        """Low and high."""
        return LOW_WATER, HIGH_WATER

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """Keep the limits: they are the same for every connection."""

    def close(self) -> None:
        """Close, once what was written is gone."""
        if not self._closing:
            self._closing = True
            self.pause_reading()
            if not self._eof_due:
                self._say_goodbye()
            if not self._out:
                self._lose(None)

    def abort(self) -> None:
        """Close at once; what was written and is not gone is lost, and the other side knows that it was cut off."""
        if not self._lost:
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self._lose(None)

    def linger(self) -> None:
        """Close as `close` does, but let the other side end first: what it still sends is not listened to.

        A socket that is closed with unread data takes back what was sent last. Whoever calls this sets a limit.
        """
        if not self._closing:
            self._closing = self._is_lingering = True
            self._say_goodbye()
            self._eof_due = True
            if not self._out:
                self._finish_writing()
            self.pause_reading()
            if not self._lost:
                self._is_reading = True
                self._loop.add_reader(self._fd, self._ignore)

    def has_unread(self) -> bool:
        """Whether bytes of the other side wait that nobody has read."""
        try:
            return bool(self._sock.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def notice_reset(self) -> None:
        """End the connection when the other side has reset it.

        uvloop tells of a reset that comes together with data only the data. Whoever waits for more asks here.
        """
        if not self._lost:
            number = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if number:
                self._lose(OSError(number, os.strerror(number)))

    # -- within

    def _ignore(self) -> None:
        try:
            if self._receive(_buffer):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._lose(None)
            return
        self._has_ended = True
        if self._out:
            self.pause_reading()  # it still wants what was written
        else:
            self._lose(None)

    def _put(self, data: bytes | bytearray | memoryview) -> None:
        """Hand bytes to the socket, and keep what it does not take."""
        if self._out:
            self._out += data
        else:
            try:
                sent = self._send(data)
            except (BlockingIOError, InterruptedError):
                sent = 0
            except OSError as error:
                self._lose(error)
                return
            if sent == len(data):
                return
            self._out += memoryview(data)[sent:]
            self._watch_writable()
        if not self._is_paused and len(self._out) > HIGH_WATER:
            self._is_paused = True
            self._protocol.pause_writing()

    def _watch_writable(self) -> None:
        if not self._is_writing:
            self._is_writing = True
            self._loop.add_writer(self._fd, self._on_writable)

    def _on_writable(self) -> None:
        try:
            sent = self._send(self._out)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        del self._out[:sent]
        if not self._out:
            self._is_writing = False
            self._loop.remove_writer(self._fd)
        if self._is_paused and len(self._out) <= LOW_WATER:
            self._is_paused = False
            self._protocol.resume_writing()
        if not self._out and not self._lost:
            self._all_is_out()

    def _all_is_out(self) -> None:
        if self._eof_due:
            self._finish_writing()
        if self._closing and not self._is_lingering:
            self._lose(None)

    def _finish_writing(self) -> None:
        if not self._eof_sent:
            self._eof_sent = True
            try:
                self._sock.shutdown(socket.SHUT_WR)
            except OSError as error:
                self._lose(error)
            if self._has_ended:
                self._lose(None)  # both have said all

    def _say_goodbye(self) -> None:
        """What the protocol below has to say before the connection is closed."""

    def _on_readable(self) -> None:
        try:
            count = self._receive(_buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if count:
            self._deliver(bytes(_view[:count]))
        else:
            self._on_eof()

    def _deliver(self, data: bytes) -> None:
        try:
            self._data_received(data)
        except Exception:
            _log.exception("connection_fault")
            self._lose(None)

    def _on_eof(self) -> None:
        """The other side sends no more. The protocol may go on writing, when it says so."""
        self.pause_reading()
        if self._lost or self._closing:
            return
        self._has_ended = True
        try:
            goes_on = self._protocol.eof_received() if isinstance(self._protocol, asyncio.Protocol) else False
        except Exception:
            _log.exception("connection_fault")
            goes_on = False
        if not goes_on or self._eof_sent:
            self.close()

    def _lose(self, error: Exception | None) -> None:
        if self._lost:
            return
        self._lost = self._closing = True
        self.pause_reading()
        if self._is_writing:
            self._is_writing = False
            self._loop.remove_writer(self._fd)
        self._out.clear()
        self._sock.close()  # now: the loop may have no turn left
        self._loop.call_soon(self._end, error)

    def _end(self, error: Exception | None) -> None:
        self._protocol.connection_lost(error)


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
            count = self._receive(_buffer)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._fail(error)
            return
        if count:
            self._incoming.write(_view[:count])
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
