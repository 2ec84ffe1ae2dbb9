import pytest
from pydantic import JsonValue

from config.errors import Location
from config.models.section import Section
from config.settings import (
    AcceptRule,
    ApplicationSettings,
    ConnectionSettings,
    GroupSettings,
    RevocationSettings,
    ServiceReference,
    Settings,
    TenantSettings,
)
from config.shape import FieldShape, known_keys, mappings_in, section_at, shape_of


@pytest.mark.parametrize(
    ("section", "key", "shape"),
    [
        (Settings, "group", FieldShape(GroupSettings, is_list=False, is_scalar=False)),
        (Settings, "tenants", FieldShape(TenantSettings, is_list=True, is_scalar=False)),
        (Settings, "storage", FieldShape(None, is_list=False, is_scalar=True)),
        (Settings, "storage_file", FieldShape(None, is_list=False, is_scalar=True)),
        (Settings, "register_url", FieldShape(None, is_list=False, is_scalar=True)),
        (Settings, "group_file", None),
        (Settings, "nothing", None),
        (GroupSettings, "trust_anchors", FieldShape(None, is_list=True, is_scalar=False)),
        (AcceptRule, "services", FieldShape(None, is_list=True, is_scalar=False)),
        (AcceptRule, "max_days", FieldShape(None, is_list=False, is_scalar=True)),
        (ApplicationSettings, "token_file", FieldShape(None, is_list=False, is_scalar=True)),
    ],
)
def test_shape_of_a_key(section: type[Section], key: str, shape: FieldShape | None) -> None:
    assert shape_of(section, key) == shape


def test_free_objects_are_neither_section_nor_scalar() -> None:
    assert shape_of(ConnectionSettings, "properties") == FieldShape(None, is_list=False, is_scalar=False)


def test_known_keys_include_the_file_form_of_secrets_only() -> None:
    assert set(known_keys(ApplicationSettings)) == {"id", "token", "token_file", "scopes", "expires_on"}
    assert known_keys(RevocationSettings) == ("mode", "crl", "refresh_seconds")


@pytest.mark.parametrize(
    ("location", "section"),
    [
        ((), Settings),
        (("group", "revocation"), RevocationSettings),
        (("tenants", 3), TenantSettings),
        (("tenants", 0, "connections", 1, "service"), ServiceReference),
        (("storage",), None),
        (("nothing", "below", 1), None),
    ],
)
def test_section_at(location: Location, section: type[Section] | None) -> None:
    assert section_at(Settings, location) is section


def test_walk_finds_the_sections_among_whatever_else_is_there() -> None:
    value: JsonValue = {
        "group": {"revocation": {}, "directories": "wrong"},
        "tenants": [{"applications": [{"id": "x"}, 5]}, None, "wrong"],
        "unknown": {"group": {}},
    }
    found = {location: section for section, _, location in mappings_in(Settings, value)}
    assert found == {
        (): Settings,
        ("group",): GroupSettings,
        ("group", "revocation"): RevocationSettings,
        ("tenants", 0): TenantSettings,
        ("tenants", 0, "applications", 0): ApplicationSettings,
    }
