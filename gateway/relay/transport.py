"""Connections as the relay has them: a non-blocking socket that an event loop watches.

They are transports in asyncio's sense, so that any protocol can use them. Why not the loop's own: with TLS those cost
a tenth more of a request (docs/performance.md), resume no sessions as a client, and drop a request whose client has
said that it will send no more. What is written goes out at once when the socket takes it, else as soon as it does.

Theory of operation. One read of the socket takes all that came, as far as the buffer that all connections of a thread
share; `gateway.relay.tls_transport` decrypts it whole. So pausing stops at a bounded amount: what one read takes.
`close` lets out what was written, `abort` does not; `connection_lost` is called once, later, in either case.
"""

import asyncio
import logging
import os
import socket
import struct
from collections.abc import Callable
from typing import Any, Final

_log = logging.getLogger(__name__)

READ_BYTES: Final = 256 * 1024
HIGH_WATER: Final = 128 * 1024
"""Written and not gone: from here on the protocol is told to pause."""
LOW_WATER: Final = 32 * 1024
_RESET: Final = struct.pack("ii", 1, 0)
"""SO_LINGER: reset the connection when it is closed."""

received = bytearray(READ_BYTES)
"""What the last read took: for all connections, so whoever reads takes it out before anything else happens."""
received_view = memoryview(received)


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
            if self._receive(received):
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
            count = self._receive(received)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if count:
            self._deliver(bytes(received_view[:count]))
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
