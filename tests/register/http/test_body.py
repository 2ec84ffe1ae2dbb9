import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.errors import ParseError, UnsupportedMediaType, ValidatieFout
from register.http.body import MAX_DEPTH, read_object

JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("method", "media_type"),
    [
        ("POST", "application/json"),
        ("PUT", "Application/JSON; charset=utf-8"),
        ("PATCH", "application/merge-patch+json"),
    ],
)
def test_json_is_read(method: str, media_type: str) -> None:
    assert read_object(method, {"content-type": media_type}, b'{"a": "\xc3\xa9"}') == {"a": "é"}


@pytest.mark.parametrize(
    ("method", "media_type"),
    [("POST", ""), ("POST", "text/plain"), ("POST", "application/merge-patch+json"), ("PATCH", "multipart/form-data")],
)
def test_another_media_type_is_refused(method: str, media_type: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        read_object(method, {"content-type": media_type}, b"{}")


def test_no_media_type_is_refused() -> None:
    with pytest.raises(UnsupportedMediaType):
        read_object("POST", {}, b"{}")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"a": {"b": 1, "b": 1}}',
        b'{"a": "\xff"}',
        b'\xef\xbb\xbf{"a": 1}',
        '{"a": 1}'.encode("utf-16"),
        b'{"a": ' + b"1" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_strict_json_is_a_parse_error(body: bytes) -> None:
    with pytest.raises(ParseError):
        read_object("POST", JSON, body)


@pytest.mark.parametrize("body", [b"[]", b"null", b"1", b'"a"', b"true"])
def test_json_that_is_no_object_is_invalid(body: bytes) -> None:
    with pytest.raises(ValidatieFout) as caught:
        read_object("POST", JSON, body)
    assert [each.name for each in caught.value.params] == ["nonFieldErrors"]


def test_nesting_has_an_end() -> None:
    def nested(depth: int) -> bytes:
        return b'{"a":' * depth + b"1" + b"}" * depth

    assert read_object("POST", JSON, nested(MAX_DEPTH))
    with pytest.raises(ParseError, match="genest"):
        read_object("POST", JSON, nested(MAX_DEPTH + 1))


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        assert isinstance(read_object("POST", JSON, body), dict)
    except (ParseError, ValidatieFout):
        with pytest.raises(ValueError):  # noqa: PT011 - any kind: not JSON, or no object
            assert_object(body)


def assert_object(body: bytes) -> None:
    value = json.loads(body.decode("utf-8"), parse_constant=float.fromhex)
    if not isinstance(value, dict) or len(value) != body.count(b'":'):
        raise ValueError("no object")
