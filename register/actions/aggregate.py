"""Stores a partij together with what must follow it: its addresses know by what the partij is searched."""

from register.model.partij import Partij, describe
from register.records.kinds import DIGITALE_ADRESSEN, PARTIJEN
from register.records.unit import Unit


async def store_partij(unit: Unit, before: Partij | None, after: Partij) -> None:
    """Stage the partij, and its addresses where they must know it anew.

    An unchanged partij is staged too: that is how a writer to something of the partij meets the others.
    """
    unit.put(PARTIJEN, after)
    if before is not None and _addresses_see(before) == _addresses_see(after):
        return
    adressen = await unit.get_many(DIGITALE_ADRESSEN, after.digitale_adressen)
    for adres in adressen.values():
        described = describe(adres, after)
        if described != adres:
            unit.put(DIGITALE_ADRESSEN, described)


def _addresses_see(partij: Partij) -> object:
    return partij.soort_partij, partij.kenmerken(), partij.digitale_adressen
