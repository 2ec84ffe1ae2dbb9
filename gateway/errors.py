"""The error table of Manager, Inway and Outway: every code, its domain and its HTTP status.

Standard: FSC Core, Error Handling, and the code tables of Manager, Outway and Inway; FSC Logging, error codes.
An error is raised anywhere and rendered once, at the edge, as `{message, domain, code}` with `Fsc-Error-Code`.

A code belongs to one component (`domain`), or to whichever component answers: then `domain` is None and the edge,
which knows what it is, names it when rendering. `own` marks a code that the enumerations of `manager.yaml` lack: it
comes from the text of the standard, from an extension, or from us (docs/divergences.md lists them).

Messages say what was wrong and what to do, and never contain a token, a key or personal data.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})
_BEARER: Mapping[str, str] = MappingProxyType({"WWW-Authenticate": "Bearer"})


class ErrorDomain(StrEnum):
    """The FSC component in which an error occurred."""

    MANAGER = "ERROR_DOMAIN_MANAGER"
    INWAY = "ERROR_DOMAIN_INWAY"
    OUTWAY = "ERROR_DOMAIN_OUTWAY"


class FscError(Exception):
    """A refusal that is told to the other side; each subclass with a `code` is one row of the table."""

    code: str
    status: int
    domain: ErrorDomain | None = None
    own: bool = False
    headers: Mapping[str, str] = _NO_HEADERS

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message

    def body(self, component: ErrorDomain) -> dict[str, str]:
        """The error object of the standard; `component` answers the request."""
        return {"message": self.message, "domain": self.domain or component, "code": self.code}

    def response_headers(self) -> dict[str, str]:
        """The headers that the answer must carry."""
        return {**self.headers, "Fsc-Error-Code": self.code}


class ManagerError(FscError):
    """Occurs in a Manager only."""

    domain = ErrorDomain.MANAGER


class InwayError(FscError):
    """Occurs in an Inway only."""

    domain = ErrorDomain.INWAY


class OutwayError(FscError):
    """Occurs in an Outway only."""

    domain = ErrorDomain.OUTWAY


class IncorrectGroupId(ManagerError):
    """The contract belongs to another Group."""

    code = "ERROR_CODE_INCORRECT_GROUP_ID"
    status = 422


class PeerNotPartOfContract(ManagerError):
    """Submitter or receiver is in no grant; the one code that 1.1 and every enumeration know."""

    code = "ERROR_CODE_PEER_NOT_PART_OF_CONTRACT"
    status = 422


class SubmittingPeerNotPartOfContract(ManagerError):
    """The Peer that calls is in no grant (2.x)."""

    code = "ERROR_CODE_SUBMITTING_PEER_NOT_PART_OF_CONTRACT"
    status = 422
    own = True


class ReceivingPeerNotPartOfContract(ManagerError):
    """We are in no grant (2.x)."""

    code = "ERROR_CODE_RECEIVING_PEER_NOT_PART_OF_CONTRACT"
    status = 422
    own = True


class ContentHashMismatch(ManagerError):
    """`given`, a hash that a Peer gave, is not the hash of the content that came with it."""

    def __init__(self, message: str, *, given: str) -> None:
        super().__init__(message)
        self.given = given


class SignatureContractContentHashMismatch(ContentHashMismatch):
    """The signature was made over another content hash than the contract has."""

    code = "ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH"
    status = 422


class PeerCertificateVerificationFailed(ManagerError):
    """The client certificate is trusted, but its subject does not follow the rules of the Group."""

    code = "ERROR_CODE_PEER_CERTIFICATE_VERIFICATION_FAILED"
    status = 400


class PeerIdSignatureMismatch(ManagerError):
    """The certificate that signed belongs to another Peer."""

    code = "ERROR_CODE_PEER_ID_SIGNATURE_MISMATCH"
    status = 422


class SignatureVerificationFailed(ManagerError):
    """Not a JWS, unknown or untrusted key, wrong signature, or wrong signature type."""

    code = "ERROR_CODE_SIGNATURE_VERIFICATION_FAILED"
    status = 422


class GrantCombinationNotAllowed(ManagerError):
    """Publication is mixed with other use."""

    code = "ERROR_CODE_GRANT_COMBINATION_NOT_ALLOWED"
    status = 422


class UrlPathContentHashMismatch(ContentHashMismatch):
    """The hash in the path is not the hash of the content in the body."""

    code = "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH"
    status = 422


class UnknownHashAlgorithmHash(ManagerError):
    """`hash_algorithm`, or the algorithm number of a hash, is not supported."""

    code = "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH"
    status = 422


class UnknownAlgorithmSignature(ManagerError):
    """The JWS names an algorithm outside the six of the standard."""

    code = "ERROR_CODE_UNKNOWN_ALGORITHM_SIGNATURE"
    status = 422


class UnknownFscVersion(ManagerError):
    """`fsc_version` is not one that this Group supports."""

    code = "ERROR_CODE_UNKNOWN_FSC_VERSION"
    status = 422
    own = True


class IncorrectPublicKeyThumbprint(ManagerError):
    """The public key thumbprint of an Outway is malformed."""

    code = "ERROR_CODE_INCORRECT_PUBLIC_KEY_THUMBPRINT"
    status = 422


class InvalidContract(ManagerError):
    """A rule for contracts without a code in the standard is broken: dates, iv, names, grants, properties."""

    code = "ERROR_CODE_INVALID_CONTRACT"
    status = 422
    own = True


class TooManyProposals(ManagerError):
    """The Peer has proposed more than we keep for it until somebody decides."""

    code = "ERROR_CODE_TOO_MANY_PROPOSALS"
    status = 429
    own = True


class AccessTokenMissing(InwayError):
    """`Fsc-Authorization` holds no access token."""

    code = "ERROR_CODE_ACCESS_TOKEN_MISSING"
    status = 401
    headers = _BEARER


class AccessTokenInvalid(InwayError):
    """The access token does not authorize this connection."""

    code = "ERROR_CODE_ACCESS_TOKEN_INVALID"
    status = 401
    headers = _BEARER


class AccessTokenExpired(InwayError):
    """The access token was good once."""

    code = "ERROR_CODE_ACCESS_TOKEN_EXPIRED"
    status = 401
    headers = _BEARER


class WrongGroupIdInToken(InwayError):
    """The access token is for another Group."""

    code = "ERROR_CODE_WRONG_GROUP_ID_IN_TOKEN"
    status = 403


class ServiceNotFound(InwayError):
    """This Inway does not offer the Service."""

    code = "ERROR_CODE_SERVICE_NOT_FOUND"
    status = 404


class ServiceUnreachable(InwayError):
    """The Service did not answer."""

    code = "ERROR_CODE_SERVICE_UNREACHABLE"
    status = 502


class MethodUnsupported(OutwayError):
    """CONNECT is not proxied."""

    code = "ERROR_CODE_METHOD_UNSUPPORTED"
    status = 405
    headers = MappingProxyType({"Allow": "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS"})


class UnknownGrantHashInHeader(OutwayError):
    """`Fsc-Grant-Hash` names no grant of ours."""

    code = "UNKNOWN_GRANT_HASH_IN_HEADER"
    status = 400
    own = True


class NoValidGrant(OutwayError):
    """The request selects no connection grant that is valid now."""

    code = "ERROR_CODE_NO_VALID_GRANT"
    status = 400
    own = True


class TokenRequestFailed(OutwayError):
    """The providing Manager gave no access token, or one that must not be used."""

    code = "ERROR_CODE_TOKEN_REQUEST_FAILED"
    status = 502
    own = True


class InwayUnreachable(OutwayError):
    """The providing Inway did not answer."""

    code = "ERROR_CODE_INWAY_UNREACHABLE"
    status = 502
    own = True


class TransactionLogWriteError(FscError):
    """The transaction cannot be logged, so it does not take place."""

    code = "TRANSACTION_LOG_WRITE_ERROR"
    status = 500
    own = True


class InvalidLogRecordId(FscError):
    """`Fsc-Transaction-Id` is malformed."""

    code = "INVALID_LOG_RECORD_ID"
    status = 400
    own = True


class MissingLogRecordId(FscError):
    """`Fsc-Transaction-Id` is absent."""

    code = "MISSING_LOG_RECORD_ID"
    status = 400
    own = True


class InvalidRequest(FscError):
    """The request breaks HTTP, JSON or the schema: body, query, cursor or header."""

    code = "ERROR_CODE_INVALID_REQUEST"
    status = 400
    own = True


class NotFound(FscError):
    """There is nothing at this path."""

    code = "ERROR_CODE_NOT_FOUND"
    status = 404
    own = True


class MethodNotAllowed(FscError):
    """The path exists, the method does not."""

    code = "ERROR_CODE_METHOD_NOT_ALLOWED"
    status = 405
    own = True

    def __init__(self, message: str, *, allowed: tuple[str, ...]) -> None:
        super().__init__(message)
        self.headers = {"Allow": ", ".join(allowed)}


class RequestTooLarge(FscError):
    """The body exceeds the limit."""

    code = "ERROR_CODE_REQUEST_TOO_LARGE"
    status = 413
    own = True


class RequestHeadersTooLarge(RequestTooLarge):
    """The headers exceed the limit."""

    status = 431


class RequestTimeout(FscError):
    """The body did not come within the time."""

    code = "ERROR_CODE_REQUEST_TIMEOUT"
    status = 408
    own = True


class UnsupportedMediaType(FscError):
    """The body is of a type that this path does not read."""

    code = "ERROR_CODE_UNSUPPORTED_MEDIA_TYPE"
    status = 415
    own = True


class InternalError(FscError):
    """A fault of ours, told without detail."""

    code = "ERROR_CODE_INTERNAL_ERROR"
    status = 500
    own = True


class StoreUnavailable(FscError):
    """The store cannot answer now; the same request may succeed later."""

    code = "ERROR_CODE_STORE_UNAVAILABLE"
    status = 503
    own = True


def quoted(text: str, limit: int = 80) -> str:
    """A short, printable quotation of something that a Peer sent, for use in a message."""
    shown = text if len(text) <= limit else f"{text[: limit - 1]}…"
    return f"'{''.join(c if c.isprintable() else '�' for c in shown)}'"
