import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.relay.fields import (
    AUTHORIZATION,
    CONNECTION,
    CONTENT_LENGTH,
    DROPPED,
    HOST,
    TRANSACTION_ID,
    Fates,
    Field,
    as_text,
    as_trailers,
    fate_at_inway,
    fate_at_outway,
    fate_of_answer,
    lines,
    without_named,
)

_names = st.text(string.ascii_letters + string.digits + "-_", min_size=1, max_size=20).map(str.encode)
_values = st.text(string.ascii_letters + string.digits + ",=;/ ", max_size=20).map(str.encode)
_fields = st.lists(st.tuples(_names, _values), max_size=10)
_rules = pytest.mark.parametrize("rule", [fate_at_inway, fate_at_outway, fate_of_answer])
HOP_BY_HOP = (
    *(b"connection", b"expect", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection"),
    *(b"te", b"trailer", b"transfer-encoding", b"upgrade"),
)


@_rules
@pytest.mark.parametrize("name", HOP_BY_HOP)
@pytest.mark.parametrize("spelling", [bytes.lower, bytes.upper, bytes.title])
def test_what_is_about_one_connection_stays_on_it(rule, name: bytes, spelling) -> None:  # type: ignore[no-untyped-def]
    fate = Fates(rule)[spelling(name)]
    assert fate is not None
    assert not fate.is_kept


@_rules
@given(_names)
def test_a_spelling_never_changes_a_fate(rule, name: bytes) -> None:  # type: ignore[no-untyped-def]
    fates = Fates(rule)
    assert fates[name] is fates[name.lower()] is fates[name.upper()] is rule(name.lower())


def test_not_every_spelling_that_a_client_thinks_of_is_remembered() -> None:
    fates = Fates(fate_at_inway)
    for number in range(2000):
        assert fates[b"X-%d" % number] is None
    assert len(fates) <= 1000
    assert fates[b"Host"] is HOST


@pytest.mark.parametrize(
    "name",
    [
        *(b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-port", b"x-forwarded-anything"),
        *(b"forwarded", b"x-real-ip", b"x_forwarded_for", b"x_forwarded-for", b"x-real_ip"),
        *(b"fsc_authorization", b"fsc-transaction_id", b"content_length", b"transfer_encoding"),
    ],
)
def test_what_a_peer_says_of_the_client_or_poses_as_does_not_reach_the_service(name: bytes) -> None:
    assert fate_at_inway(name) is DROPPED


@pytest.mark.parametrize("name", [b"forwarded-by-whom", b"x-real-ip-not", b"x-forward", b"x_other", b"authorization"])
def test_other_fields_reach_the_service(name: bytes) -> None:
    assert fate_at_inway(name) is None


def test_the_fsc_headers_reach_the_service_and_are_looked_at() -> None:
    assert fate_at_inway(b"fsc-authorization") is AUTHORIZATION
    assert fate_at_inway(b"fsc-transaction-id") is TRANSACTION_ID
    assert AUTHORIZATION.is_kept
    assert TRANSACTION_ID.is_kept
    assert CONTENT_LENGTH.is_kept


@pytest.mark.parametrize(
    "name", [b"fsc-grant-hash", b"fsc-service", b"fsc-authorization", b"fsc-transaction-id", b"host"]
)
def test_selectors_and_what_we_set_ourselves_do_not_leave_the_outway(name: bytes) -> None:
    fate = fate_at_outway(name)
    assert fate is not None
    assert not fate.is_kept


def test_connection_names_more_that_stays() -> None:
    fields: list[Field] = [(b"X-ONE", b"1"), (b"X-Two", b"2"), (b"X-Three", b"3"), (b"X-Four", b"4")]
    assert without_named(fields, [b"close, X-One ,x-two", b"X-Three"]) == [(b"X-Four", b"4")]


@pytest.mark.parametrize("said", [b"keep-alive", b"close", b"Upgrade"])
def test_what_connection_says_as_a_rule_costs_no_copy(said: bytes) -> None:
    fields: list[Field] = [(b"X", b"y")]
    assert without_named(fields, [said]) is fields


def test_connection_cannot_name_away_what_others_rely_on() -> None:
    fields: list[Field] = [(b"Fsc-Authorization", b"t"), (b"FSC-NEW", b"n"), (b"Content-Length", b"3")]
    assert without_named(fields, [b"fsc-authorization, FSC-NEW, Content-Length"]) == fields


@given(_fields, st.lists(_values, max_size=3))
def test_what_goes_on_is_what_came_in_its_order(fields: list[Field], connection: list[bytes]) -> None:
    kept = without_named(fields, connection)
    remaining = iter(fields)
    assert all(pair in remaining for pair in kept)
    assert without_named(kept, connection) == kept


@pytest.mark.parametrize(
    "name",
    [
        *(b"Content-Length", b"Transfer-Encoding", b"Host", b"Authorization", b"Set-Cookie", b"Connection"),
        *(
            b"Fsc-Authorization",
            b"fsc_authorization",
            b"X_Forwarded_For",
            b"Content_Length",
            b"forwarded",
            b"X-Real-IP",
        ),
    ],
)
def test_a_trailer_does_not_pose_as_a_header(name: bytes) -> None:
    assert as_trailers([(name, b"1"), (b"X-Sum", b"2")]) == b"X-Sum: 2\r\n"


@given(_fields)
def test_lines_are_the_fields(fields: list[Field]) -> None:
    assert lines(fields) == b"".join(name + b": " + value + b"\r\n" for name, value in fields)


@given(st.binary(max_size=30))
def test_text_is_the_same_bytes(value: bytes) -> None:
    ((_, text),) = as_text([(b"X", value)])
    assert text.encode("utf-8", "surrogateescape") == value


def test_what_connection_says_is_noted() -> None:
    assert fate_of_answer(b"connection") is CONNECTION
