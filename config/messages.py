"""What pydantic found wrong, in plain sentences. Pure. No sentence repeats a value: it could be a secret."""

from collections.abc import Callable
from typing import Any, Final

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from config.draft import Draft
from config.errors import Location
from config.models.section import Section
from config.names import suggestion
from config.shape import known_keys, section_at

_WHOLE_NUMBER: Final = "must be a whole number"
_LIST: Final = "must be a list: begin each item with a hyphen, or write [a, b]"
_MAPPING: Final = "must hold keys with values, not a single value or a list"
_TRUE_OR_FALSE: Final = "must be true or false"

_SENTENCES: Final[dict[str, str]] = {
    "bool_parsing": _TRUE_OR_FALSE,
    "bool_type": _TRUE_OR_FALSE,
    "int_from_float": _WHOLE_NUMBER,
    "int_parsing": _WHOLE_NUMBER,
    "int_parsing_size": _WHOLE_NUMBER,
    "int_type": _WHOLE_NUMBER,
    "finite_number": _WHOLE_NUMBER,
    "tuple_type": _LIST,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "model_type": _MAPPING,
    "model_attributes_type": _MAPPING,
    "string_type": "must be text: put it in quotes",
    "too_short": "must have at least one item",
}

_WITH_LIMIT: Final[dict[str, Callable[[dict[str, Any]], str]]] = {
    "greater_than_equal": lambda context: f"must be at least {context['ge']}",
    "less_than_equal": lambda context: f"must be at most {context['le']}",
    "literal_error": lambda context: f"must be {context['expected']}",
    "enum": lambda context: f"must be {context['expected']}",
    "value_error": lambda context: str(context["error"]),
}


def report_errors(draft: Draft, root: type[Section], error: ValidationError) -> None:
    """Note every finding of `error` in `draft`."""
    found = error.errors(include_url=False, include_input=False)
    around_faults = {details["loc"][:length] for details in found for length in range(len(details["loc"]))}
    for details in found:
        location = details["loc"]
        is_empty_for_its_faults = details["type"] == "too_short" and location in around_faults
        if not is_empty_for_its_faults and not _is_reported_as_file(draft, location):
            draft.report(location, _sentence(details, root))


def _is_reported_as_file(draft: Draft, location: Location) -> bool:
    """A secret whose file could not be read is missing, and the reader knows already why."""
    *parents, key = location or ("",)
    return draft.is_reported((*parents, f"{key}_file"))


def _sentence(details: ErrorDetails, root: type[Section]) -> str:
    kind, location = details["type"], details["loc"]
    if kind == "extra_forbidden":
        return _unknown_key(root, location)
    if kind == "missing":
        return _missing_key(root, location)
    if kind in _WITH_LIMIT:
        return _WITH_LIMIT[kind](details.get("ctx", {}))
    return _SENTENCES.get(kind, "has a value that cannot stand here: see docs/configuration.md")


def _unknown_key(root: type[Section], location: Location) -> str:
    section = section_at(root, location[:-1])
    return f"unknown key{suggestion(str(location[-1]), () if section is None else known_keys(section))}"


def _missing_key(root: type[Section], location: Location) -> str:
    section, key = section_at(root, location[:-1]), str(location[-1])
    if section is None:
        return "is required"
    either = f", here or as {key}_file" if key in section.secret_keys() else ""
    return f"is required{either}: {section.model_fields[key].description}"
