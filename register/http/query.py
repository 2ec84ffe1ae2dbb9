"""Query parameters: read once, each key known or refused (REGISTER.md section 2.1)."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from register.errors import NON_FIELD, Faults, InvalidParam, ValidatieFout

MAX_PARAMETERS = 100


def parse_query(raw: str) -> dict[str, str]:
    """The parameters by name; of a repeated one the values are joined by commas for `expand`, else the last counts."""
    values: dict[str, str] = {}
    try:
        pairs = parse_qsl(raw, keep_blank_values=True, max_num_fields=MAX_PARAMETERS)
    except ValueError as error:
        reason = f"Ten hoogste {MAX_PARAMETERS} parameters."
        raise ValidatieFout([InvalidParam(NON_FIELD, "max_length", reason)]) from error
    for name, value in pairs:
        values[name] = f"{values[name]},{value}" if name == "expand" and name in values else value
    return values


def parse_search(body: Mapping[str, Any]) -> dict[str, str]:
    """The same parameters, given as a JSON object of known keys.

    Raises: ValidatieFout for a value that no query could carry.
    """
    values: dict[str, str] = {}
    faults = Faults()
    for name, value in body.items():
        text = _as_text(name, value)
        if text is None:
            faults.add(name, "invalid", "Geef tekst, een getal of true/false.")
        else:
            values[name] = text
    faults.check()
    return values


def check_known(given: Iterable[str], known: Collection[str]) -> None:
    """Raise ValidatieFout when a parameter is not one of `known`; the caller's own spelling is not repeated."""
    if any(name not in known for name in given):
        offered = ", ".join(sorted(known)) or "geen"
        reason = f"Onbekende parameters zijn meegegeven; bekend zijn: {offered}."
        raise ValidatieFout([InvalidParam(NON_FIELD, "unknown-parameters", reason)])


def _as_text(name: str, value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int) and abs(value) < 10**15:
        return str(value)
    if isinstance(value, str):
        return value
    if name == "expand" and isinstance(value, list) and all(isinstance(each, str) for each in value):
        return ",".join(value)
    return None
