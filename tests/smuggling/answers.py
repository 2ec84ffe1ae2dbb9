"""The forms in which the reference server answers: right ones, and every wrong one that has poisoned a relay before.

Whether a form is right is not said here: the strict reader decides it from the bytes, for server and tests alike.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum

from tests.smuggling.rfc9112 import NotFramed, Request, Response, next_response


class After(Enum):
    """What the server does with its connection once it has answered."""

    STAY = "stay"
    CLOSE = "close"
    RESET = "reset"


@dataclass(frozen=True, slots=True)
class Script:
    """What the server says, piece by piece with a pause between two, and what it does then."""

    pieces: tuple[bytes, ...]
    after: After = After.STAY


@dataclass(frozen=True, slots=True)
class Form:
    """A way of answering a request, of which the digest is given as well.

    `early`: as soon as the head is there, without the body. `may_fail`: a relay may take it for broken.
    """

    write: Callable[[Request, bytes], Script]
    early: bool = False
    may_fail: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """What the RFC reads in a script: the final answer, when there is a whole one, and whether that is all."""

    final: Response | None
    ruins: bool
    """Whether nobody may use the connection again."""
    adds_later: bool = False
    """Whether more comes in a piece of its own after a whole answer: to whoever asks meanwhile it is the answer."""


def read_script(script: Script, method: bytes) -> Said:
    """Judge what is said to a request with `method`."""
    data = b"".join(script.pieces)
    size = len(data)
    ended = script.after is not After.STAY
    try:
        response = next_response(data, method, ended=script.after is After.CLOSE)
        while response is not None and response.status < 200:
            if response.status == 101:
                return Said(None, ruins=True)
            data = data[response.size :]
            response = next_response(data, method, ended=script.after is After.CLOSE)
    except NotFramed:
        return Said(None, ruins=True)
    if response is None:
        return Said(None, ruins=True)
    at, piece_ends = size - len(data) + response.size, itertools.accumulate(map(len, script.pieces))
    return Said(
        response,
        ruins=ended or response.is_last or len(data) > response.size,
        adds_later=at < size and not response.is_last and at in piece_ends,
    )


def _answer(*parts: bytes, after: After = After.STAY) -> Callable[[Request, bytes], Script]:
    """Says `parts`, in which `%` stands for the digest of the request: 24 bytes."""

    def write(request: Request, digest: bytes) -> Script:
        del request
        return Script(tuple(part.replace(b"%", digest) for part in parts), after)

    return write


def _dribbled(request: Request, digest: bytes) -> Script:
    whole = OK.replace(b"%", digest) + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
    return Script(tuple(whole[at : at + 1] for at in range(len(whole))))


def _by_method(to_get: bytes) -> Callable[[Request, bytes], Script]:
    """Says `to_get`, and to HEAD its head alone."""

    def write(request: Request, digest: bytes) -> Script:
        said = to_get.replace(b"%", digest)
        end = said.index(b"\r\n\r\n", said.index(b"X-Echo")) + 4
        return Script((said[:end] if request.method == b"HEAD" else said,))

    return write


OK = b"HTTP/1.1 200 OK\r\nX-Echo: %\r\n"
_LENGTH = b"Content-Length: 26\r\n\r\n[%]"
_CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
_SMUGGLED = b"HTTP/1.1 200 OK\r\nX-Echo: smuggled\r\nContent-Length: 8\r\n\r\nsmuggled"

PLAIN = Form(_by_method(OK + _LENGTH))

RIGHT: dict[bytes, Form] = {
    b"plain": PLAIN,
    b"empty": Form(_answer(OK + b"Content-Length: 0\r\n\r\n")),
    b"chunked": Form(_by_method(OK + _CHUNKED + b"1a\r\n[%]\r\n0\r\n\r\n")),
    b"odd-chunks": Form(
        _by_method(OK + _CHUNKED + b"1;a=b\r\n[\r\n0018\r\n%\r\n" + b"1\r\nx\r\n" * 50 + b'1;q="]"\r\n]\r\n000\r\n\r\n')
    ),
    b"trailers": Form(_by_method(OK + b"Trailer: X-T\r\n" + _CHUNKED + b"1A\r\n[%]\r\n0\r\nX-T: %\r\nX-U:\r\n\r\n")),
    b"chunk-by-chunk": Form(
        lambda request, digest: Script(
            (OK.replace(b"%", digest) + _CHUNKED,)
            + (() if request.method == b"HEAD" else (b"4\r\nabcd", b"\r", b"\n2", b"\r\nef\r\n0\r", b"\n\r\n"))
        )
    ),
    b"dribbled": Form(
        lambda request, digest: (
            _dribbled(request, digest)
            if request.method != b"HEAD"
            else Script((OK.replace(b"%", digest) + b"Content-Length: 3\r\n\r\n",))
        )
    ),
    b"large": Form(_by_method(OK + b"Content-Length: 240000\r\n\r\n" + b"%" * 10_000)),
    b"large-chunks": Form(_by_method(OK + _CHUNKED + (b"12c0\r\n" + b"%" * 200 + b"\r\n") * 30 + b"0\r\n\r\n")),
    b"until-close": Form(_answer(OK + b"\r\n", b"[%]", after=After.CLOSE)),
    b"announced-close": Form(_answer(OK + b"Connection: close\r\n" + _LENGTH, after=After.CLOSE)),
    b"http-1.0": Form(_answer(b"HTTP/1.0 200 OK\r\nX-Echo: %\r\n\r\n[%]", after=After.CLOSE)),
    b"no-content": Form(_answer(b"HTTP/1.1 204 No Content\r\nX-Echo: %\r\n\r\n")),
    b"not-modified": Form(_answer(b"HTTP/1.1 304 Not Modified\r\nX-Echo: %\r\nContent-Length: 1234\r\n\r\n")),
    b"not-modified-chunked": Form(
        _answer(b"HTTP/1.1 304 Not Modified\r\nX-Echo: %\r\nTransfer-Encoding: chunked\r\n\r\n")
    ),
    b"error": Form(_by_method(b"HTTP/1.1 500 Oh\r\nX-Echo: %\r\n" + _LENGTH)),
    b"hints": Form(_by_method(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 3 + OK + _LENGTH)),
    b"hints-first": Form(_answer(b"HTTP/1.1 103 Early Hints\r\n\r\n", OK + b"Content-Length: 0\r\n\r\n")),
    b"unasked-continue": Form(_by_method(b"HTTP/1.1 100 Continue\r\n\r\n" + OK + _LENGTH)),
    b"early": Form(_by_method(OK + _LENGTH), early=True),
    b"early-refusal": Form(
        _answer(b"HTTP/1.1 413 No\r\nX-Echo: %\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", after=After.CLOSE),
        early=True,
        may_fail=True,
    ),
    b"no-reason": Form(_by_method(b"HTTP/1.1 200 \r\nX-Echo: %\r\n" + _LENGTH)),
    b"length-in-no-content": Form(
        _answer(b"HTTP/1.1 204 No Content\r\nX-Echo: %\r\nContent-Length: 0\r\n\r\n"), may_fail=True
    ),
    b"zeros": Form(_by_method(OK + b"Content-Length: 0026\r\n\r\n[%]"), may_fail=True),
}
"""Whole answers, well framed."""


def _broken(*lines: bytes, body: bytes = b"[%]") -> Form:
    """An answer with these lines in its head, after which the server hangs up: nobody need wait for more."""
    return Form(_answer(OK + b"\r\n".join(lines) + b"\r\n\r\n" + body, after=After.CLOSE))


WRONG: dict[bytes, Form] = {
    # broken off
    b"cut-at-once": Form(_answer(after=After.CLOSE)),
    b"reset-at-once": Form(_answer(after=After.RESET)),
    b"cut-in-head": Form(_answer(OK, after=After.CLOSE)),
    b"cut-in-status": Form(_answer(b"HTTP/1.1 2", after=After.CLOSE)),
    b"cut-in-body": Form(_answer(OK + b"Content-Length: 100\r\n\r\n", b"[%]", after=After.CLOSE)),
    b"reset-in-body": Form(_answer(OK + b"Content-Length: 100\r\n\r\n", b"[%]", after=After.RESET)),
    b"cut-in-chunk": Form(_answer(OK + _CHUNKED, b"ff\r\n[%]", after=After.CLOSE)),
    b"cut-between-chunks": Form(_answer(OK + _CHUNKED, b"1a\r\n[%]\r\n", after=After.CLOSE)),
    b"cut-before-trailers": Form(_answer(OK + _CHUNKED, b"1a\r\n[%]\r\n0\r\n", after=After.CLOSE)),
    b"cut-after-hints": Form(_answer(b"HTTP/1.1 103 Early Hints\r\n\r\n", after=After.CLOSE)),
    # more than one answer
    b"two-answers": Form(_answer(OK + _LENGTH + _SMUGGLED)),
    b"two-chunked-answers": Form(_answer(OK + _CHUNKED + b"0\r\n\r\n" + _SMUGGLED)),
    b"answer-after-no-content": Form(_answer(b"HTTP/1.1 204 No Content\r\nX-Echo: %\r\n\r\n" + _SMUGGLED)),
    b"answer-after-not-modified": Form(_answer(b"HTTP/1.1 304 Not Modified\r\nX-Echo: %\r\n\r\n" + _SMUGGLED)),
    b"body-in-no-content": Form(_answer(b"HTTP/1.1 204 No Content\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]")),
    b"length-too-short": Form(_answer(OK + b"Content-Length: 5\r\n\r\n[%]")),
    b"one-byte-more": Form(_answer(OK + _LENGTH + b"\n")),
    b"line-break-more": Form(_answer(OK + _LENGTH + b"\r\n")),
    b"half-an-answer-more": Form(_answer(OK + _LENGTH + b"HTTP/1.1 200 OK\r\nX-Echo: smuggled\r\nX: ")),
    # framing
    b"both-framings": _broken(b"Content-Length: 26", b"Transfer-Encoding: chunked", body=b"1a\r\n[%]\r\n0\r\n\r\n"),
    b"both-framings-short": _broken(
        b"Transfer-Encoding: chunked", b"Content-Length: 3", body=b"1a\r\n[%]\r\n0\r\n\r\n"
    ),
    b"two-lengths": _broken(b"Content-Length: 26", b"Content-Length: 5"),
    b"same-length-twice": _broken(b"Content-Length: 26", b"Content-Length: 26"),
    b"length-list": _broken(b"Content-Length: 26, 26"),
    b"length-signed": _broken(b"Content-Length: +26"),
    b"length-negative": _broken(b"Content-Length: -1"),
    b"length-hex": _broken(b"Content-Length: 0x1a"),
    b"length-empty": _broken(b"Content-Length:"),
    b"length-huge": _broken(b"Content-Length: 99999999999999999999999999"),
    b"length-in-words": _broken(b"Content-Length: 2 6"),
    b"xchunked": _broken(b"Transfer-Encoding: xchunked", body=b"0\r\n\r\n"),
    b"identity": _broken(b"Transfer-Encoding: identity"),
    b"gzip": _broken(b"Transfer-Encoding: gzip"),
    b"gzip-chunked": _broken(b"Transfer-Encoding: gzip, chunked", body=b"0\r\n\r\n"),
    b"chunked-gzip": _broken(b"Transfer-Encoding: chunked, gzip", body=b"0\r\n\r\n"),
    b"chunked-chunked": _broken(b"Transfer-Encoding: chunked, chunked", body=b"0\r\n\r\n"),
    b"chunked-twice": _broken(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"),
    b"chunked-in-1.0": Form(
        _answer(
            b"HTTP/1.0 200 OK\r\nX-Echo: %\r\nTransfer-Encoding: chunked\r\n\r\n1a\r\n[%]\r\n0\r\n\r\n",
            after=After.CLOSE,
        )
    ),
    b"chunked-in-no-content": Form(
        _answer(b"HTTP/1.1 204 No\r\nX-Echo: %\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", after=After.CLOSE)
    ),
    b"chunk-size-not-hex": _broken(b"Transfer-Encoding: chunked", body=b"zz\r\n[%]\r\n0\r\n\r\n"),
    b"chunk-size-prefixed": _broken(b"Transfer-Encoding: chunked", body=b"0x1a\r\n[%]\r\n0\r\n\r\n"),
    b"chunk-size-signed": _broken(b"Transfer-Encoding: chunked", body=b"-1a\r\n[%]\r\n0\r\n\r\n"),
    b"chunk-size-huge": _broken(b"Transfer-Encoding: chunked", body=b"1000000000000001a\r\n[%]\r\n0\r\n\r\n"),
    b"chunk-size-short": _broken(b"Transfer-Encoding: chunked", body=b"5\r\n[%]\r\n0\r\n\r\n"),
    b"chunk-size-long": _broken(b"Transfer-Encoding: chunked", body=b"1b\r\n[%]\r\n0\r\n\r\n"),
    b"chunk-size-missing": _broken(b"Transfer-Encoding: chunked", body=b"\r\n[%]\r\n0\r\n\r\n"),
    b"chunk-bare-lf": _broken(b"Transfer-Encoding: chunked", body=b"1a\n[%]\n0\n\n"),
    b"chunk-lf-in-extension": _broken(b"Transfer-Encoding: chunked", body=b"1a;x\ny\r\n[%]\r\n0\r\n\r\n"),
    b"trailer-broken": _broken(b"Transfer-Encoding: chunked", body=b"1a\r\n[%]\r\n0\r\nX Y: z\r\n\r\n"),
    # heads
    b"bare-lf": Form(_answer(b"HTTP/1.1 200 OK\nX-Echo: %\nContent-Length: 26\n\n[%]", after=After.CLOSE)),
    b"bare-lf-inside": _broken(b"X-A: b\nX-C: d", b"Content-Length: 26"),
    b"bare-cr-inside": _broken(b"X-A: b\rX-C: d", b"Content-Length: 26"),
    b"folded": _broken(b"X-A: b\r\n c", b"Content-Length: 26"),
    b"folded-length": _broken(b"Content-Length:\r\n 26"),
    b"space-before-colon": _broken(b"Content-Length : 26"),
    b"no-colon": _broken(b"X-A", b"Content-Length: 26"),
    b"no-name": _broken(b": a", b"Content-Length: 26"),
    b"null-in-value": _broken(b"X-A: a\x00b", b"Content-Length: 26"),
    b"control-in-value": _broken(b"X-A: a\x01b", b"Content-Length: 26"),
    b"delete-in-value": _broken(b"X-A: a\x7fb", b"Content-Length: 26"),
    b"byte-in-name": _broken(b"X-\xc3\xa9: a", b"Content-Length: 26"),
    b"garbage": Form(_answer(b"\x16\x03\x01\x02\x00\x01\x00garbage\r\n\r\n", after=After.CLOSE)),
    b"http-0.9": Form(_answer(b"<html>[%]</html>", after=After.CLOSE)),
    b"http-2": Form(_answer(b"HTTP/2.0 200 OK\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)),
    b"http-1.10": Form(_answer(b"HTTP/1.10 200 OK\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)),
    b"icy": Form(_answer(b"ICY 200 OK\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)),
    b"status-short": Form(_answer(b"HTTP/1.1 20 OK\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)),
    b"status-long": Form(_answer(b"HTTP/1.1 2000 OK\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)),
    b"status-zero": Form(_answer(b"HTTP/1.1 000 OK\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)),
    b"status-words": Form(_answer(b"HTTP/1.1 OK 200\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)),
    b"reason-with-control": Form(
        _answer(b"HTTP/1.1 200 O\x01K\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)
    ),
    b"empty-line-first": Form(
        _answer(b"\r\nHTTP/1.1 200 OK\r\nX-Echo: %\r\nContent-Length: 26\r\n\r\n[%]", after=After.CLOSE)
    ),
    b"switching-unasked": Form(
        _answer(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n" + _SMUGGLED)
    ),
}
"""Answers that are none, that are broken off, or that have something behind them that nobody asked for."""

_EXCESSIVE = {
    b"long-head": _broken(b"X-Long: " + b"x" * 200_000, b"Content-Length: 26"),
    b"many-fields": _broken(*(b"X-%d: %d" % (number, number) for number in range(20_000)), b"Content-Length: 26"),
    b"endless-head": Form(_answer(OK + b"X-Long: " + b"x" * 1_000_000, after=After.CLOSE)),
    b"many-hints": Form(_answer(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 10_000 + OK + _LENGTH, after=After.CLOSE)),
    b"long-chunk-line": _broken(
        b"Transfer-Encoding: chunked", body=b"1a;" + b"x" * 1_000_000 + b"\r\n[%]\r\n0\r\n\r\n"
    ),
    b"long-chunk-size": _broken(b"Transfer-Encoding: chunked", body=b"0" * 1_000_000 + b"1a\r\n[%]\r\n0\r\n\r\n"),
    b"long-trailers": _broken(
        b"Transfer-Encoding: chunked", body=b"1a\r\n[%]\r\n0\r\nX-Long: " + b"x" * 1_000_000 + b"\r\n\r\n"
    ),
}
EXCESSIVE = {name: replace(form, may_fail=True) for name, form in _EXCESSIVE.items()}
"""Answers that are well framed, and more than a relay should keep in memory: it may give them up."""

LATE: dict[bytes, Form] = {
    b"late-answer": Form(_answer(OK + _LENGTH, _SMUGGLED)),
    b"late-byte": Form(_answer(OK + _LENGTH, b"\n")),
    b"late-line-break": Form(_answer(OK + _LENGTH, b"\r\n")),
    b"late-hints": Form(_answer(OK + _LENGTH, b"HTTP/1.1 103 Early Hints\r\n\r\n")),
    b"silent-close": Form(_answer(OK + _LENGTH, b"", after=After.CLOSE)),
    b"late-half": Form(_answer(OK + _LENGTH, b"HTTP/1.1 200 OK\r\nX-Echo: smu")),
}
"""A right answer, and then, while nothing is asked, something more: the connection is worth nothing any more."""

FORMS = {**RIGHT, **WRONG, **EXCESSIVE, **LATE}
