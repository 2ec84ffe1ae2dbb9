"""A postal or visiting address, inside or outside the Netherlands."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Adres:
    """Either a BAG id, or a Dutch address in parts, or free lines; an unknown part is empty."""

    nummeraanduiding_id: str = ""
    straatnaam: str = ""
    huisnummer: int | None = None
    huisnummertoevoeging: str = ""
    postcode: str = ""
    stad: str = ""
    adresregel1: str = ""
    adresregel2: str = ""
    adresregel3: str = ""
    land: str = ""
