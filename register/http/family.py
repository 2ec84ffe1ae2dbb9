"""An API family: its name, version, base path and resources."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from register.http.resource import Maker


@dataclass(frozen=True)
class Family:
    """One API. `name` starts its scopes (`<name>.lezen`) and is what services call it."""

    name: str
    title: str
    version: str
    base_path: str
    resources: tuple[Maker[Any], ...]

    @cached_property
    def by_name(self) -> dict[str, Maker[Any]]:
        """The resources by the name in their path."""
        return {each.name: each for each in self.resources}
