"""What a changed configuration changes: what can be applied at once, and what waits for a restart. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from certs.identity import PeerId
from config.models.section import Section
from config.settings import Settings

RELOADED_OF_GROUP: Final = ("trust_anchors", "revocation")
"""What can be applied at once of `group`."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two configurations."""

    needs_restart: tuple[str, ...]
    """Keys that differ (`listen.console`, `storage`) and keep their old value until a restart."""

    added: tuple[PeerId, ...]
    removed: tuple[PeerId, ...]
    changed: tuple[PeerId, ...]

    @property
    def nothing(self) -> bool:
        """Whether the two are equal."""
        return not (self.needs_restart or self.added or self.removed or self.changed)


def diff(old: Settings, new: Settings) -> Changes:
    """Tell what differs between `old` and `new`; a tenant is the same one as long as its Peer ID is."""
    before = {tenant.peer_id: tenant for tenant in old.tenants}
    after = {tenant.peer_id: tenant for tenant in new.tenants}
    return Changes(
        needs_restart=tuple(_differing_keys(old, new)),
        added=tuple(peer_id for peer_id in after if peer_id not in before),
        removed=tuple(peer_id for peer_id in before if peer_id not in after),
        changed=tuple(peer_id for peer_id, tenant in after.items() if peer_id in before and before[peer_id] != tenant),
    )


def _differing_keys(old: Settings, new: Settings) -> Iterator[str]:
    for key in Settings.model_fields:
        one, other = getattr(old, key), getattr(new, key)
        if key == "tenants" or one == other:
            continue
        if isinstance(one, Section):
            applied = RELOADED_OF_GROUP if key == "group" else ()
            yield from (
                f"{key}.{inner}"
                for inner in type(one).model_fields
                if inner not in applied and getattr(one, inner) != getattr(other, inner)
            )
        else:
            yield key
