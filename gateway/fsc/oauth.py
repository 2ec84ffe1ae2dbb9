"""The refusals of the token endpoint, which has an error format of its own.

Standard: FSC Core, Manager / Error response; RFC 6749 section 5.2.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class OAuthErrorCode(StrEnum):
    """The six values of RFC 6749 section 5.2."""

    INVALID_REQUEST = "invalid_request"
    INVALID_CLIENT = "invalid_client"
    INVALID_GRANT = "invalid_grant"
    INVALID_SCOPE = "invalid_scope"
    UNAUTHORIZED_CLIENT = "unauthorized_client"
    UNSUPPORTED_GRANT_TYPE = "unsupported_grant_type"


class OAuthError(Exception):
    """A refusal of the token endpoint, which has an error format of its own.

    Standard: FSC Core, Manager / Error response; RFC 6749 section 5.2.
    """

    status = 400
    headers: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store"})

    def __init__(self, error: str, description: str) -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description

    def body(self) -> dict[str, str]:
        """The error object of RFC 6749, which allows a small set of characters only."""
        description = "".join(c if " " <= c <= "~" and c not in '"\\' else "'" for c in self.description)
        return {"error": self.error, "error_description": description}


class OAuthTemporarilyUnavailable(OAuthError):
    """No token now, whatever the request deserves; the same request may succeed later.

    RFC 6749 has no word for this at the token endpoint; it is that of the authorization endpoint (section 4.1.2.1).
    """

    status = 503
    headers: Mapping[str, str] = MappingProxyType({"Cache-Control": "no-store", "Retry-After": "1"})

    def __init__(self, description: str) -> None:
        super().__init__("temporarily_unavailable", description)
