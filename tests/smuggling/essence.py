"""What of a request must arrive: everything but what is about one connection, and what gateways say for themselves."""

import hashlib
from dataclasses import dataclass

from tests.smuggling.rfc9112 import Fields, Request

_ABOUT_THE_CONNECTION = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"host",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OURS_TO_SAY = (b"fsc-", b"x-forwarded-", b"forwarded", b"x-real-ip")
_NEVER_A_TRAILER = _ABOUT_THE_CONNECTION | {b"authorization", b"cookie", b"set-cookie", b"content-type"}


@dataclass(frozen=True, slots=True)
class Essence:
    """A request without what may differ from one connection to the next."""

    method: bytes
    path: bytes
    fields: Fields
    body: bytes

    @property
    def digest(self) -> bytes:
        """A name for it that fits in a header."""
        return hashlib.sha256(repr((self.method, self.path, self.fields, self.body)).encode()).hexdigest()[:24].encode()


def essence(request: Request) -> Essence:
    """What must arrive of `request`."""
    return Essence(request.method, request.path, _end_to_end(request.fields), request.body)


def lost_or_added(seen: Fields, sent: Fields) -> Fields:
    """The trailers of `seen` that were not sent, or that must not be trailers."""
    allowed = {(name.lower(), value) for name, value in sent}
    return tuple((name, value) for name, value in seen if (name.lower(), value) not in allowed or is_forbidden(name))


def is_forbidden(name: bytes) -> bool:
    """Whether a trailer with this name must not pass: it is about framing, routing or identity."""
    return _dashed(name) in _NEVER_A_TRAILER or _is_ours_to_say(name)


def _is_about_the_connection(name: bytes) -> bool:
    return _dashed(name) in _ABOUT_THE_CONNECTION


def _is_ours_to_say(name: bytes) -> bool:
    return _dashed(name).startswith(_OURS_TO_SAY)


def _dashed(name: bytes) -> bytes:
    # To many servers `Transfer_Encoding` is the same header, so a relay may keep it back as well.
    return name.lower().replace(b"_", b"-")


def _end_to_end(fields: Fields) -> Fields:
    named = {
        option.strip(b" \t").lower()
        for name, value in fields
        if name.lower() == b"connection"
        for option in value.split(b",")
    }
    return tuple(
        (name.lower(), value)
        for name, value in fields
        if name.lower() not in named and not _is_about_the_connection(name) and not _is_ours_to_say(name)
    )
