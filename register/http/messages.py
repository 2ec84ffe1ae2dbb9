"""A request and a response as values, so that the listener and the Inway are both thin adapters."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic_core import to_json

from register.tenancy import Arrival

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """Shape: `path` as on the wire and below the tenant's prefix, `query` without `?`, header names lower case."""

    method: str
    path: str
    arrival: Arrival
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class RegisterResponse:
    """The answer; each header name occurs once."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


def json_response(
    status: int, content: object, *, headers: Mapping[str, str] | None = None, media_type: str = JSON
) -> RegisterResponse:
    """A response whose body is `content` as JSON."""
    return RegisterResponse(status, {"Content-Type": media_type, **(headers or {})}, to_json(content))
