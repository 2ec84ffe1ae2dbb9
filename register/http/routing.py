"""Which operation a path and method mean, within one family. Nothing but what is declared exists."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

from register.errors import MethodNotAllowed, NotFound
from register.http.family import Family
from register.http.resource import Maker, Resource
from register.http.values import parse_uuid


class Operation(Enum):
    """What is done; the first three need no caller to be known."""

    INDEX = auto()
    OPENAPI_JSON = auto()
    OPENAPI_YAML = auto()
    LIST = auto()
    SEARCH = auto()
    CREATE = auto()
    RETRIEVE = auto()
    REPLACE = auto()
    PATCH = auto()
    REMOVE = auto()


PUBLIC = frozenset({Operation.INDEX, Operation.OPENAPI_JSON, Operation.OPENAPI_YAML})
ACTIONS: Mapping[Operation, str] = {
    Operation.LIST: "lezen",
    Operation.SEARCH: "lezen",
    Operation.RETRIEVE: "lezen",
    Operation.CREATE: "aanmaken",
    Operation.REPLACE: "bijwerken",
    Operation.PATCH: "bijwerken",
    Operation.REMOVE: "verwijderen",
}
_DOCUMENTS = {
    "/": Operation.INDEX,
    "/openapi.json": Operation.OPENAPI_JSON,
    "/schema/openapi.yaml": Operation.OPENAPI_YAML,
}
_ON_COLLECTION = {"GET": Operation.LIST, "HEAD": Operation.LIST, "POST": Operation.CREATE}
_ON_MAKER = {"POST": Operation.CREATE}
_ON_SEARCH = {"POST": Operation.SEARCH}
_ON_ITEM = {
    "GET": Operation.RETRIEVE,
    "HEAD": Operation.RETRIEVE,
    "PUT": Operation.REPLACE,
    "PATCH": Operation.PATCH,
    "DELETE": Operation.REMOVE,
}
SEARCH_SEGMENT = "_zoek"


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names: the operations there by method; `template` is safe to log."""

    template: str
    methods: Mapping[str, Operation]
    resource: Maker[Any] | None = None
    uuid: str = ""

    def operation(self, method: str) -> Operation:
        """The operation of `method`. Raises: MethodNotAllowed."""
        if method not in self.methods:
            raise MethodNotAllowed(self.methods)
        return self.methods[method]


def find_place(family: Family, path: str) -> Place:
    """What `path`, below the family's base path, names. Raises: NotFound, also for a trailing slash."""
    if path in _DOCUMENTS:
        return Place(path, {"GET": _DOCUMENTS[path], "HEAD": _DOCUMENTS[path]})
    first, *rest = path.removeprefix("/").split("/")
    resource = family.by_name.get(first)
    if resource is None or not path.startswith("/") or len(rest) > 1:
        raise NotFound
    if not isinstance(resource, Resource):
        if rest:
            raise NotFound
        return Place(f"/{first}", _ON_MAKER, resource)
    if not rest:
        return Place(f"/{first}", _ON_COLLECTION, resource)
    if resource.searchable and rest[0] == SEARCH_SEGMENT:
        return Place(f"/{first}/{SEARCH_SEGMENT}", _ON_SEARCH, resource)
    uuid = parse_uuid(rest[0])
    if uuid is None:
        raise NotFound
    return Place(f"/{first}/{{uuid}}", _ON_ITEM, resource, uuid)
