import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import InvalidRequest
from gateway.relay.head import parse_head
from gateway.relay.headers import values_of

_VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
_paths = st.text(_VISIBLE.replace("#", ""), max_size=60).map(lambda rest: f"/{rest}")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", ""),
        ("GET", "*"),
        ("options", "*"),
        ("GET", "path"),
        ("GET", "@elsewhere.example/"),
        ("GET", ".elsewhere.example/"),
        ("CONNECT", "elsewhere.example:443"),
        ("CONNECT", "0:80"),
        ("GET", "ftp://elsewhere.example/"),
        ("GET", "http:///path"),
        ("GET", "/a#fragment"),
        ("GET", "http://host/#fragment"),
        ("GET", "/caf\u00e9"),
        ("GET", "/caf\udce9"),
    ],
)
def test_any_other_target_than_a_path_is_refused(method: str, target: str) -> None:
    with pytest.raises(InvalidRequest):
        parse_head(method, target, ())


@given(_paths)
def test_a_path_stays_as_it_is(target: str) -> None:
    headers = (("Host", "here"), ("X", "y"))
    head = parse_head("GET", target, headers)
    assert (head.method, head.target, head.headers) == ("GET", target, headers)


def test_options_may_be_about_the_whole_service() -> None:
    assert parse_head("OPTIONS", "*", ()).target == "*"


@given(_paths, st.sampled_from(["http", "https", "HTTP"]))
def test_a_url_gives_its_path_and_its_authority(path: str, scheme: str) -> None:
    head = parse_head("GET", f"{scheme}://klant.outway:8081{path}", (("HOST", "other"), ("X", "y"), ("host", "third")))
    assert head.target == path
    assert values_of(head.headers, "host") == ["klant.outway:8081"]
    assert values_of(head.headers, "x") == ["y"]


@pytest.mark.parametrize(("rest", "target"), [("", "/"), ("?a=b", "/?a=b"), ("?", "/?")])
def test_a_url_without_a_path_is_about_the_root(rest: str, target: str) -> None:
    assert parse_head("GET", f"http://klant.outway{rest}", ()).target == target


def test_a_value_that_could_not_be_sent_on_as_it_came_is_refused_by_name_only() -> None:
    with pytest.raises(InvalidRequest, match=r"^header X-Name has bytes") as refusal:
        parse_head("GET", "/", [("X-Name", "caf\udce9")])
    assert "caf" not in refusal.value.message


def test_utf8_values_pass() -> None:
    assert parse_head("GET", "/", [("X-Name", "café")]).headers == (("X-Name", "café"),)
