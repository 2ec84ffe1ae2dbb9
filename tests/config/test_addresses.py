from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import addresses
from config.addresses import BaseUrl, CrlUrl, HttpUpstream, PeerAddress, RegisterUpstream, TcpAddress, UnixAddress

PARSERS: tuple[Callable[[str], object], ...] = (
    addresses.parse_tcp_address,
    addresses.parse_listen_address,
    addresses.parse_peer_address,
    addresses.parse_upstream,
    addresses.parse_base_url,
    addresses.parse_crl_source,
    addresses.parse_path,
)


@pytest.mark.parametrize(
    ("parse", "text", "parsed", "normal"),
    [
        (addresses.parse_tcp_address, "0.0.0.0:8443", TcpAddress("0.0.0.0", 8443), "0.0.0.0:8443"),
        (addresses.parse_tcp_address, "LOCALHOST:0", TcpAddress("localhost", 0), "localhost:0"),
        (addresses.parse_tcp_address, "[::0001]:443", TcpAddress("::1", 443), "[::1]:443"),
        (addresses.parse_listen_address, "unix:data/a.sock", UnixAddress(Path("data/a.sock")), "unix:data/a.sock"),
        (
            addresses.parse_peer_address,
            "HTTPS://Manager.Example.TEST:8443",
            PeerAddress("manager.example.test", 8443),
            "https://manager.example.test:8443",
        ),
        (addresses.parse_upstream, "register:kic", RegisterUpstream("kic"), "register:kic"),
        (addresses.parse_upstream, "http://10.0.0.1", HttpUpstream("http", "10.0.0.1", 80), "http://10.0.0.1:80"),
        (addresses.parse_upstream, "https://a.b", HttpUpstream("https", "a.b", 443), "https://a.b:443"),
        (addresses.parse_base_url, "https://a.b/t/x/", BaseUrl("https", "a.b", None, "/t/x"), "https://a.b/t/x"),
        (addresses.parse_base_url, "http://[::1]:8000", BaseUrl("http", "::1", 8000), "http://[::1]:8000"),
        (addresses.parse_crl_source, "pki/ca.crl", Path("pki/ca.crl"), "pki/ca.crl"),
        (addresses.parse_crl_source, "http://crl.a.b/x?y=1", CrlUrl("http://crl.a.b/x?y=1"), "http://crl.a.b/x?y=1"),
    ],
)
def test_addresses_are_parsed_and_written_in_normal_form(
    parse: Callable[[str], object], text: str, parsed: object, normal: str
) -> None:
    assert parse(text) == parsed
    assert str(parsed) == normal
    assert parse(normal) == parsed


@pytest.mark.parametrize(
    ("parse", "text", "reason"),
    [
        (addresses.parse_tcp_address, "8443", "must be host:port"),
        (addresses.parse_tcp_address, ":8443", "names no host"),
        (addresses.parse_tcp_address, "a:65536", "between 0 and 65535"),
        (addresses.parse_tcp_address, "a:-1", "must be host:port"),
        (addresses.parse_tcp_address, "::1:443", "must be host:port"),
        (addresses.parse_tcp_address, "[::g]:443", "not an IP address"),
        (addresses.parse_tcp_address, "1.2.3:443", "not an IP address"),
        (addresses.parse_tcp_address, "a_b:443", "not a DNS name"),
        (addresses.parse_listen_address, "unix:", "unix: and the path"),
        (addresses.parse_unix_address, "/run/x.sock", "unix: and the path"),
        (addresses.parse_peer_address, "https://a.b", "https://host:port and nothing more"),
        (addresses.parse_peer_address, "http://a.b:443", "https://host:port and nothing more"),
        (addresses.parse_peer_address, "https://a.b:443/", "https://host:port and nothing more"),
        (addresses.parse_peer_address, "https://10.0.0.1:443", "needs a DNS name"),
        (addresses.parse_peer_address, "https://[::1]:443", "needs a DNS name"),
        (addresses.parse_peer_address, "https://user@a.b:443", "without a user name"),
        (addresses.parse_peer_address, "https://a.b:0", "between 1 and 65535"),
        (addresses.parse_peer_address, "https://gemeente-é.nl:443", "xn--"),
        (addresses.parse_peer_address, "https://-a.b:443", "not a DNS name"),
        (addresses.parse_peer_address, f"https://{'a.' * 127}b:443", "not a DNS name"),
        (addresses.parse_upstream, "register:klantinteractie", 'did you mean "klantinteracties"'),
        (addresses.parse_upstream, "register:", "no such family"),
        (addresses.parse_upstream, "http://a.b/path", "without a path"),
        (addresses.parse_upstream, "ftp://a.b", "must be register"),
        (addresses.parse_upstream, "http://a.b?x=1", "without a user name, a query"),
        (addresses.parse_base_url, "a.b", "like https://"),
        (addresses.parse_base_url, "ws://a.b", "must begin with https://"),
        (addresses.parse_base_url, "https://a.b /x", "white space"),
        (addresses.parse_base_url, "https://a.b/\nx", "white space"),
        (addresses.parse_crl_source, "ldap://a.b/x", "must begin with https://"),
        (addresses.parse_crl_source, "http://a.b/x?y z", "white space"),
        (addresses.parse_path, "", "path of a file"),
        (addresses.parse_path, "a\0b", "path of a file"),
    ],
)
def test_bad_addresses_are_refused_with_a_reason(parse: Callable[[str], object], text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse(text)


@pytest.mark.parametrize("parse", PARSERS)
@given(
    text=st.text(max_size=40) | st.from_regex(r"[a-z]{0,6}:?/?/?[a-z0-9.\[\]:@-]{0,20}(:[0-9]{0,6})?/?", fullmatch=True)
)
def test_any_text_gives_a_stable_value_or_a_value_error(parse: Callable[[str], object], text: str) -> None:
    try:
        parsed = parse(text)
    except ValueError:
        return
    assert parse(str(parsed)) == parsed


def test_the_ip_version_of_a_host() -> None:
    assert [addresses.host_version(host) for host in ("::1", "127.0.0.1", "localhost", "a.b")] == [6, 4, None, None]


def test_a_socket_path_must_fit_the_operating_system() -> None:
    addresses.check_socket_path(UnixAddress(Path("/" + "a" * 106)))
    with pytest.raises(ValueError, match="at most 107 bytes and this one 108"):
        addresses.check_socket_path(UnixAddress(Path("/" + "a" * 107)))
    with pytest.raises(ValueError, match="at most 107"):
        addresses.check_socket_path(UnixAddress(Path("/" + "é" * 54)))
