"""The names and addresses of FSC: a type for each and one parser for each.

Standard: FSC Core, Group ID, Port configuration, Contract Validation, Content hash, Grant hash;
FSC Logging, transaction id. Peer ID and Peer name are in `certs.identity`.
Every parser raises ValueError with a text that reads after the name of the field: "group_id " + text.
"""

import re
from enum import StrEnum
from ipaddress import IPv6Address
from typing import NewType

from gateway.errors import quoted
from gateway.fsc.uuid7 import is_uuid7, parse_uuid, parse_uuid7

GroupId = NewType("GroupId", str)
ServiceName = NewType("ServiceName", str)
ContentHash = NewType("ContentHash", str)
GrantHash = NewType("GrantHash", str)
TransactionId = NewType("TransactionId", str)
ManagerAddress = NewType("ManagerAddress", str)
InwayAddress = NewType("InwayAddress", str)

HASH_ALGORITHM = "HASH_ALGORITHM_SHA3_512"
HASH_ALGORITHM_NUMBER = 1
CONTENT_HASH_TYPE = 1

MAX_HASH_LENGTH = 1024
MAX_ADDRESS_LENGTH = 255
MAX_DOMAIN_NAME_LENGTH = 253
MAX_TRANSACTION_ID_LENGTH = 255
PORTS = frozenset({443, 8443})
"""The only ports that components of a Group may use."""

_GROUP_ID = re.compile(r"[a-zA-Z0-9./_-]{1,100}", re.ASCII)
_SERVICE_NAME = re.compile(r"[a-zA-Z0-9\-._]{1,100}", re.ASCII)
_HASH = re.compile(r"\$(\d{1,9})\$(\d{1,9})\$[A-Za-z0-9_+/-]+={0,2}", re.ASCII)
_ADDRESS = re.compile(r"https://([a-z0-9_.-]+|\[[0-9a-f:.]+\]):(\d{1,5})/?", re.ASCII | re.IGNORECASE)
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?", re.ASCII)
_MAX_PORT = 65535


class TransactionIdForm(StrEnum):
    """Which transaction ids a Group accepts; the standard leaves it to the profile of the Group."""

    UUID7 = "uuid7"
    UUID = "uuid"
    ANY = "any"


def parse_group_id(text: str) -> GroupId:
    """Read a Group ID."""
    if not _GROUP_ID.fullmatch(text):
        raise ValueError("must be 1 to 100 of the characters a-z A-Z 0-9 . / _ -")
    return GroupId(text)


def parse_service_name(text: str) -> ServiceName:
    """Read the name of a Service."""
    if not _SERVICE_NAME.fullmatch(text):
        raise ValueError("must be 1 to 100 of the characters a-z A-Z 0-9 - . _")
    return ServiceName(text)


def parse_domain_name(text: str) -> str:
    """Read a domain name into lower case, without a final dot."""
    name = text.lower().removesuffix(".")
    labels_fit = all(_LABEL.fullmatch(label) for label in name.split("."))
    if not (text.isascii() and labels_fit and len(name) <= MAX_DOMAIN_NAME_LENGTH):
        raise ValueError("is not a domain name")
    return name


def hash_algorithm(text: str) -> int:
    """The number of the algorithm that a content or grant hash claims to be made with."""
    return _hash_numbers(text)[0]


def hash_type(text: str) -> int:
    """The type number of a content or grant hash.

    Use it to word a message, never to decide: Peers in the field number the types differently.
    """
    return _hash_numbers(text)[1]


def parse_content_hash(text: str) -> ContentHash:
    """Read a content hash, keeping its spelling: hashes are compared exactly."""
    _hash_numbers(text)
    return ContentHash(text)


def parse_grant_hash(text: str) -> GrantHash:
    """Read a grant hash, keeping its spelling: hashes are compared exactly."""
    _hash_numbers(text)
    return GrantHash(text)


def parse_transaction_id(text: str, form: TransactionIdForm = TransactionIdForm.UUID7) -> TransactionId:
    """Read a transaction id in the form that the Group prescribes."""
    if form is TransactionIdForm.UUID7:
        if not is_uuid7(text):
            parse_uuid7(text)
    elif form is TransactionIdForm.UUID:
        parse_uuid(text)
    elif not (0 < len(text) <= MAX_TRANSACTION_ID_LENGTH and text.isascii() and text.isprintable()):
        raise ValueError(f"must be 1 to {MAX_TRANSACTION_ID_LENGTH} printable ASCII characters")
    return TransactionId(text)


def parse_manager_address(text: str, *, allow_any_port: bool = False) -> ManagerAddress:
    """Read the address of a Manager into its one spelling, `https://host:port`."""
    return ManagerAddress(_parse_address(text, allow_any_port=allow_any_port))


def parse_inway_address(text: str, *, allow_any_port: bool = False) -> InwayAddress:
    """Read the address of an Inway into its one spelling, `https://host:port`."""
    return InwayAddress(_parse_address(text, allow_any_port=allow_any_port))


def host_and_port(address: ManagerAddress | InwayAddress) -> tuple[str, int]:
    """Where to connect; an IPv6 host comes without its brackets."""
    host, _, port = address.removeprefix("https://").rpartition(":")
    return host.strip("[]"), int(port)


def _hash_numbers(text: str) -> tuple[int, int]:
    match = _HASH.fullmatch(text) if len(text) <= MAX_HASH_LENGTH else None
    if match is None:
        raise ValueError("is not a hash of the form $<algorithm>$<type>$<base64url>")
    return int(match[1]), int(match[2])


def _parse_address(text: str, *, allow_any_port: bool) -> str:
    match = _ADDRESS.fullmatch(text) if len(text) <= MAX_ADDRESS_LENGTH else None
    if match is None:
        raise ValueError("must be https://<host>:<port>, without user, path or query")
    host, port = _parse_host(match[1]), int(match[2])
    if not 0 < port <= _MAX_PORT:
        raise ValueError(f"has port {port}, which does not exist")
    if port not in PORTS and not allow_any_port:
        raise ValueError(f"has port {port}; FSC allows 443 and 8443 only")
    return f"https://{host}:{port}"


def _parse_host(host: str) -> str:
    try:
        return f"[{IPv6Address(host[1:-1])}]" if host.startswith("[") else parse_domain_name(host)
    except ValueError as error:
        raise ValueError(f"has a host that cannot exist: {quoted(host)}") from error
