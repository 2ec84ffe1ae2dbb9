"""Every problem the register reports: one exception tree and one renderer to problem+json.

Standard: RFC 9457; the members `code` and `invalidParams` are those of the VNG `Fout` and `ValidatieFout`.

    Fout
    ├── ValidatieFout            400, with invalidParams
    ├── ParseError               400
    ├── NotAuthenticated, AuthenticationFailed                     401
    ├── PermissionDenied, TenantMismatch                           403
    ├── NotFound, MethodNotAllowed, NotAcceptable                  404 405 406
    ├── ConcurrentChange, Duplicate, PreconditionFailed            409 409 412
    ├── ContentTooLarge, UnsupportedMediaType                      413 415
    └── InternalError, ServiceUnavailable                          500 503

Texts are Dutch, as in the APIs, and never hold what the caller sent: that may be a BSN, a name or an address.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar
from uuid import UUID

PROBLEM_JSON = "application/problem+json"
NON_FIELD = "nonFieldErrors"


@dataclass(frozen=True, slots=True)
class InvalidParam:
    """One thing wrong with what was sent; `name` is the path in camelCase, list places as numbers."""

    name: str
    code: str
    reason: str


class Fout(Exception):
    """A request that is not served, with what the caller may know about it."""

    status: ClassVar[int]
    code: ClassVar[str]
    title: ClassVar[str]
    detail: ClassVar[str]

    def __init__(self, detail: str = "", *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail or self.detail)
        self.text = detail or self.detail
        self.headers = dict(headers or {})

    def members(self) -> dict[str, Any]:
        """What this problem adds to the body."""
        return {}


class ValidatieFout(Fout):
    """The content breaks rules; all of them are told at once."""

    status = 400
    code = "invalid"
    title = "Ongeldige invoer."
    detail = "De invoer voldoet niet aan de regels; zie invalidParams."

    def __init__(self, params: Iterable[InvalidParam]) -> None:
        super().__init__()
        self.params = tuple(params)

    def members(self) -> dict[str, Any]:
        """The parameters that are wrong."""
        return {"invalidParams": [{"name": p.name, "code": p.code, "reason": p.reason} for p in self.params]}


class ParseError(Fout):
    """The body is not JSON that can be read."""

    status = 400
    code = "parse_error"
    title = "Ongeldig verzoek."
    detail = "De inhoud is geen geldige JSON in UTF-8."


class NotAuthenticated(Fout):
    """No credential was given."""

    status = 401
    code = "not_authenticated"
    title = "Authenticatiegegevens ontbreken."
    detail = "Geef de sleutel van uw applicatie mee: Authorization: Token <sleutel>."


class AuthenticationFailed(Fout):
    """The credential is not one of ours."""

    status = 401
    code = "authentication_failed"
    title = "Authenticatie is mislukt."
    detail = "De authenticatiegegevens zijn onbekend, ongeldig of verlopen."


class PermissionDenied(Fout):
    """The caller is known and may not do this."""

    status = 403
    code = "permission_denied"
    title = "Geen toestemming."
    detail = "U heeft geen toestemming voor deze handeling."


class TenantMismatch(Fout):
    """Host name, path and credential point at different tenants."""

    status = 403
    code = "tenant-mismatch"
    title = "Geen toestemming."
    detail = "Hostnaam, pad en authenticatiegegevens horen niet bij dezelfde organisatie."


class NotFound(Fout):
    """There is nothing here for this caller."""

    status = 404
    code = "not_found"
    title = "Niet gevonden."
    detail = "Het gevraagde bestaat niet."


class MethodNotAllowed(Fout):
    """The resource exists; the method is not offered on it."""

    status = 405
    code = "method_not_allowed"
    title = "Methode niet toegestaan."
    detail = "Deze methode wordt hier niet ondersteund; zie de header Allow."

    def __init__(self, allowed: Iterable[str]) -> None:
        super().__init__(headers={"Allow": ", ".join(allowed)})


class NotAcceptable(Fout):
    """The caller accepts no format that we have."""

    status = 406
    code = "not_acceptable"
    title = "Geen geschikt formaat."
    detail = "Antwoorden zijn er alleen als application/json; pas de header Accept aan."


class ConcurrentChange(Fout):
    """Others kept changing the same records; nothing was changed by this request."""

    status = 409
    code = "conflict"
    title = "Gelijktijdige wijziging."
    detail = "Anderen wijzigen dezelfde gegevens op dit moment; probeer het opnieuw."


class Duplicate(Fout):
    """The same thing is there already."""

    status = 409
    code = "duplicate"
    title = "Bestaat al."
    detail = "Dit gegeven is al geregistreerd; gebruik of wijzig het bestaande."


class PreconditionFailed(Fout):
    """The version named by If-Match is not the current one."""

    status = 412
    code = "precondition_failed"
    title = "Voorwaarde niet vervuld."
    detail = "Het gegeven is sindsdien gewijzigd; haal het opnieuw op."


class ContentTooLarge(Fout):
    """The body is larger than we read."""

    status = 413
    code = "content_too_large"
    title = "Inhoud te groot."
    detail = "De inhoud is groter dan toegestaan; verstuur minder per verzoek."


class UnsupportedMediaType(Fout):
    """The body is not declared to be JSON."""

    status = 415
    code = "unsupported_media_type"
    title = "Formaat niet ondersteund."
    detail = "Verstuur de inhoud als application/json."


class InternalError(Fout):
    """Our fault; the cause stays inside."""

    status = 500
    code = "error"
    title = "Interne fout."
    detail = "Er ging iets mis; meld het kenmerk in instance aan de beheerder."


class ServiceUnavailable(Fout):
    """The store does not serve now."""

    status = 503
    code = "service_unavailable"
    title = "Tijdelijk niet beschikbaar."
    detail = "De opslag is tijdelijk niet bereikbaar; probeer het later opnieuw."


class Faults:
    """Collects what is wrong with one request, so that everything is told at once."""

    __slots__ = ("_params",)

    def __init__(self, params: Iterable[InvalidParam] = ()) -> None:
        self._params = list(params)

    @property
    def params(self) -> tuple[InvalidParam, ...]:
        """What was found so far."""
        return tuple(self._params)

    def add(self, name: str, code: str, reason: str) -> None:
        """Remember one fault."""
        self._params.append(InvalidParam(name, code, reason))

    def add_all(self, params: Iterable[InvalidParam], *, prefix: str = "") -> None:
        """Remember faults whose names are relative to `prefix`."""
        self._params.extend(InvalidParam(prefix + p.name, p.code, p.reason) for p in params)

    def has(self, prefix: str) -> bool:
        """Whether `prefix` or anything under it is at fault."""
        return any(p.name == prefix or p.name.startswith(prefix + ".") for p in self._params)

    def check(self) -> None:
        """Raise ValidatieFout when there is any fault."""
        if self._params:
            raise ValidatieFout(self._params)


def does_not_exist(name: str) -> InvalidParam:
    """A reference to something that this tenant does not have; `name` is the path of the reference itself."""
    return InvalidParam(f"{name}.uuid", "does_not_exist", "Het object waarnaar wordt verwezen bestaat niet.")


def problem(fout: Fout, instance: UUID) -> dict[str, Any]:
    """The problem+json body. Standard: RFC 9457 section 3.1."""
    return {
        "type": f"urn:problem-type:klantenregister:{fout.code}",
        "code": fout.code,
        "title": fout.title,
        "status": fout.status,
        "detail": fout.text,
        "instance": f"urn:uuid:{instance}",
        **fout.members(),
    }
