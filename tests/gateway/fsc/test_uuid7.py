"""UUIDs."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.fsc.uuid7 import RANDOM_BYTES, make_uuid7, parse_uuid, parse_uuid7


@pytest.mark.parametrize(
    "text",
    [
        "",
        "06338364-8305-7b74-8000-de496350313",
        "{06338364-8305-7b74-8000-de4963503139}",
        "urn:uuid:06338364-8305-7b74-8000-de4963503139",
        "0633836483057b748000de4963503139",
        "06338364-8305-7b74-8000-de496350313g",
        "06338364-8305-7b74-8000-de4963503139\n",
        "０6338364-8305-7b74-8000-de4963503139",
    ],
)
def test_only_the_form_of_36_characters_is_a_uuid(text: str) -> None:
    with pytest.raises(ValueError, match="is not a UUID"):
        parse_uuid(text)


@given(st.uuids())
def test_a_uuid_of_any_version_is_read_in_either_case(value: uuid.UUID) -> None:
    assert parse_uuid(str(value)) == value
    assert parse_uuid(str(value).upper()) == value


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5])
def test_another_version_is_refused_by_name(version: int) -> None:
    value = uuid.UUID(int=uuid.UUID("06338364-8305-0b74-8000-de4963503139").int | version << 76)
    with pytest.raises(ValueError, match=f"version {version}; version 7 is required"):
        parse_uuid7(str(value))


def test_a_uuid_of_another_variant_has_no_version() -> None:
    with pytest.raises(ValueError, match="version unknown"):
        parse_uuid7("06338364-8305-7b74-c000-de4963503139")


def test_the_layout_is_that_of_the_rfc() -> None:
    # RFC 9562, appendix A.6: the fields of the example give the UUID of the example.
    rand_a, rand_b = 0xCC3, 0x18C4DC0C0C07398F
    random = rand_a.to_bytes(2, "big") + rand_b.to_bytes(8, "big")
    assert make_uuid7(0x017F22E279B0, random) == uuid.UUID("017f22e2-79b0-7cc3-98c4-dc0c0c07398f")


@given(st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1), st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES))
def test_what_is_made_is_of_version_7_and_sorts_by_time(first: int, second: int, random: bytes) -> None:
    one, other = make_uuid7(first, random), make_uuid7(second, random)
    assert parse_uuid7(str(one)) == one
    assert (str(one) < str(other)) is (first < second)


@given(st.binary(max_size=20).filter(lambda data: len(data) != RANDOM_BYTES))
def test_too_little_randomness_is_refused(random: bytes) -> None:
    with pytest.raises(ValueError, match="random bytes"):
        make_uuid7(0, random)


@pytest.mark.parametrize("now_ms", [-1, 2**48])
def test_an_instant_that_does_not_fit_is_refused(now_ms: int) -> None:
    with pytest.raises(ValueError, match="48 bits"):
        make_uuid7(now_ms, bytes(RANDOM_BYTES))
