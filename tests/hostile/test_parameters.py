"""Paths, queries and forms of every kind: each is answered in the shape of the errors, and none with a 5xx."""

import json
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.gateway.harness import Answer, ForeignPeer
from tests.hostile.stage import Stage, content_for, headers_of, sign, submission

INVALID = (400, "ERROR_CODE_INVALID_REQUEST")
NOT_FOUND = (404, "ERROR_CODE_NOT_FOUND")
LISTS = ("/contracts", "/peers", "/services", "/logs")
OAUTH_ERRORS = {
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
}

names = st.sampled_from(
    [
        *("cursor", "limit", "sort_order", "grant_type", "grant_hash", "peer_id", "peer_name", "service_name"),
        *("before", "after", "transaction_ids", "nonsense", "", "LIMIT", "limit "),
    ]
)
values = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=40),
    st.sampled_from(
        [
            *(
                "0",
                "1",
                "1000",
                "1001",
                "-1",
                "1e3",
                "٣",
                "9" * 30,
                "NaN",
                "null",
                "true",
                "[]",
                "{}",
                "$ne",
                "' OR 1=1--",
            ),
            *(
                "SORT_ORDER_ASCENDING",
                "sort_order_ascending",
                "GRANT_TYPE_SERVICE_CONNECTION",
                ",,,",
                "a,b",
                "%",
                "*",
                "_",
            ),
            *("$1$3$" + "A" * 86, "../../etc/passwd", "\0", "‮", "AAAA", "MTow", "LTE6"),
        ]
    ),
)
queries = st.lists(st.tuples(names, values), max_size=4)


@pytest.fixture(scope="module")
def peer(stage: Stage) -> ForeignPeer:
    """Somebody with a Contract, so that there is something to leaf through."""
    somebody = stage.peer()
    stage.agreed(somebody)
    return somebody


@pytest.fixture(scope="module")
def nobody(stage: Stage) -> ForeignPeer:
    """Somebody whom the program does not know."""
    return stage.peer()


def check_shape(answer: Answer) -> None:
    """An answer that serves, or an error of the caller in the shape of the standard."""
    assert answer.status == 200 or 400 <= answer.status < 500, answer.text
    if answer.status != 200:
        assert answer.code.startswith("ERROR_CODE_")


@pytest.mark.parametrize("path", LISTS)
@given(query=queries)
@example(query=[("limit", "1"), ("limit", "2")])
@example(query=[("cursor", "A" * 10_000)])
def test_any_query_is_answered(stage: Stage, peer: ForeignPeer, path: str, query: list[tuple[str, str]]) -> None:
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
    answer = stage.call(peer, "GET", f"{path}?{text}")
    check_shape(answer)
    if answer.status == 200:
        assert "pagination" in answer.json


@pytest.mark.parametrize("path", [*LISTS, "/peer", "/.well-known/jwks.json"])
@pytest.mark.parametrize("text", ["%ff=%fe", "limit=%ff", "%", "&&&", "=", "?", "limit=%00", "a=1;b=2", "+", "%26=%3d"])
def test_a_query_that_is_hardly_one_is_answered(stage: Stage, peer: ForeignPeer, path: str, text: str) -> None:
    check_shape(stage.call(peer, "GET", f"{path}?{text}"))


@pytest.mark.parametrize("path", LISTS)
def test_a_query_beyond_the_limit_is_refused(stage: Stage, peer: ForeignPeer, path: str) -> None:
    answer = stage.call(peer, "GET", f"{path}?{'&'.join(f'a{n}=1' for n in range(100_000))}")
    assert answer.status == 431
    assert answer.code == "ERROR_CODE_REQUEST_TOO_LARGE"
    with stage.bounded_memory(100_000_000):
        assert stage.call(peer, "GET", f"{path}?{'a=1&' * 3_000}").refusal == INVALID


def test_a_list_of_values_beyond_the_limit_is_refused(stage: Stage, peer: ForeignPeer) -> None:
    assert stage.call(peer, "GET", f"/contracts?grant_hash={'a,' * 1_001}").refusal == INVALID
    assert stage.call(peer, "GET", f"/peers?peer_id={'1,' * 1_001}").refusal == INVALID


@pytest.mark.parametrize(
    "hash_",
    [
        "..",
        "%2e%2e",
        "..%2f..%2f..%2fetc%2fpasswd",
        "%2Fetc%2Fpasswd",
        "%00",
        "%ff%fe",
        "%C0%AE%C0%AE",
        "%",
        "%zz",
        "$1$1$",
        "x" * 10_000,
        "%24" * 3_000,
        "%E2%80%AE",
        "{hash}",
        "'; DROP TABLE contracts; --".replace(" ", "%20"),
    ],
    ids=lambda text: text[:20],
)
@pytest.mark.parametrize("kind", ["accept", "reject", "revoke", "accept/", "ACCEPT", "delete"])
def test_a_path_that_names_no_contract_is_refused(stage: Stage, attacker: ForeignPeer, hash_: str, kind: str) -> None:
    content = content_for(attacker)
    body = submission(content, sign(attacker, content))
    path = f"/contracts/{hash_}/{kind}"
    answer = stage.call(attacker, "PUT", path, headers=headers_of(attacker), data=body)
    assert answer.refusal in (
        INVALID,
        NOT_FOUND,
        (422, "ERROR_CODE_URL_PATH_CONTENT_HASH_MISMATCH"),
        (422, "ERROR_CODE_UNKNOWN_HASH_ALGORITHM_HASH"),
    )


def test_a_path_beyond_the_limit_is_refused(stage: Stage, attacker: ForeignPeer) -> None:
    assert stage.call(attacker, "GET", "/" + "x" * 20_000).status == 431


@pytest.mark.parametrize("method", ["PATCH", "DELETE", "TRACE", "OPTIONS", "PROPFIND"])
def test_a_method_that_the_path_does_not_take_is_refused(stage: Stage, attacker: ForeignPeer, method: str) -> None:
    assert stage.call(attacker, method, "/contracts").refusal == (405, "ERROR_CODE_METHOD_NOT_ALLOWED")


# -- /token


def token(stage: Stage, peer: ForeignPeer, form: bytes, kind: str = "application/x-www-form-urlencoded") -> Answer:
    """POST these bytes to /token."""
    return stage.call(peer, "POST", "/token", headers={"Content-Type": kind}, data=form)


def check_oauth(answer: Answer) -> None:
    """Check that an answer of /token is an error as RFC 6749 section 5.2 has it."""
    assert answer.status == 400, answer.text
    assert answer.json["error"] in OAUTH_ERRORS
    assert set(answer.json) <= {"error", "error_description"}
    assert answer.headers["Cache-Control"] == "no-store"


fields = st.tuples(
    st.sampled_from(["grant_type", "scope", "client_id", "client_secret", "client_assertion", "nonsense", ""]),
    values | st.sampled_from(["client_credentials", "password", "authorization_code", "$1$3$" + "A" * 86]),
)


@given(form=st.lists(fields, max_size=6))
def test_any_form_is_answered_as_oauth_has_it(stage: Stage, peer: ForeignPeer, form: list[tuple[str, str]]) -> None:
    text = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in form)
    check_oauth(token(stage, peer, text.encode()))


@given(form=st.binary(max_size=200))
@example(form=b"\xff" * 100)
@example(form=b"%")
def test_any_bytes_are_answered_as_oauth_has_it(stage: Stage, peer: ForeignPeer, form: bytes) -> None:
    check_oauth(token(stage, peer, form))


@pytest.mark.parametrize("form", [b"a=1&" * 1_000_000, b"scope=" + b"x" * 5_000_000, b"&" * 5_000_000])
def test_a_large_form_is_refused(stage: Stage, peer: ForeignPeer, form: bytes) -> None:
    with stage.bounded_memory(100_000_000):
        check_oauth(token(stage, peer, form))


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data; boundary=b", ""])
def test_a_form_of_another_media_type_is_refused(stage: Stage, peer: ForeignPeer, kind: str) -> None:
    right = f"grant_type=client_credentials&client_id={peer.peer_id}&scope=x".encode()
    check_oauth(token(stage, peer, right, kind))


def test_a_grant_of_others_gives_no_token_and_tells_nothing_of_them(stage: Stage, attacker: ForeignPeer) -> None:
    owner = stage.peer()
    grant_hash = stage.agreed(owner)
    assert stage.token(owner, grant_hash).status == 200
    refused = stage.token(attacker, grant_hash)
    check_oauth(refused)
    assert owner.peer_id not in refused.text


# -- /announce


@given(value=st.text("az09:/.@[]%", max_size=60))
def test_any_announcement_that_is_none_is_refused(stage: Stage, nobody: ForeignPeer, value: str) -> None:
    answer = stage.call(nobody, "PUT", "/announce", headers={"Fsc-Manager-Address": f"http{value}"})
    assert answer.refusal == INVALID
    assert not stage.knows(nobody)


def test_nothing_shown_in_an_error_is_what_was_sent_unchanged(stage: Stage, attacker: ForeignPeer) -> None:
    """A Peer cannot put lines or marks of its own in what an operator reads."""
    content = content_for(attacker, group_id="‮\x1b[31m\r\nlevel=error")
    answer = stage.submit(attacker, content, sign(attacker, content_for(attacker)))
    assert answer.status == 422
    assert all(character.isprintable() for character in answer.json["message"])
    log = [json.loads(line) for line in stage.program.log.read_text().splitlines()]
    assert all("\x1b" not in str(event) for event in log)
