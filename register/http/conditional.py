"""Conditional requests (RFC 9110 section 13) and what the caller accepts (section 12)."""

from collections.abc import Iterator, Mapping

from pydantic_core import to_json

from register.errors import NotAcceptable, PreconditionFailed
from register.privacy import TenantKeys
from storage.documents import JsonObject

_ACCEPTED_RANGES = ("application/json", "application/*", "*/*")


def etag(representation: JsonObject, keys: TenantKeys) -> str:
    """A strong tag of one rendered object; keyed, so that a guessed BSN cannot be checked against it."""
    return f'"{keys.fingerprint(to_json(representation))}"'


def is_not_modified(headers: Mapping[str, str], current: str) -> bool:
    """Whether the caller has this version already. Weak comparison: RFC 9110 section 13.1.2."""
    wanted = headers.get("if-none-match", "")
    return bool(wanted) and any(tag in ("*", current) for tag in _tags(wanted, weak=True))


def check_if_match(headers: Mapping[str, str], current: str) -> None:
    """Raise PreconditionFailed when the caller rests on another version. Strong comparison: section 13.1.1."""
    wanted = headers.get("if-match", "")
    if wanted and not any(tag in ("*", current) for tag in _tags(wanted, weak=False)):
        raise PreconditionFailed


def check_acceptable(headers: Mapping[str, str]) -> None:
    """Raise NotAcceptable when no answer in JSON is wanted. The most specific range decides."""
    accept = headers.get("accept", "").strip()
    if not accept:
        return
    quality = dict(_ranges(accept))
    chosen = next((quality[each] for each in _ACCEPTED_RANGES if each in quality), 0.0)
    if chosen <= 0:
        raise NotAcceptable


def _tags(header: str, *, weak: bool) -> Iterator[str]:
    for each in header.split(","):
        tag = each.strip()
        yield tag.removeprefix("W/") if weak else tag


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    for each in accept.split(","):
        media_range, *parameters = (part.strip().lower() for part in each.split(";"))
        quality = 1.0
        for parameter in parameters:
            name, _, value = parameter.partition("=")
            if name.strip() == "q":
                quality = _quality(value.strip())
        yield media_range, quality


def _quality(text: str) -> float:
    try:
        return min(max(float(text), 0.0), 1.0)
    except ValueError:
        return 0.0
