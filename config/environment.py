"""The environment over the file: `KR_GROUP__ID=...` replaces `group.id`. Pure.

Scalars are text, lists and objects are JSON; an item of a list in the file is named by its position, from zero
(`KR_TENANTS__0__NAME`). A whole is applied before its parts. Every variable that begins with KR_ must mean something.
"""

from collections.abc import Mapping
from typing import Final

from config.draft import Draft
from config.errors import Location, Problem
from config.models.section import Section
from config.names import suggestion
from config.shape import FieldShape, known_keys, section_at, shape_of
from config.strict_json import parse_json

PREFIX: Final = "KR_"
_SEPARATOR: Final = "__"


def overlay(draft: Draft, root: type[Section], environ: Mapping[str, str]) -> None:
    """Apply the variables of `environ` to `draft`."""
    applied: set[Location] = set()
    for name in sorted(environ, key=lambda name: (name.count(_SEPARATOR), name)):
        if not name.startswith(PREFIX):
            continue
        try:
            location, shape = _locate(name, root, draft)
            value = environ[name] if shape.is_scalar else parse_json(environ[name])
        except ValueError as error:
            draft.problems.append(Problem(name, str(error), "environment"))
            continue
        other_form = _other_form(root, location)
        if other_form is not None and other_form not in applied:
            draft.remove(other_form)
        draft.replace(location, value, f"environment variable {name}")
        applied.add(location)


def _locate(name: str, root: type[Section], draft: Draft) -> tuple[Location, FieldShape]:
    """Find what the variable replaces.

    Raises: ValueError, when that is nothing.
    """
    location: Location = ()
    shape = FieldShape(root, is_list=False, is_scalar=False)
    understood = PREFIX
    for word in name.removeprefix(PREFIX).split(_SEPARATOR):
        if shape.is_list:
            location = (*location, _position(word, draft, location))
            shape = FieldShape(shape.section, is_list=False, is_scalar=shape.section is None)
        else:
            found = shape_of(shape.section, word.lower()) if shape.section and word.isupper() else None
            if found is None:
                options = [understood + key.upper() for key in (known_keys(shape.section) if shape.section else ())]
                raise ValueError(f"this variable is no setting{suggestion(name, options)}")
            location, shape = (*location, word.lower()), found
        understood += word + _SEPARATOR
    return location, shape


def _position(word: str, draft: Draft, location: Location) -> int:
    items = draft.at(location)
    count = len(items) if isinstance(items, list) else 0
    if not (word.isascii() and word.isdigit()) or int(word[:9]) >= count:
        raise ValueError(f"an item is named by its position, from 0, and there are {count} in the list")
    return int(word)


def _other_form(root: type[Section], location: Location) -> Location | None:
    """For a secret the location of its `_file` form, for that form the location of the secret."""
    *parents, key = location
    section = section_at(root, tuple(parents))
    if section is None or not isinstance(key, str):
        return None
    if key in section.secret_keys():
        return (*parents, f"{key}_file")
    secret = key.removesuffix("_file")
    return (*parents, secret) if secret != key and secret in section.secret_keys() else None
