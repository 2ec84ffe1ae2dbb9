"""The family as a whole."""

from register.families.klantinteracties.actoren import ACTOR_KLANTCONTACTEN, ACTOREN
from register.families.klantinteracties.betrokkenen import BETROKKENEN
from register.families.klantinteracties.digitale_adressen import DIGITALE_ADRESSEN
from register.families.klantinteracties.internetaken import INTERNETAKEN
from register.families.klantinteracties.klantcontacten import KLANTCONTACTEN
from register.families.klantinteracties.maak_klantcontact import MAAK_KLANTCONTACT
from register.families.klantinteracties.onderwerpobjecten import BIJLAGEN, ONDERWERPOBJECTEN
from register.families.klantinteracties.partij_delen import (
    CATEGORIE_RELATIES,
    CATEGORIEEN,
    REKENINGNUMMERS,
    VERTEGENWOORDIGINGEN,
)
from register.families.klantinteracties.partij_identificatoren import PARTIJ_IDENTIFICATOREN
from register.families.klantinteracties.partijen import PARTIJEN
from register.http.family import Family

KLANTINTERACTIES = Family(
    name="klantinteracties",
    title="Klantinteracties",
    version="0.9.0",
    base_path="/klantinteracties/api/v1",
    resources=(
        ACTOREN,
        ACTOR_KLANTCONTACTEN,
        BETROKKENEN,
        BIJLAGEN,
        CATEGORIE_RELATIES,
        CATEGORIEEN,
        DIGITALE_ADRESSEN,
        INTERNETAKEN,
        KLANTCONTACTEN,
        MAAK_KLANTCONTACT,
        ONDERWERPOBJECTEN,
        PARTIJEN,
        PARTIJ_IDENTIFICATOREN,
        REKENINGNUMMERS,
        VERTEGENWOORDIGINGEN,
    ),
)
