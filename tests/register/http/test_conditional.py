import pytest

from register.errors import NotAcceptable, PreconditionFailed
from register.http.conditional import check_acceptable, check_if_match, etag, is_not_modified
from register.privacy import TenantKeys

KEYS, OTHER = TenantKeys("t", {1: b"a" * 32}, b"i" * 32), TenantKeys("t", {1: b"a" * 32}, b"j" * 32)


def test_a_tag_follows_the_content_and_needs_the_key() -> None:
    content = {"objectId": "999990019"}
    assert etag(content, KEYS) == etag(dict(content), KEYS)
    assert etag(content, KEYS) != etag({"objectId": "123456782"}, KEYS)
    assert etag(content, KEYS) != etag(content, OTHER)
    assert etag(content, KEYS).startswith('"')


@pytest.mark.parametrize(
    ("header", "same"),
    [('"a"', True), ('W/"a"', True), ('"x", "a"', True), ("*", True), ('"b"', False), ("a", False), ("", False)],
)
def test_if_none_match(header: str, same: bool) -> None:
    assert is_not_modified({"if-none-match": header}, '"a"') is same
    assert not is_not_modified({}, '"a"')


@pytest.mark.parametrize("header", ['"a"', '"x","a"', "*", ""])
def test_if_match_holds(header: str) -> None:
    check_if_match({"if-match": header}, '"a"')


@pytest.mark.parametrize("header", ['"b"', 'W/"a"', "a"])
def test_if_match_fails(header: str) -> None:
    with pytest.raises(PreconditionFailed):
        check_if_match({"if-match": header}, '"a"')


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "application/json",
        "application/*;q=0.1",
        "text/html, */*;q=0.5",
        "APPLICATION/JSON; charset=utf-8",
        "application/json, */*;q=0",
    ],
)
def test_json_is_acceptable(accept: str) -> None:
    check_acceptable({"accept": accept})


@pytest.mark.parametrize(
    "accept",
    ["text/html", "application/xml", "application/json;q=0", "*/*, application/json;q=0", "*/*;q=x", ";", "json"],
)
def test_json_is_not_acceptable(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        check_acceptable({"accept": accept})
