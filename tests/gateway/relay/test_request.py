import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.relay.fields import CONNECTION, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE, Fate
from gateway.relay.request import Framing, check_request_line, read_framing

_VISIBLE = bytes(range(0x21, 0x7F))
_paths = st.text(_VISIBLE.decode().replace("#", ""), max_size=60).map(lambda rest: f"/{rest}".encode())


def read(target: bytes = b"/", *noted: tuple[Fate, bytes], method: str = "GET", version: str = "1.1") -> Framing:
    return read_framing(method, target, version, [], [(HOST, b"x"), *noted], has_length=False)


@pytest.mark.parametrize(
    "target",
    [
        *(b"", b"*", b"path", b"@elsewhere.example/", b".elsewhere.example/", b"elsewhere.example:443", b"0:80"),
        *(b"ftp://elsewhere.example/", b"http:///path", b"/a#fragment", b"http://host/#fragment", b"http://a@b/"),
    ],
)
def test_any_other_target_than_a_path_is_refused(target: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(target)


@given(_paths)
def test_a_path_stays_as_it_is(target: bytes) -> None:
    framing = read(target)
    assert (framing.target, framing.host) == (target, b"x")


def test_options_may_be_about_the_whole_service() -> None:
    assert read(b"*", method="OPTIONS").target == b"*"


@given(_paths, st.sampled_from([b"http", b"https", b"HTTP"]))
def test_a_url_gives_its_path_and_its_authority(path: bytes, scheme: bytes) -> None:
    framing = read(scheme + b"://klant.outway:8081" + path)
    assert (framing.target, framing.host) == (path, b"klant.outway:8081")


@pytest.mark.parametrize(("rest", "target"), [(b"", b"/"), (b"?a=b", b"/?a=b"), (b"?", b"/?")])
def test_a_url_without_a_path_is_about_the_root(rest: bytes, target: bytes) -> None:
    assert read(b"http://klant.outway" + rest).target == target


@pytest.mark.parametrize("host", [b"a b", b"a/b", b"a@b", b"a?b", b"a:b", b"[::1", b"a:80:90", b"a, b", b"\xc3\xa9"])
def test_a_host_that_is_none_is_refused(host: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_framing("GET", b"/", "1.1", [], [(HOST, host)], has_length=False)


@pytest.mark.parametrize("host", [b"a", b"a.b:80", b"[::1]:8080", b"", b"127.0.0.1:"])
def test_a_host_that_is_one_is_kept(host: bytes) -> None:
    assert read_framing("GET", b"/", "1.1", [], [(HOST, host)], has_length=False).host == host


@pytest.mark.parametrize(("hosts", "version"), [(0, "1.1"), (2, "1.1"), (2, "1.0")])
def test_a_host_is_given_once(hosts: int, version: str) -> None:
    with pytest.raises(InvalidRequest):
        read_framing("GET", b"/", version, [], [(HOST, b"x")] * hosts, has_length=False)
    assert read_framing("GET", b"/", "1.0", [], [], has_length=False).host is None


@pytest.mark.parametrize("version", ["2.0", "0.9", "3.0", "1.2"])
def test_another_version_is_refused(version: str) -> None:
    with pytest.raises(InvalidRequest):
        read(version=version)


@pytest.mark.parametrize("value", [b"chunked", b" Chunked\t"])
def test_chunked_is_understood(value: bytes) -> None:
    assert read(b"/", (TRANSFER_ENCODING, value)).is_chunked


@pytest.mark.parametrize("value", [b"xchunked", b"gzip, chunked", b"chunked, chunked", b"", b"identity"])
def test_any_other_coding_is_refused(value: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read(b"/", (TRANSFER_ENCODING, value))


def test_chunked_twice_or_in_http_1_0_is_refused() -> None:
    coding = (TRANSFER_ENCODING, b"chunked")
    with pytest.raises(InvalidRequest):
        read(b"/", coding, coding)
    with pytest.raises(InvalidRequest):
        read(b"/", coding, version="1.0")


def test_a_client_may_wait_for_its_body_to_be_wanted() -> None:
    assert read(b"/", (EXPECT, b"100-Continue")).expects_continue
    assert not read(b"/", (EXPECT, b"100-continue"), version="1.0").expects_continue
    with pytest.raises(InvalidRequest):
        read(b"/", (EXPECT, b"something"))


ASKING = ((CONNECTION, b"keep-alive, Upgrade"), (UPGRADE, b"WebSocket"))


def test_a_websocket_may_be_asked_for() -> None:
    assert read(b"/", *ASKING).upgrade == b"WebSocket"


@pytest.mark.parametrize(
    "noted",
    [
        ((CONNECTION, b"Upgrade"), (UPGRADE, b"h2c")),
        ((CONNECTION, b"Upgrade"), (UPGRADE, b"websocket, h2c")),
        ((CONNECTION, b"Upgrade"), (UPGRADE, b"websocket"), (UPGRADE, b"websocket")),
        ((CONNECTION, b"close"), (UPGRADE, b"websocket")),
        ((UPGRADE, b"websocket"),),
    ],
)
def test_no_other_protocol_is(noted: tuple[tuple[Fate, bytes], ...]) -> None:
    assert read(b"/", *noted).upgrade is None


def test_only_a_get_of_http_1_1_asks_for_it() -> None:
    assert read(b"/", *ASKING, method="POST").upgrade is None
    assert read(b"/", *ASKING, version="1.0").upgrade is None


def test_a_body_behind_an_upgrade_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        read(b"/", *ASKING, (TRANSFER_ENCODING, b"chunked"))
    with pytest.raises(InvalidRequest):
        read_framing("GET", b"/", "1.1", [], [(HOST, b"x"), *ASKING], has_length=True)


@pytest.mark.parametrize("line", [b"GET / HTTP/1.1", b"M-SEARCH /a?b HTTP/1.0", b"OPTIONS * HTTP/1.1"])
def test_a_request_line_as_the_standard_has_it(line: bytes) -> None:
    check_request_line(line)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"GET  / HTTP/1.1",
        b"GET /  HTTP/1.1",
        b"get / HTTP/1.1",
        b"GET / RTSP/1.0",
        b"GET /\xe9 HTTP/1.1",
        b"\nGET / HTTP/1.1",
    ],
)
def test_any_other_request_line_is_refused(line: bytes) -> None:
    with pytest.raises(InvalidRequest):
        check_request_line(line)
