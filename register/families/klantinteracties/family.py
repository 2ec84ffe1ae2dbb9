"""The family as a whole."""

from register.families.klantinteracties.digitale_adressen import DIGITALE_ADRESSEN
from register.families.klantinteracties.partij_identificatoren import PARTIJ_IDENTIFICATOREN
from register.families.klantinteracties.partijen import PARTIJEN
from register.http.family import Family

KLANTINTERACTIES = Family(
    name="klantinteracties",
    title="Klantinteracties",
    version="0.9.0",
    base_path="/klantinteracties/api/v1",
    resources=(PARTIJEN, PARTIJ_IDENTIFICATOREN, DIGITALE_ADRESSEN),
)
