"""Pages of a list: which one is asked for, and the links to its neighbours (REGISTER.md section 2.2)."""

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from register.errors import NotFound
from storage.documents import JsonObject

DEFAULT_SIZE = 100
MAX_SIZE = 500
_MAX_DIGITS = 9
PARAMETERS: Mapping[str, JsonObject] = {
    "page": {"type": "integer", "minimum": 1},
    "pageSize": {"type": "integer", "minimum": 1, "maximum": MAX_SIZE, "default": DEFAULT_SIZE},
}


@dataclass(frozen=True, slots=True)
class PageRequest:
    """Page `number`, counted from 1, of pages of `size`."""

    number: int = 1
    size: int = DEFAULT_SIZE

    @property
    def offset(self) -> int:
        """How many results lie before this page."""
        return (self.number - 1) * self.size


def parse_page(given: Mapping[str, str]) -> PageRequest:
    """The page asked for. A size that makes no sense is the default; a page that makes none is not found.

    Raises: NotFound.
    """
    size = _whole(given.get("pageSize", ""))
    number = _whole(given.get("page") or "1")
    if not number:
        raise NotFound("Deze pagina bestaat niet.")
    return PageRequest(number, min(size, MAX_SIZE) if size else DEFAULT_SIZE)


def check_exists(page: PageRequest, count: int) -> None:
    """Raise NotFound for a page beyond the end; the first page always exists."""
    if page.number > 1 and page.offset >= count:
        raise NotFound("Deze pagina bestaat niet.")


def envelope(
    page: PageRequest, count: int, results: list[JsonObject], url: str, parameters: Mapping[str, str]
) -> JsonObject:
    """The list body, with absolute links to the pages around it; `parameters` are repeated in those."""

    def link(number: int) -> str:
        return f"{url}?{urlencode({**parameters, 'page': str(number)})}"

    return {
        "count": count,
        "next": link(page.number + 1) if page.offset + page.size < count else None,
        "previous": link(page.number - 1) if page.number > 1 else None,
        "results": results,
    }


def _whole(text: str) -> int:
    """The number, or 0 for what is not a whole number of a sensible size."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS else 0
