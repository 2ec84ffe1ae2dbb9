from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.errors import Faults
from register.http.fields import Anything, Attribute, ListOf, Reference, Shape, snake_case
from register.http.links import Links
from register.http.values import Choice, Day, Field, Flag, Id, Text, Whole

UUID = "1A2B3C4D-0000-4000-8000-0123456789ab"
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


class Kleur(StrEnum):
    ROOD = "rood"
    BLAUW = "blauw"


def read(field: Field, value: Any) -> tuple[Any, list[tuple[str, str]]]:
    faults = Faults()
    result = field.read(value, "veld", faults)
    return result, [(each.name, each.code) for each in faults.params]


SLUG = Text(5, min_length=2, pattern="[a-z]+", pattern_hint="Kleine letters.")


@pytest.mark.parametrize(
    ("field", "value", "result"),
    [
        (Text(5), "  ab  ", "ab"),
        (Text(5), "", ""),
        (Text(2), "🙂🙂", "🙂🙂"),
        (SLUG, "abc", "abc"),
        (SLUG, "", ""),
        (Choice(Kleur), "rood", Kleur.ROOD),
        (Choice(("a", "b")), "a", "a"),
        (Flag(), False, False),
        (Whole(1, 9), 9, 9),
        (Day(), "2024-02-29", "2024-02-29"),
        (Id(), UUID, UUID.lower()),
        (Reference(), {"uuid": UUID, "url": "https://elsewhere.test/"}, UUID.lower()),
        (ListOf(Whole(1, 9), 2), [1, 2], [1, 2]),
        (Anything({}), {"a": [1]}, {"a": [1]}),
    ],
)
def test_good_values_are_read(field: Field, value: Any, result: Any) -> None:
    assert read(field, value) == (result, [])


@pytest.mark.parametrize(
    ("field", "value", "fault"),
    [
        (Text(5), "abcdef", ("veld", "max_length")),
        (Text(5), 12, ("veld", "invalid")),
        (Text(5), True, ("veld", "invalid")),
        (Text(5), "a\0", ("veld", "null_characters_not_allowed")),
        (Text(5), "\ud800", ("veld", "invalid")),
        (Text(5, blank=False), "  ", ("veld", "blank")),
        (SLUG, "a", ("veld", "min_length")),
        (SLUG, "ab1", ("veld", "invalid")),
        (Choice(Kleur), "groen", ("veld", "invalid_choice")),
        (Choice(Kleur), 1, ("veld", "invalid_choice")),
        (Choice(Kleur), ["rood"], ("veld", "invalid_choice")),
        (Flag(), "true", ("veld", "invalid")),
        (Flag(), 1, ("veld", "invalid")),
        (Whole(1, 9), 0, ("veld", "min_value")),
        (Whole(1, 9), 10, ("veld", "max_value")),
        (Whole(1, 9), True, ("veld", "invalid")),
        (Whole(1, 9), 1.0, ("veld", "invalid")),
        (Day(), "2023-02-29", ("veld", "invalid")),
        (Day(), "20240229", ("veld", "invalid")),
        (Day(), 20240229, ("veld", "invalid")),
        (Id(), "x", ("veld", "invalid")),
        (Id(), f"urn:uuid:{UUID}", ("veld", "invalid")),
        (Reference(), UUID, ("veld", "invalid")),
        (Reference(), {}, ("veld.uuid", "required")),
        (Reference(), {"uuid": None}, ("veld.uuid", "invalid")),
        (ListOf(Flag(), 2), {}, ("veld", "not_a_list")),
        (ListOf(Flag(), 2), [True] * 3, ("veld", "max_length")),
        (ListOf(Flag(), 2), [True, None], ("veld.1", "null")),
        (ListOf(Reference(), 2), [{"uuid": UUID}, {}], ("veld.1.uuid", "required")),
    ],
)
def test_bad_values_are_told_with_the_code_that_clients_know(field: Field, value: Any, fault: tuple[str, str]) -> None:
    assert read(field, value)[1] == [fault]


FIELDS: list[Field] = [
    *(SLUG, Text(3), Choice(Kleur), Flag(), Whole(0, 3), Day(), Id(), Reference()),
    *(ListOf(Flag(), 2), Shape((Attribute("a", Flag(), required=True),))),
]


@given(st.sampled_from(FIELDS), json_values.filter(lambda value: value is not None))
def test_any_value_is_read_or_told_and_never_repeated(field: Field, value: Any) -> None:
    faults = Faults()
    field.read(value, "veld", faults)
    assert all(each.name.startswith("veld") and each.reason for each in faults.params)
    if isinstance(value, str) and len(value) > 15:
        assert all(value not in each.reason for each in faults.params)


SHAPE = Shape(
    (
        Attribute("uuid", Id(), read_only=True),
        Attribute("naamVan", Text(5), required=True),
        Attribute("leeg", Flag(nullable=True)),
        Attribute("groep", Shape((Attribute("binnenIn", Whole(1, 9), required=True),), nullable=True)),
    )
)


def read_shape(body: dict[str, Any], *, partial: bool = False) -> tuple[dict[str, Any], dict[str, str]]:
    faults = Faults()
    return SHAPE.read_attributes(body, faults, partial=partial), {each.name: each.code for each in faults.params}


def test_a_shape_gives_what_was_given_by_core_name() -> None:
    given_, faults = read_shape({"naamVan": "x", "leeg": None, "groep": {"binnenIn": 3}, "vreemd": 1, "uuid": "x"})
    assert given_ == {"naam_van": "x", "leeg": None, "groep": {"binnen_in": 3}}
    assert faults == {}


def test_older_clients_may_write_snake_case() -> None:
    assert read_shape({"naam_van": "x", "groep": {"binnen_in": 3}})[0] == {"naam_van": "x", "groep": {"binnen_in": 3}}


def test_everything_wrong_is_told_at_once_and_left_out() -> None:
    given_, faults = read_shape({"leeg": "x", "groep": {"binnenIn": 99}})
    assert given_ == {}
    assert faults == {"naamVan": "required", "leeg": "invalid", "groep.binnenIn": "max_value"}


def test_null_is_a_fault_where_it_is_no_value() -> None:
    assert read_shape({"naamVan": None})[1] == {"naamVan": "null"}
    assert read_shape({"naamVan": "x", "groep": None}) == ({"naam_van": "x", "groep": None}, {})


def test_a_part_of_a_shape_asks_for_nothing() -> None:
    assert read_shape({}, partial=True) == ({}, {})


def test_a_group_that_is_no_object_is_told() -> None:
    assert read_shape({"naamVan": "x", "groep": []})[1] == {"groep": "invalid"}


def test_the_schema_describes_the_shape() -> None:
    schema = SHAPE.schema()
    assert schema["required"] == ["naamVan"]
    assert schema["properties"]["uuid"] == {"type": "string", "format": "uuid", "readOnly": True}
    assert schema["properties"]["leeg"] == {"type": "boolean", "nullable": True}
    assert schema["properties"]["groep"]["properties"]["binnenIn"]["maximum"] == 9
    assert SLUG.schema() == {"type": "string", "maxLength": 5, "pattern": "^([a-z]+)?$"}
    assert Text(5, blank=False, pattern="[a-z]+").schema() == {
        "type": "string",
        "maxLength": 5,
        "minLength": 1,
        "pattern": "^[a-z]+$",
    }
    assert Choice(Kleur).schema()["enum"] == ["rood", "blauw"]


def test_names_become_snake_case() -> None:
    assert snake_case("subIdentificatorVan") == "sub_identificator_van"
    assert snake_case("adresregel1") == "adresregel1"


@dataclass(frozen=True)
class Ding:
    uuid: str = "u"
    naam: str = "x"
    moeder: str | None = "m"
    delen: tuple[str, ...] = ("a", "b")
    adres: "Ding | None" = None


def test_a_record_is_shown_as_the_shape_says() -> None:
    part = Shape((Attribute("naam", Text(5)),), nullable=True)
    shape = Shape(
        (
            Attribute("uuid", Id(), read_only=True),
            Attribute("url", Anything({}), read_only=True),
            Attribute("naam", Text(5)),
            Attribute("moeder", Reference("dingen", nullable=True)),
            Attribute("delen", ListOf(Reference("delen"), 5), read_only=True),
            Attribute("adres", part),
            Attribute("geteld", Whole(0, 9), read_only=True),
        )
    )
    links = Links("https://x.test")
    shown = shape.show(Ding(adres=Ding(naam="y")), links, "dingen", geteld=3)
    assert shown == {
        "uuid": "u",
        "url": "https://x.test/dingen/u",
        "naam": "x",
        "moeder": {"uuid": "m", "url": "https://x.test/dingen/m"},
        "delen": [links.reference("delen", "a"), links.reference("delen", "b")],
        "adres": {"naam": "y"},
        "geteld": 3,
    }
    assert Shape(shape.attributes[:4]).renderer("dingen")(Ding(moeder=None), links)["moeder"] is None
    assert part.render(Ding(), links) == {"naam": "x"}
