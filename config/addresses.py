"""Addresses as the configuration writes them, parsed: where we listen, where Peers are reached, where a service lives.

Pure. Every parser takes text, returns a type whose `str()` is the normal form, and raises ValueError with a remedy.
Standard: FSC Core, management port and Fsc-Manager-Address (`https://host:port`); DESIGN section 3.
"""

import ipaddress
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from config.names import REGISTER_FAMILIES, suggestion

GROUP_PORTS: Final = frozenset({443, 8443})
"""The only ports that the standard allows for Managers and Inways."""

_SOCKET_PATH_BYTES: Final = 107
"""Linux keeps a socket's path in 108 bytes, the last of which is zero."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_HOST_AND_PORT = re.compile(r"(?P<host>\[[^\[\]]*\]|[^\[\]:/@]*):(?P<port>[0-9]{1,5})")
_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<host>\[[^\[\]]*\]|[^\[\]:/@?#]*)(:(?P<port>[0-9]{1,5}))?(?P<path>/[^?#]*)?"
)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP listener."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{_bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A listener on a socket in the file system."""

    path: Path

    def __str__(self) -> str:
        return f"unix:{self.path}"


ListenAddress: TypeAlias = TcpAddress | UnixAddress


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where a Manager or an Inway is reached: always https, a DNS name and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"https://{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class RegisterUpstream:
    """A family of the register, in this process or behind `register_url`."""

    family: str

    def __str__(self) -> str:
        return f"register:{self.family}"


@dataclass(frozen=True, slots=True)
class HttpUpstream:
    """A service of the municipality itself."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.scheme}://{_bracketed(self.host)}:{self.port}"


Upstream: TypeAlias = RegisterUpstream | HttpUpstream


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """What absolute URLs begin with. Shape: no slash at the end."""

    scheme: str
    host: str
    port: int | None = None
    path: str = ""

    def __str__(self) -> str:
        port = "" if self.port is None else f":{self.port}"
        return f"{self.scheme}://{_bracketed(self.host)}{port}{self.path}"


@dataclass(frozen=True, slots=True)
class CrlUrl:
    """Where an issuer publishes its CRL."""

    url: str

    def __str__(self) -> str:
        return self.url


CrlSource: TypeAlias = Path | CrlUrl


def parse_tcp_address(text: str) -> TcpAddress:
    """Parse `host:port`; port 0 lets the system choose one.

    Raises: ValueError.
    """
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None:
        raise ValueError("must be host:port, for example 0.0.0.0:8443")
    if not match["host"]:
        raise ValueError("names no host: write 0.0.0.0 for every interface, 127.0.0.1 for this machine only")
    return TcpAddress(_parse_host(match["host"]), _parse_port(match["port"], lowest=0))


def parse_unix_address(text: str) -> UnixAddress:
    """Parse `unix:path`.

    Raises: ValueError.
    """
    scheme, _, path = text.partition(":")
    if scheme != "unix" or not path:
        raise ValueError("must be unix: and the path of a socket, for example unix:data/admin.sock")
    return UnixAddress(parse_path(path))


def check_socket_path(address: UnixAddress) -> None:
    """Check that the operating system can hold the path.

    Raises: ValueError.
    """
    length = len(os.fsencode(address.path))
    if length > _SOCKET_PATH_BYTES:
        raise ValueError(
            f"the path of a socket has at most {_SOCKET_PATH_BYTES} bytes and this one {length}: choose a shorter one"
        )


def parse_listen_address(text: str) -> ListenAddress:
    """Parse `host:port` or `unix:path`.

    Raises: ValueError.
    """
    return parse_unix_address(text) if text.startswith("unix:") else parse_tcp_address(text)


def parse_peer_address(text: str) -> PeerAddress:
    """Parse `https://host:port` as the standard writes it. Whether the Group allows the port is checked elsewhere.

    Raises: ValueError.
    """
    url = _parse_url(text)
    if url.scheme != "https" or url.port is None or url.path:
        raise ValueError("must be https://host:port and nothing more, for example https://manager.example.test:8443")
    if host_version(url.host) is not None:
        raise ValueError("needs a DNS name: TLS cannot choose a Peer by IP address")
    return PeerAddress(url.host, url.port)


def parse_upstream(text: str) -> Upstream:
    """Parse `register:<family>` or `scheme://host[:port]`.

    Raises: ValueError.
    """
    scheme, _, family = text.partition(":")
    if scheme == "register":
        if family not in REGISTER_FAMILIES:
            raise ValueError(f"the register has no such family{suggestion(family, REGISTER_FAMILIES)}")
        return RegisterUpstream(family)
    url = _parse_url(text)
    if url.scheme not in _DEFAULT_PORTS or url.path:
        raise ValueError("must be register:<family>, or http(s)://host:port without a path")
    return HttpUpstream(url.scheme, url.host, _DEFAULT_PORTS[url.scheme] if url.port is None else url.port)


def parse_base_url(text: str) -> BaseUrl:
    """Parse `http(s)://host[:port][/path]`; a slash at the end is dropped.

    Raises: ValueError.
    """
    url = _parse_url(text.rstrip("/"))
    if url.scheme not in _DEFAULT_PORTS:
        raise ValueError("must begin with https:// or http://")
    return url


def parse_crl_source(text: str) -> CrlSource:
    """Parse an http(s) URL or the path of a file.

    Raises: ValueError.
    """
    if "://" not in text:
        return parse_path(text)
    parse_base_url(text.partition("?")[0])
    if not text.isprintable() or " " in text:
        raise ValueError("must be a URL without white space")
    return CrlUrl(text)


def parse_path(text: str) -> Path:
    """Parse the path of a file or folder.

    Raises: ValueError.
    """
    if not text or not text.isprintable():
        raise ValueError("must be the path of a file, without control characters")
    return Path(text)


def host_version(host: str) -> int | None:
    """The IP version of a parsed host; None for a DNS name."""
    if ":" in host:
        return 6
    return 4 if _looks_numeric(host) else None


def _parse_url(text: str) -> BaseUrl:
    match = _URL.fullmatch(text)
    if match is None or not text.isprintable() or " " in text:
        raise ValueError("must be an address like https://host:port, without a user name, a query or white space")
    port = None if match["port"] is None else _parse_port(match["port"], lowest=1)
    return BaseUrl(match["scheme"].lower(), _parse_host(match["host"]), port, match["path"] or "")


def _parse_port(text: str, *, lowest: int) -> int:
    port = int(text)
    if not lowest <= port <= 65535:
        raise ValueError(f"the port must be between {lowest} and 65535")
    return port


def _parse_host(text: str) -> str:
    """Lower case for a DNS name, the shortest form for an IP address."""
    bracketed = text.startswith("[")
    bare = text[1:-1] if bracketed else text
    if bracketed or _looks_numeric(bare):
        try:
            return str(ipaddress.IPv6Address(bare) if bracketed else ipaddress.IPv4Address(bare))
        except ValueError as error:
            raise ValueError("the host is not an IP address: check its numbers") from error
    host = bare.lower()
    if not host.isascii():
        raise ValueError("the host has letters that DNS does not know: write its xn-- form")
    if len(host) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in host.split(".")):
        raise ValueError("the host is not a DNS name: labels of letters, digits and hyphens, separated by dots")
    return host


def _looks_numeric(host: str) -> bool:
    return host.rpartition(".")[2].isdecimal() and host.isascii()


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
