"""Claims on what may exist once per tenant: a document whose id is the thing claimed, written with its holder."""

from register.records.kinds import UNIQUE_KEYS, UniqueKey
from register.records.unit import Unit


async def claim(unit: Unit, key: str, holder: str) -> bool:
    """Stage the claim of `holder` on `key`; False when somebody else has it."""
    existing = await unit.get(UNIQUE_KEYS, key)
    if existing is None:
        unit.put(UNIQUE_KEYS, UniqueKey(key, holder))
        return True
    return existing.holder == holder


async def release(unit: Unit, key: str, holder: str) -> None:
    """Stage that `holder` gives `key` up; somebody else's claim stays."""
    existing = await unit.get(UNIQUE_KEYS, key)
    if existing is not None and existing.holder == holder:
        unit.delete(UNIQUE_KEYS, key)
