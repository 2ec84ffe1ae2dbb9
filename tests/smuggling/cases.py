# ruff: noqa: E501 (rows of a table)
"""Requests that have been used to smuggle others, and their harmless neighbours: one table, made from dimensions.

Each is followed on its connection by one that must not be touched by it. Every body holds a whole request, which a
reader that gets the framing wrong takes for one.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum

from tests.smuggling.stage import request


class Expect(Enum):
    """What a relay must do with a case."""

    REFUSED = "refused"
    PASSED = "passed"
    EITHER = "either"
    """The RFC lets it choose; what it passes on must be what was sent."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a client says."""

    stream: bytes
    expect: Expect


Cases = Iterator[tuple[str, Case]]


def table(lines: bytes) -> dict[str, Case]:
    """Every case, by name; `lines` are the header lines that each request must have."""
    made: dict[str, Case] = {}
    for dimension in _DIMENSIONS:
        for name, case in dimension(lines):
            assert name not in made
            made[name] = case
    return made


def _smuggled(lines: bytes) -> bytes:
    return request(lines, start=b"GET /smuggled HTTP/1.1")


def _chunks(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def _named(values: list[bytes]) -> Iterator[tuple[str, bytes]]:
    for value in values:
        yield repr(value)[2:-1], value


def _codings(lines: bytes) -> Cases:
    body = _smuggled(lines)
    refused = [
        b"xchunked", b"chunkedx", b"chunked, identity", b"identity, chunked", b"identity", b"gzip", b"gzip, chunked",
        b"chunked, gzip", b"chunked, chunked", b"\x0bchunked", b"chunked\x0b", b"chunked\x0c", b"\x00chunked",
        b"chunked\x00", b'"chunked"', b"'chunked'", b"chunked;q=1", b"chunked ;a=b", b"chunked chunked", b"chu nked",
        b"", b",", b"cow", b"trailers", b"chunked\r\n ", b"\r\n chunked", b"\r\n\tchunked", b"\n chunked", b"chunked\r",
        b"\rchunked", b"\xa0chunked", b"chunked\xa0", b"\xe2\x80\x8bchunked", b"\xc5\xa7hunked", b"x,chunked", b"chunked:",
        b"chunked\x7f", b"chunked\x85", b"chun\xc4\xb8ed", b"deflate, chunked", b"chunked, x", b"-chunked", b"[chunked]",
    ]  # fmt: skip
    for name, value in _named(refused):
        for length in (b"", b"Content-Length: 4", b"Content-Length: %d" % len(_chunks(body))):
            label = f"te {name}" + (
                f" with {length.decode()}" if length.endswith(b": 4") else " with length" * bool(length)
            )
            line = b"Transfer-Encoding: " + value
            yield label, Case(request(lines, length, line, body=_chunks(body)), Expect.REFUSED)
    for name, value in _named([b"chunked", b"Chunked", b"CHUNKED", b"\tchunked", b"  chunked"]):
        line = b"Transfer-Encoding:" + value
        yield f"te good {name}", Case(request(lines, line, body=_chunks(body)), Expect.PASSED)
        for length in (b"0", b"4", b"%d" % len(_chunks(body))):
            both = [b"Content-Length: " + length, line]
            label = f"te {name} and length {'whole' if len(length) > 1 else length.decode()}"
            yield label, Case(request(lines, *both, body=_chunks(body)), Expect.REFUSED)
            yield f"{label}, reversed", Case(request(lines, *both[::-1], body=_chunks(body)), Expect.REFUSED)
    for name, value in _named([b"chunked,", b",chunked", b", ,chunked", b"chunked \t "]):
        yield f"te list {name}", Case(request(lines, b"Transfer-Encoding: " + value, body=_chunks(body)), Expect.EITHER)
    twice = {
        "twice": [b"chunked", b"chunked"], "identity first": [b"identity", b"chunked"], "x first": [b"x", b"chunked"],
        "identity last": [b"chunked", b"identity"], "x last": [b"chunked", b"x"],
    }  # fmt: skip
    for name, both in twice.items():
        fields = [b"Transfer-Encoding: " + value for value in both]
        yield f"te {name}", Case(request(lines, *fields, body=_chunks(body)), Expect.REFUSED)
        spelled = [fields[0], fields[1].replace(b"Transfer-Encoding", b"transfer-encoding")]
        yield f"te {name}, spelled apart", Case(request(lines, *spelled, body=_chunks(body)), Expect.REFUSED)
    old = request(lines, b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0", body=_chunks(body))
    yield "te in HTTP/1.0", Case(old, Expect.REFUSED)
    kept = request(
        lines, b"Connection: keep-alive", b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0", body=_chunks(body)
    )
    yield "te in HTTP/1.0 kept alive", Case(kept, Expect.REFUSED)


def _framing_names(lines: bytes) -> Cases:
    body = _smuggled(lines)
    for name in (b"Transfer-Encoding", b"Content-Length"):
        value = b"chunked" if name.startswith(b"T") else b"%d" % len(body)
        sent = _chunks(body) if name.startswith(b"T") else body
        for label, spelled in {
            "space before colon": name + b" :", "tab before colon": name + b"\t:", "space first": b" " + name + b":",
            "tab first": b"\t" + name + b":", "null inside": name.replace(b"-", b"-\x00") + b":", "null last": name + b"\x00:",
            "no colon": name, "two colons": name + b"::", "in quotes": b'"' + name + b'":', "vt": name + b"\x0b:",
            "dash of three bytes": name.replace(b"-", b"\xe2\x80\x90") + b":", "cr inside": name.replace(b"-", b"-\r") + b":",
            "lf first": b"X: y\n" + name + b":", "cr first": b"X: y\r" + name + b":", "null line": b"X: y\x00\r\n" + name + b":",
        }.items():  # fmt: skip
            head = request(lines, spelled + b" " + value, body=sent)
            yield f"{name.decode()} {label}", Case(head, Expect.REFUSED)
        for label, spelled in {
            "underscore": name.replace(b"-", b"_"), "plus": name + b"+", "x": b"X-" + name, "dotted": name.replace(b"-", b"."),
        }.items():  # fmt: skip
            # Another header to the RFC; what follows is then the next request.
            yield f"{name.decode()} {label}", Case(request(lines, spelled + b": " + value), Expect.PASSED)
        folded = name.swapcase()
        yield f"{name.decode()} swapped case", Case(request(lines, folded + b": " + value, body=sent), Expect.PASSED)
        for option in (name, name.lower(), b"close, " + name):
            refused = request(lines, b"Connection: " + option, name + b": " + value, body=sent)
            yield f"connection names {option.decode()}", Case(refused, Expect.EITHER)


def _lengths(lines: bytes) -> Cases:
    body = _smuggled(lines)
    size = b"%d" % len(body)
    for name, value in {
        "plus": b"+" + size, "minus": b"-" + size, "minus one": b"-1", "empty": b"", "hex": b"0x%x" % len(body), "exponent": b"1e2",
        "point": size + b".0", "list": size + b", " + size, "list unequal": b"0, " + size, "list reversed": size + b",0",
        "comma": size + b",", "space inside": size[:1] + b" " + size[1:], "underscore": size[:1] + b"_" + size[1:],
        "quoted": b'"' + size + b'"', "vt": b"\x0b" + size, "formfeed last": size + b"\x0c", "null": size + b"\x00", "nbsp": b"\xa0" + size,
        "arabic": "\u0661\u0662".encode(), "full width": "\uff11\uff12".encode(), "word": b"chunked", "semicolon": size + b";a=b",
        "2^64": b"%d" % (2**64), "2^64 and more": b"%d" % (2**64 + len(body)), "long": b"9" * 100,
        "nan": b"NaN", "folded": b"\r\n " + size, "folded tail": size + b"\r\n 0", "cr": size + b"\r", "lf": size + b"\nX: y", "binary": b"0b11",
        "2^32 wrap": b"%d" % (2**128 + len(body)), "superscript": "\u00b2".encode(), "control": size + b"\x1f", "delete": size + b"\x7f",
    }.items():  # fmt: skip
        yield f"length {name}", Case(request(lines, b"Content-Length: " + value, body=body), Expect.REFUSED)
        two = request(lines, b"Content-Length: " + size, b"Content-Length: " + value, body=body)
        yield f"length good, then {name}", Case(two, Expect.REFUSED)
        reverse = request(lines, b"Content-Length: " + value, b"Content-Length: " + size, body=body)
        yield f"length {name}, then good", Case(reverse, Expect.REFUSED)
    for name, pair in {
        "equal": (size, size), "zero and more": (b"0", size), "more and zero": (size, b"0"), "off by one": (size, b"%d" % (len(body) - 1))
    }.items():  # fmt: skip
        for spelling in (b"Content-Length", b"content-length"):
            two = request(lines, b"Content-Length: " + pair[0], spelling + b": " + pair[1], body=body)
            yield f"lengths {name} {spelling.decode()}", Case(two, Expect.REFUSED)
    for method in (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"HEAD", b"PURGE", b"X-!#$%&'*+.^_`|~"):
        whole = request(lines, b"Content-Length:  " + size + b"\t ", start=method + b" / HTTP/1.1", body=body)
        yield (
            f"length with {method.decode()}",
            Case(whole, Expect.PASSED if method != b"PURGE" and method[0:1] != b"X" else Expect.EITHER),
        )
    yield "length 2^63", Case(request(lines, b"Content-Length: %d" % 2**63, body=body), Expect.EITHER)
    yield "length zeros", Case(request(lines, b"Content-Length: 000" + size, body=body), Expect.EITHER)
    yield "length zero", Case(request(lines, b"Content-Length: 0"), Expect.PASSED)
    yield "no length", Case(request(lines), Expect.PASSED)


def _chunk_lines(lines: bytes) -> Cases:
    body = _smuggled(lines)
    size = b"%x" % len(body)

    def chunked(head: bytes, tail: bytes = b"\r\n0\r\n\r\n") -> bytes:
        return request(lines, b"Transfer-Encoding: chunked", body=head + body + tail)

    for name, head in {
        "0x": b"0x" + size + b"\r\n", "plus": b"+" + size + b"\r\n", "minus": b"-" + size + b"\r\n", "space first": b" " + size + b"\r\n",
        "tab first": b"\t" + size + b"\r\n", "space last": size + b" \r\n", "tab last": size + b"\t\r\n", "bare lf": size + b"\n", "bare cr": size + b"\r",
        "cr cr lf": size + b"\r\r\n", "lf cr": size + b"\n\r", "empty": b"\r\n", "word": b"zz\r\n", "g": size + b"g\r\n", "null": size + b"\x00\r\n",
        "vt": size + b"\x0b\r\n", "2^64": b"10000000000000000\r\n", "2^64 and more": b"1" + size.rjust(16, b"0") + b"\r\n",
        "2^128 and more": b"1" + size.rjust(32, b"0") + b"\r\n", "underscore": size[:1] + b"_" + size[1:] + b"\r\n", "comma": size + b",0\r\n",
        "quoted": b'"' + size + b'"\r\n', "point": size + b".0\r\n", "one more": b"%x\r\n" % (len(body) + 1), "one less": b"%x\r\n" % (len(body) - 1),
        "extension lf": size + b";a\nb\r\n", "extension cr": size + b";a\rb\r\n", "extension null": size + b";a\x00b\r\n",
        "extension quoted lf": size + b';a="\n"\r\n', "extension quoted crlf": size + b';a="\r\n"\r\n', "extension control": size + b";a\x01\r\n",
        "extension lf last": size + b";a\n", "extension space lf": size + b"; \n", "extension quote escapes cr": size + b';a="\\\r"\r\n',
    }.items():  # fmt: skip
        yield f"chunk {name}", Case(chunked(head), Expect.REFUSED)
    for name, head in {
        "upper": size.upper() + b"\r\n", "extension": size + b";a\r\n", "extension value": size + b";a=b;c=d\r\n",
    }.items():  # fmt: skip
        yield f"chunk good {name}", Case(chunked(head), Expect.PASSED)
    for name, head in {
        "zeros": size.rjust(9, b"0") + b"\r\n", "many zeros": size.rjust(64, b"0") + b"\r\n", "extension quoted": size + b';a="b"\r\n',
        "extension spaced": size + b" ; a = b\r\n", "extension quoted semicolon": size + b';a=";"\r\n', "extension escaped": size + b';a="\\""\r\n',
        "extension empty": size + b";\r\n", "extension unquoted": size + b';a="\r\n', "extension empty value": size + b";a=\r\n",
        "extension odd": size + b";(a)/@\r\n", "extension latin": size + b";\xe9\r\n", "extension semicolons": size + b";;;\r\n", "f": b"f" * 16 + b"\r\n",
    }.items():  # fmt: skip
        yield f"chunk either {name}", Case(chunked(head), Expect.EITHER)
    for name, tail in {
        "no break": b"0\r\n\r\n", "lf": b"\n0\r\n\r\n", "cr": b"\r0\r\n\r\n", "space": b" \r\n0\r\n\r\n", "two bytes": b"xy\r\n0\r\n\r\n", "lf cr": b"\n\r0\r\n\r\n",
        "last lf": b"\r\n0\n\n", "last cr": b"\r\n0\r\r", "last 0x0": b"\r\n0x0\r\n\r\n", "last minus": b"\r\n-0\r\n\r\n", "last space": b"\r\n0 \r\n\r\n",
        "last lf end": b"\r\n0\r\n\n", "last cr end": b"\r\n0\r\n\rX",
    }.items():  # fmt: skip
        yield f"chunk end {name}", Case(chunked(size + b"\r\n", tail), Expect.REFUSED)
    yield "chunk end zeros", Case(chunked(size + b"\r\n", b"\r\n0000\r\n\r\n"), Expect.EITHER)
    yield "chunk end extension", Case(chunked(size + b"\r\n", b"\r\n0;a=b\r\n\r\n"), Expect.PASSED)
    yield (
        "chunk by byte",
        Case(
            request(
                lines,
                b"Transfer-Encoding: chunked",
                body=b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n",
            ),
            Expect.PASSED,
        ),
    )


def _trailers(lines: bytes) -> Cases:
    body = _smuggled(lines)
    for name, trailer in {
        "content-length": b"Content-Length: 0", "content-length more": b"Content-Length: 99", "transfer-encoding": b"Transfer-Encoding: chunked",
        "host": b"Host: elsewhere", "connection": b"Connection: close", "authorization": b"Authorization: Basic eA==", "cookie": b"Cookie: a=b",
        "fsc-authorization": b"Fsc-Authorization: Bearer x", "fsc-transaction-id": b"Fsc-Transaction-Id: x", "te": b"TE: trailers",
        "fsc-grant-hash": b"Fsc-Grant-Hash: $1$3$x", "forwarded": b"X-Forwarded-For: 1.2.3.4", "forwarded standard": b"Forwarded: for=1",
        "real-ip": b"X-Real-IP: 1.2.3.4", "upgrade": b"Upgrade: h2c", "expect": b"Expect: 100-continue", "trailer": b"Trailer: Host",
        "posing": b"Fsc_Authorization: Bearer x", "content-type": b"Content-Type: x/y", "keep-alive": b"Keep-Alive: 5",
    }.items():  # fmt: skip
        sent = _chunks(body).removesuffix(b"\r\n") + trailer + b"\r\n\r\n"
        yield f"trailer {name}", Case(request(lines, b"Transfer-Encoding: chunked", body=sent), Expect.EITHER)
    for name, trailer in {
        "space before colon": b"X : y", "folded": b"X: y\r\n z", "no colon": b"X", "no name": b": y", "null": b"X: \x00", "lf": b"X: y\nZ: z",
        "cr": b"X: y\rZ: z", "control": b"X: \x01", "odd name": b"X\xe9: y", "request": b"GET /smuggled HTTP/1.1", "space first": b" X: y",
    }.items():  # fmt: skip
        sent = _chunks(body).removesuffix(b"\r\n") + trailer + b"\r\n\r\n"
        yield f"trailer broken {name}", Case(request(lines, b"Transfer-Encoding: chunked", body=sent), Expect.REFUSED)
    sent = _chunks(body).removesuffix(b"\r\n") + b"X-Sum: 1\r\nX-Sum: 2\r\n\r\n"
    yield (
        "trailer good",
        Case(request(lines, b"Trailer: X-Sum", b"Transfer-Encoding: chunked", body=sent), Expect.PASSED),
    )


def _heads(lines: bytes) -> Cases:
    def bad(name: str, *fields: bytes) -> tuple[str, Case]:
        return f"field {name}", Case(request(lines, *fields), Expect.REFUSED)

    for code in [*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F, 0x0A, 0x0D]:
        byte = bytes([code])
        yield bad(f"value with {code:02x}", b"X-A: a" + byte + b"b")
        yield bad(f"value begins with {code:02x}", b"X-A:" + byte + b"b")
        yield bad(f"value ends with {code:02x}", b"X-A: b" + byte)
    for code in [*range(0x21), *b'"(),/;<=>?@[\\]{}', 0x7F, 0x80, 0xA0, 0xE9, 0xFF]:
        yield bad(f"name with {code:02x}", b"X-" + bytes([code]) + b"A: b")
    yield bad("folded", b"X-A: b\r\n c")
    yield bad("folded tab", b"X-A: b\r\n\tc")
    yield bad("folded empty", b"X-A: b\r\n ")
    yield bad("folded request", b"X-A: b\r\n GET /smuggled HTTP/1.1")
    yield bad("no name", b": b")
    yield bad("no colon", b"X-A")
    yield bad("space only", b" ")
    yield bad("bare lf request", b"X-A: b\n\nGET /smuggled HTTP/1.1\nHost: x")
    yield bad("space before colon", b"X-A : b")
    for name, field in {
        "tilde": b"X-~!#$%&'*+.^_`|: y",
        "empty": b"X-A:",
        "tab": b"X-A:\tb\tc",
        "colon": b"X-A::b",
        "utf8": "X-A: \u00e9".encode(),
    }.items():
        yield f"field good {name}", Case(request(lines, field), Expect.PASSED)
    yield "field latin", Case(request(lines, b"X-A: \xe9"), Expect.EITHER)
    for name, hosts in {
        "twice": [b"Host: klant.x"], "another": [b"Host: elsewhere"], "space": [b"Host : klant.x"], "case": [b"HOST: klant.x"], "empty": [b"Host:"],
    }.items():  # fmt: skip
        yield f"host {name}", Case(request(lines, *hosts), Expect.REFUSED)
    for value in (
        b"a b",
        b"a/b",
        b"a@b",
        b"a,b",
        b"a\\b",
        b"a?b",
        b"a#b",
        b"a:b",
        b"<a>",
        b"a\tb",
        b"[::1",
        b"\xc3\xa9",
        b"a:80:90",
        b"klant.x, x",
    ):
        label = repr(value)[2:-1]
        expect = Expect.EITHER if value == b"a,b" else Expect.REFUSED
        yield f"host {label}", Case(request(lines).replace(b"Host: klant.x", b"Host: " + value), expect)
    yield "host missing", Case(request(lines).replace(b"Host: klant.x\r\n", b""), Expect.REFUSED)
    for name, option in {
        "host": b"Host",
        "fsc": b"Fsc-Authorization, Fsc-Transaction-Id",
        "x": b"X-Forwarded-For",
        "many": b"close, X-Nonce, keep-alive",
    }.items():
        yield f"connection names {name}", Case(request(lines, b"Connection: " + option), Expect.PASSED)
    for name, long in {
        "line": request(lines, start=b"GET /" + b"x" * 3_000_000 + b" HTTP/1.1"), "field": request(lines, b"X-A: " + b"x" * 5_000_000),
        "fields": request(lines, *(b"X-%d: %d" % (number, number) for number in range(200_000))), "name": request(lines, b"X" * 5_000_000 + b": y"),
    }.items():  # fmt: skip
        yield f"oversized {name}", Case(long, Expect.EITHER)


def _lines(lines: bytes) -> Cases:
    def start(line: bytes, expect: Expect) -> tuple[str, Case]:
        return f"start {repr(line[:60])[2:-1]}", Case(request(lines, start=line), expect)

    for version in (
        b"HTTP/2.0", b"HTTP/3", b"HTTP/0.9", b"HTTP/1.", b"HTTP/1", b"HTTP/1.1.1", b"HTTP/1.10", b"HTTP/01.1", b"HTTP/1,1", b"http/1.1", b"HTTPS/1.1",
        b"HTTP /1.1", b"HTTP/ 1.1", b"HTTP/1.1 ", b"HTTP/1.1\t", b"HTTP/1.1\x00", b"HTTP/-1.1", b"HTTP/+1.1", b"HTTP/1.1 x", b"ICE/1.0", b"RTSP/1.0", b"",
    ):  # fmt: skip
        yield start(b"GET / " + version, Expect.REFUSED)
    yield start(b"GET / HTTP/1.2", Expect.REFUSED)
    for line in (
        b"GET  / HTTP/1.1", b"GET /  HTTP/1.1", b"GET\t/ HTTP/1.1", b"GET /\tHTTP/1.1", b" GET / HTTP/1.1", b"\tGET / HTTP/1.1", b"GET /", b"GET", b"/",
        b"GET /a b HTTP/1.1", b"GET /\x00 HTTP/1.1", b"GET /\x01 HTTP/1.1", b"GET /\x7f HTTP/1.1", b"GET /\xc3\xa9 HTTP/1.1", b"GET /\xff HTTP/1.1",
        b"GET /a#b HTTP/1.1", b"GET a HTTP/1.1", b"GET * HTTP/1.1", b"GET @x/ HTTP/1.1", b"GET x:80 HTTP/1.1", b"GET \\ HTTP/1.1", b"GET ?a HTTP/1.1",
        b"CONNECT x:80 HTTP/1.1", b"CONNECT / HTTP/1.1", b"CONNECT http://x/ HTTP/1.1", b"G\x00T / HTTP/1.1", b"G(T / HTTP/1.1", b"GET: / HTTP/1.1",
        b"\xc3\xa9 / HTTP/1.1", b"GET ftp://x/ HTTP/1.1", b"GET http:// HTTP/1.1", b"GET http:///a HTTP/1.1", b"GET http://a@b/ HTTP/1.1", b"GET /\r / HTTP/1.1",
        b"GET /\n HTTP/1.1", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\nX-A: b", b"GET\x0b/ HTTP/1.1", b"GET\x0c/ HTTP/1.1", b"GET\xa0/ HTTP/1.1",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00", b"\x00GET / HTTP/1.1", b"\xef\xbb\xbfGET / HTTP/1.1", b"\nGET / HTTP/1.1", b"\rGET / HTTP/1.1",
    ):  # fmt: skip
        yield start(line, Expect.REFUSED)
    for line in (
        b"GET /?a=b&c HTTP/1.1",
        b"GET //a/../b/./%2e%2F;c HTTP/1.1",
        b"OPTIONS * HTTP/1.1",
        b"GET /:80@x HTTP/1.1",
        b"GET /?http://x/ HTTP/1.1",
    ):
        yield start(line, Expect.PASSED)
    for line in (
        b"GET http://klant.x/a HTTP/1.1", b"GET HTTP://klant.x HTTP/1.1", b"GET https://klant.x?a HTTP/1.1", b"\r\nGET / HTTP/1.1", b"\r\n\r\nGET / HTTP/1.1",
        b"GET http://klant.x:80/a/../b HTTP/1.1", b"GET http://klant.elsewhere/ HTTP/1.1", b"TRACE / HTTP/1.1", b"get / HTTP/1.1", b"BREW / HTTP/1.1",
        b"GET / HTTP/1.0", b"GET http://klant.x/ HTTP/1.0", b'GET /"<>\\^`{|} HTTP/1.1',
    ):  # fmt: skip
        yield start(line, Expect.EITHER)


def _connections(lines: bytes) -> Cases:
    body = _smuggled(lines)
    size = b"Content-Length: %d" % len(body)
    websocket = (
        b"Connection: Upgrade",
        b"Upgrade: websocket",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    )
    h2c = (b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA")
    get = b"GET / HTTP/1.1"
    yield "upgrade websocket refused by the service", Case(request(lines, *websocket, start=get), Expect.PASSED)
    yield "upgrade websocket with a body", Case(request(lines, *websocket, size, body=body), Expect.EITHER)
    chunked = request(lines, *websocket, b"Transfer-Encoding: chunked", body=_chunks(body))
    yield "upgrade websocket with chunks", Case(chunked, Expect.EITHER)
    yield (
        "upgrade websocket bad version",
        Case(request(lines, *websocket[:2], b"Sec-WebSocket-Version: 777", start=get), Expect.PASSED),
    )
    yield "upgrade h2c", Case(request(lines, *h2c, start=get), Expect.PASSED)
    yield "upgrade h2c with a body", Case(request(lines, *h2c, size, body=body), Expect.EITHER)
    yield "upgrade unnamed", Case(request(lines, b"Upgrade: websocket", start=get), Expect.PASSED)
    yield "upgrade in HTTP/1.0", Case(request(lines, *websocket, start=b"GET / HTTP/1.0"), Expect.EITHER)
    for value in (b"100-continue", b"100-Continue"):
        yield f"expect {value.decode()}", Case(request(lines, b"Expect: " + value, size, body=body), Expect.PASSED)
    for value in (b"100-continue, x", b"x", b"", b"200-ok", b"100-continue;a"):
        yield f"expect {value.decode()}", Case(request(lines, b"Expect: " + value, size, body=body), Expect.EITHER)
    yield "expect without a body", Case(request(lines, b"Expect: 100-continue", start=get), Expect.PASSED)
    yield "expect twice", Case(request(lines, b"Expect: 100-continue", b"Expect: x", size, body=body), Expect.EITHER)
    yield (
        "expect in HTTP/1.0",
        Case(request(lines, b"Expect: 100-continue", size, start=b"POST / HTTP/1.0", body=body), Expect.EITHER),
    )
    for value in (b"close", b"Close", b"close, x", b"x,close", b"keep-alive, close"):
        yield f"connection {value.decode()}", Case(request(lines, b"Connection: " + value), Expect.PASSED)
    yield "connection keep-alive", Case(request(lines, b"Connection: keep-alive"), Expect.PASSED)
    yield (
        "HTTP/1.0 kept alive",
        Case(request(lines, b"Connection: keep-alive", size, start=b"POST / HTTP/1.0", body=body), Expect.EITHER),
    )


_DIMENSIONS: tuple[Callable[[bytes], Cases], ...] = (
    _codings, _framing_names, _lengths, _chunk_lines, _trailers, _heads, _lines, _connections,
)  # fmt: skip
