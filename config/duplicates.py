"""Names that must be unique, checked on the plain values: so they are found whatever else is wrong. Pure."""

from collections.abc import Mapping
from typing import Final

from pydantic import JsonValue

from config.draft import Draft
from config.errors import Location, path_text
from config.models.section import Section
from config.settings import GroupSettings, Settings, TenantSettings
from config.shape import mappings_in

_UNIQUE: Final[Mapping[type[Section], Mapping[str, tuple[str, ...]]]] = {
    Settings: {"tenants": ("slug", "peer_id")},
    GroupSettings: {"directories": ("peer_id",)},
    TenantSettings: {"services": ("name",), "connections": ("name",), "applications": ("id",)},
}
"""By section and list: the keys whose values no two items may share."""


def report_duplicates(draft: Draft) -> None:
    """Note every item whose name an earlier item of the same list has."""
    for section, mapping, location in mappings_in(Settings, draft.value):
        for name, keys in _UNIQUE.get(section, {}).items():
            items = mapping.get(name)
            for key in keys if isinstance(items, list) else ():
                _report_repeated(draft, (*location, name), items, key)


def _report_repeated(draft: Draft, location: Location, items: JsonValue, key: str) -> None:
    assert isinstance(items, list)
    first: dict[str, int] = {}
    for index, item in enumerate(items):
        value = item.get(key) if isinstance(item, dict) else None
        if not isinstance(value, str):
            continue
        if value in first:
            earlier = path_text((*location, first[value], key))
            draft.report((*location, index, key), f"is the same as {earlier}: each must be different")
        first.setdefault(value, index)
