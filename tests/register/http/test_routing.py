import pytest

from register.errors import MethodNotAllowed, NotFound
from register.families.klantinteracties.family import KLANTINTERACTIES
from register.http.routing import ACTIONS, PUBLIC, Operation, find_place

UUID = "1A2B3C4D-0000-4000-8000-0123456789ab"


@pytest.mark.parametrize(
    ("path", "method", "operation"),
    [
        ("/", "GET", Operation.INDEX),
        ("/openapi.json", "HEAD", Operation.OPENAPI_JSON),
        ("/schema/openapi.yaml", "GET", Operation.OPENAPI_YAML),
        ("/partijen", "GET", Operation.LIST),
        ("/partijen", "HEAD", Operation.LIST),
        ("/partijen", "POST", Operation.CREATE),
        ("/partijen/_zoek", "POST", Operation.SEARCH),
        (f"/partijen/{UUID}", "GET", Operation.RETRIEVE),
        (f"/partijen/{UUID}", "PUT", Operation.REPLACE),
        (f"/partijen/{UUID}", "PATCH", Operation.PATCH),
        (f"/partijen/{UUID}", "DELETE", Operation.REMOVE),
        ("/partij-identificatoren", "GET", Operation.LIST),
        ("/digitaleadressen/_zoek", "POST", Operation.SEARCH),
    ],
)
def test_path_and_method_mean_an_operation(path: str, method: str, operation: Operation) -> None:
    assert find_place(KLANTINTERACTIES, path).operation(method) is operation


@pytest.mark.parametrize(
    "path",
    [
        *("", "//", "/partijen/", f"/partijen/{UUID}/", f"/partijen/{UUID}/x", "/partijen/x", "/Partijen", "/onbekend"),
        *("/partijen/_zoek/", "/partij-identificatoren/_zoek", "partijen", "/openapi.json/", f"/partijen/{UUID}0"),
        f"/partijen/{UUID.replace('-', '')}",
    ],
)
def test_what_is_not_declared_is_not_found(path: str) -> None:
    with pytest.raises(NotFound):
        find_place(KLANTINTERACTIES, path)


@pytest.mark.parametrize(
    ("path", "method", "allow"),
    [
        ("/partijen", "DELETE", "GET, HEAD, POST"),
        ("/partijen/_zoek", "GET", "POST"),
        (f"/partijen/{UUID}", "POST", "GET, HEAD, PUT, PATCH, DELETE"),
        ("/", "POST", "GET, HEAD"),
        ("/partijen", "get", "GET, HEAD, POST"),
    ],
)
def test_another_method_is_told_which_there_are(path: str, method: str, allow: str) -> None:
    with pytest.raises(MethodNotAllowed) as caught:
        find_place(KLANTINTERACTIES, path).operation(method)
    assert caught.value.headers == {"Allow": allow}


def test_the_id_is_lower_case_and_not_in_what_is_logged() -> None:
    place = find_place(KLANTINTERACTIES, f"/partijen/{UUID}")
    assert place.uuid == UUID.lower()
    assert place.template == "/partijen/{uuid}"


def test_every_operation_is_public_or_needs_a_scope() -> None:
    assert set(ACTIONS) | PUBLIC == set(Operation)
    assert not set(ACTIONS) & PUBLIC
