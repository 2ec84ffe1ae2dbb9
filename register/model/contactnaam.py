"""The name by which a person wants to be addressed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Contactnaam:
    """Parts of a name; an unknown part is empty."""

    voorletters: str = ""
    voornaam: str = ""
    voorvoegsel_achternaam: str = ""
    achternaam: str = ""

    def volledig(self) -> str:
        """The whole name; initials stand in for a missing first name."""
        parts = (self.voornaam or self.voorletters, self.voorvoegsel_achternaam, self.achternaam)
        return " ".join(part for part in parts if part)
