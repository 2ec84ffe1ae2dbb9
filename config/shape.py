"""What the models say about the shape of the file: which section stands where, what it holds. Pure."""

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import JsonValue

from config.errors import Location
from config.models.section import Section


@dataclass(frozen=True, slots=True)
class FieldShape:
    """What stands under a key."""

    section: type[Section] | None
    """The section there, or the section of each item; None for plain values."""

    is_list: bool
    is_scalar: bool


def shape_of(section: type[Section], key: str) -> FieldShape | None:
    """Describe what `section` holds under `key`, `_file` forms included; None when it has no such key."""
    if key.removesuffix("_file") in section.secret_keys():
        return FieldShape(None, is_list=False, is_scalar=True)
    field = section.model_fields.get(key)
    if field is None:
        return None
    annotation = _bare(field.annotation)
    if get_origin(annotation) is tuple:
        item = _bare(get_args(annotation)[0])
        return FieldShape(_as_section(item), is_list=True, is_scalar=False)
    found = _as_section(annotation)
    return FieldShape(found, is_list=False, is_scalar=found is None and get_origin(annotation) is not Mapping)


def known_keys(section: type[Section]) -> tuple[str, ...]:
    """Name every key that may stand in the section, `_file` forms included."""
    return (*section.model_fields, *(f"{key}_file" for key in section.secret_keys()))


def section_at(root: type[Section], location: Location) -> type[Section] | None:
    """Find the section whose keys stand directly below `location`."""
    section: type[Section] | None = root
    for step in location:
        if section is None:
            return None
        if isinstance(step, str):
            shape = shape_of(section, step)
            section = None if shape is None else shape.section
    return section


def mappings_in(
    root: type[Section], value: JsonValue, location: Location = ()
) -> Iterator[tuple[type[Section], dict[str, JsonValue], Location]]:
    """Walk every mapping in `value` that is a section, outermost first, whatever else is wrong with the rest."""
    if not isinstance(value, dict):
        return
    yield root, value, location
    for key, inner in value.items():
        shape = shape_of(root, key)
        if shape is None or shape.section is None:
            continue
        if not shape.is_list:
            yield from mappings_in(shape.section, inner, (*location, key))
        elif isinstance(inner, list):
            for position, item in enumerate(inner):
                yield from mappings_in(shape.section, item, (*location, key, position))


def _bare(annotation: Any) -> Any:
    """Take off `Annotated` and `| None`."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _bare(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        inner = [argument for argument in get_args(annotation) if argument is not types.NoneType]
        return _bare(inner[0]) if len(inner) == 1 else annotation
    return annotation


def _as_section(annotation: Any) -> type[Section] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None
