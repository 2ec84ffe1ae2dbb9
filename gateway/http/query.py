"""Query parameters, read strictly: an unknown, repeated or malformed one is refused."""

from collections import Counter
from collections.abc import Iterable
from enum import StrEnum

from multidict import MultiMapping

from gateway.errors import InvalidRequest

MAX_LIMIT = 1000
_MAX_LIST = 1000
_MAX_INT64 = 2**63 - 1


class SortOrder(StrEnum):
    """The order of a list by its instant of creation."""

    ASCENDING = "SORT_ORDER_ASCENDING"
    DESCENDING = "SORT_ORDER_DESCENDING"


class QueryParameters:
    """The parameters of one request. Every method raises InvalidRequest for a value that does not fit."""

    def __init__(self, query: MultiMapping[str], *, known: Iterable[str]) -> None:
        self._query = query
        if not query:
            return
        names = Counter(name for name, _ in query.items())
        allowed = frozenset(known)
        for name, times in names.items():
            if name not in allowed:
                raise InvalidRequest(f"unknown query parameter; this path takes {', '.join(sorted(allowed)) or 'none'}")
            if times > 1:
                raise InvalidRequest(f"query parameter {name} is given more than once; use a comma separated list")

    def text(self, name: str) -> str | None:
        """The value as it is; absent or empty is None."""
        return self._query.get(name) or None

    def csv(self, name: str) -> tuple[str, ...]:
        """The elements of a comma separated list."""
        values = tuple(one for one in self._query.get(name, "").split(",") if one)
        if len(values) > _MAX_LIST:
            raise InvalidRequest(f"query parameter {name} has more than {_MAX_LIST} values")
        return values

    def instant(self, name: str) -> int | None:
        """A Unix timestamp in seconds."""
        return self._integer(name, 0, _MAX_INT64)

    def limit(self, default: int) -> int:
        """The page size, 1..1000."""
        value = self._integer("limit", 1, MAX_LIMIT)
        return default if value is None else value

    def descending(self) -> bool:
        """Whether `sort_order` is descending, which is the default."""
        value = self.text("sort_order")
        if value is None:
            return True
        try:
            return SortOrder(value) is SortOrder.DESCENDING
        except ValueError as error:
            raise InvalidRequest(f"sort_order: one of {', '.join(SortOrder)}") from error

    def _integer(self, name: str, low: int, high: int) -> int | None:
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) < 20 and low <= int(value) <= high):
            raise InvalidRequest(f"{name}: a whole number from {low} to {high}")
        return int(value)
