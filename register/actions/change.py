"""What a caller wants to be stored, in the words of the core."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeVar
from uuid import uuid4

from register.errors import Faults
from storage.documents import JsonObject

Group = TypeVar("Group")


@dataclass(frozen=True, slots=True)
class Change:
    """The attributes given, by core name, and the faults found in reading them.

    An attribute at fault is not among those given. `partial` tells PATCH from PUT and POST. An action adds its own
    faults and raises all of them together.
    """

    given: JsonObject
    faults: Faults
    partial: bool
    now_ms: int

    def only(self, *names: str) -> JsonObject:
        """Those of the attributes that were given."""
        return {name: self.given[name] for name in names if name in self.given}

    def group(self, name: str, current: Group | None, kind: type[Group]) -> Group | None:
        """A group of attributes after the change: PATCH adds to what is there, PUT and POST replace it."""
        if name not in self.given:
            return current
        given: Mapping[str, Any] | None = self.given[name]
        if given is None:
            return None
        if self.partial and current is not None:
            merged: Group = replace(current, **given)  # type: ignore[type-var]  # a group is a dataclass
            return merged
        return kind(**given)


def new_id() -> str:
    """A fresh id for a record."""
    return str(uuid4())
