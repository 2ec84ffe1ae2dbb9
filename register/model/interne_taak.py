"""Something that the organisation has to do after a klantcontact.

Standard: REGISTER.md sections 5 and 7; klantinteracties 0.9.0, schema InterneTaak.
"""

from dataclasses import dataclass, replace
from enum import StrEnum

MAX_ACTOREN = 100


class StatusTaak(StrEnum):
    """Whether it is done."""

    TE_VERWERKEN = "te_verwerken"
    VERWERKT = "verwerkt"


@dataclass(frozen=True, slots=True)
class InterneTaak:
    """One task; instants are in UTC as ISO 8601 text with `Z`."""

    uuid: str
    created_ms: int
    gevraagde_handeling: str = ""
    aanleidinggevend_klantcontact: str = ""
    status: StatusTaak = StatusTaak.TE_VERWERKEN
    toegewezen_op: str = ""
    toegewezen_aan_actoren: tuple[str, ...] = ()
    nummer: str | None = None
    referentienummer: str | None = None
    toelichting: str = ""
    afgehandeld_op: str | None = None


def settled(taak: InterneTaak, now: str) -> InterneTaak:
    """The task with the instant at which it was done, when it is; `now` in the form of the record."""
    if taak.status is StatusTaak.VERWERKT:
        return replace(taak, afgehandeld_op=taak.afgehandeld_op or now)
    return replace(taak, afgehandeld_op=None)
