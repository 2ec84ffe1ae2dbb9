"""What identifies an object somewhere else: the object itself, its type, the registry, and which of its properties."""

from dataclasses import dataclass
from typing import Final

from register.model.sealing import sealed

OBJECT_ID: Final = "objectidentificator"
"""For what the value of an identificator is sealed."""


@dataclass(frozen=True, slots=True)
class Objectidentificator:
    """One identificator; an unknown part is empty."""

    object_id: str = ""
    code_objecttype: str = ""
    code_register: str = ""
    code_soort_object_id: str = ""


@dataclass(frozen=True, slots=True)
class GeslotenIdentificator:
    """The same for objects that can be persons: the value may be a BSN, and is not shown."""

    object_id: str = sealed(OBJECT_ID)
    code_objecttype: str = ""
    code_register: str = ""
    code_soort_object_id: str = ""
