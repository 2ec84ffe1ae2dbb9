"""Absolute URLs, always built from how the caller came in and never from what it sent (REGISTER.md section 1)."""

from dataclasses import dataclass

from storage.documents import JsonObject


@dataclass(frozen=True, slots=True)
class Links:
    """`root` is the base of one family for this caller: scheme, host, prefix and the family's path."""

    root: str

    def collection(self, resource: str) -> str:
        """The URL of a list."""
        return f"{self.root}/{resource}"

    def item(self, resource: str, uuid: str) -> str:
        """The URL of one object."""
        return f"{self.root}/{resource}/{uuid}"

    def reference(self, resource: str, uuid: str | None) -> JsonObject | None:
        """How one object names another; null when there is none."""
        return None if uuid is None else {"uuid": uuid, "url": f"{self.root}/{resource}/{uuid}"}
