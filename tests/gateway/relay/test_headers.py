import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.headers import Headers, end_to_end, for_inway, for_service, one_spelling, value_of, values_of

_names = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=20)
_values = st.text(string.ascii_letters + string.digits + ",=;/ ", max_size=20)
_headers = st.lists(st.tuples(_names, _values), max_size=10).map(tuple)

OURS = (("X-Forwarded-For", "192.0.2.1"), ("X-Forwarded-Proto", "https"), ("X-Forwarded-Host", "inway.example:443"))


def at_service(*headers: tuple[str, str]) -> Headers:
    return for_service(headers, client_ip="192.0.2.1", inway_authority="inway.example:443")


def at_inway(*headers: tuple[str, str]) -> Headers:
    return for_inway(headers, token="abc", transaction_id="the-id")


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "Expect",
        "Keep-Alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "Proxy-Connection",
        "TE",
        "Trailer",
        "Transfer-Encoding",
        "Upgrade",
    ],
)
@pytest.mark.parametrize("spelling", [str, str.lower, str.upper])
def test_what_is_about_one_connection_stays_on_it(name: str, spelling: type[str]) -> None:
    assert end_to_end([(spelling(name), "x"), ("Accept", "*/*")]) == (("Accept", "*/*"),)


def test_connection_names_more_that_stays() -> None:
    headers = [("Connection", "close, X-One ,x-two"), ("connection", "X-Three"), ("X-ONE", "1"), ("X-Two", "2")]
    assert end_to_end([*headers, ("X-Three", "3"), ("X-Four", "4")]) == (("X-Four", "4"),)


def test_connection_cannot_name_an_fsc_header_away() -> None:
    headers = (("Fsc-Authorization", "Bearer t"), ("Fsc-Transaction-Id", "i"), ("FSC-NEW", "n"))
    named = ("Connection", "fsc-authorization, Fsc-Transaction-Id, FSC-NEW")
    assert end_to_end((named, *headers)) == headers


@given(_headers)
def test_what_goes_on_is_what_came_in_its_order(headers: Headers) -> None:
    kept = end_to_end(headers)
    remaining = iter(headers)
    assert all(pair in remaining for pair in kept)
    assert end_to_end(kept) == kept


def test_repeated_headers_stay_apart_and_in_order() -> None:
    cookies = (("Set-Cookie", "a=1"), ("X", "y"), ("Set-Cookie", "b=2"))
    assert end_to_end(cookies) == cookies


@pytest.mark.parametrize(
    "name",
    [
        "X-Forwarded-For",
        "x-forwarded-proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Forwarded-Client-Cert",
        "X-FORWARDED-ANYTHING",
        "Forwarded",
        "X-Real-IP",
        "Host",
    ],
)
def test_what_a_peer_says_of_the_client_never_reaches_the_service(name: str) -> None:
    assert at_service((name, "198.51.100.7")) == OURS


@pytest.mark.parametrize(
    "name", ["X_Forwarded_For", "x_forwarded-for", "X-Real_IP", "Fsc_Authorization", "FSC-Transaction_Id"]
)
def test_a_name_that_many_servers_take_for_one_of_ours_does_not_reach_the_service_either(name: str) -> None:
    assert at_service((name, "forged")) == OURS


@pytest.mark.parametrize("name", ["Forwarded-By-Whom", "X-Real-IP-Not", "X-Forward", "Fsc-Authorization", "X_Other"])
def test_other_headers_reach_the_service(name: str) -> None:
    assert at_service((name, "kept")) == ((name, "kept"), *OURS)


@given(_headers)
def test_the_service_hears_of_the_client_exactly_once(headers: Headers) -> None:
    sent = at_service(*headers, ("Connection", "X-Forwarded-For, x-forwarded-proto"))
    for name, value in OURS:
        assert values_of(sent, name) == [value]


@pytest.mark.parametrize("name", ["Fsc-Grant-Hash", "fsc-service", "FSC-AUTHORIZATION", "Fsc-Transaction-Id", "Host"])
def test_selectors_and_what_we_set_ourselves_do_not_leave_the_outway(name: str) -> None:
    sent = at_inway((name, "of the application"), ("Authorization", "Bearer mine"))
    assert sent == (
        ("Authorization", "Bearer mine"),
        ("Fsc-Authorization", "Bearer abc"),
        ("Fsc-Transaction-Id", "the-id"),
    )


@given(_headers)
def test_one_spelling_changes_no_more_than_the_case_of_repeated_names(headers: Headers) -> None:
    spelled = one_spelling(headers)
    assert [(name.lower(), value) for name, value in spelled] == [(name.lower(), value) for name, value in headers]
    assert len({name for name, _ in spelled}) == len({name.lower() for name, _ in headers})
    assert spelled[:1] == headers[:1]


def test_values_of_a_header_whatever_its_case() -> None:
    headers = (("ETag", "1"), ("etag", "2"))
    assert values_of(headers, "Etag") == ["1", "2"]
    assert value_of(headers, "ETAG") == "1"
    assert value_of(headers, "other") is None
