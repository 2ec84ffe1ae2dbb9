"""The resource `partij-identificatoren`."""

from register.actions.identificatoren import create_identificator, remove_identificator, update_identificator
from register.families.klantinteracties.shapes import PARTIJ_IDENTIFICATOR
from register.http.filters import CODES, Exact, Identified
from register.http.links import Links
from register.http.resource import Resource
from register.model.partij_identificator import PartijIdentificator
from register.records.kinds import IDENTIFICATOREN
from storage.documents import JsonObject

NAME = "partij-identificatoren"


def render_identificator(identificator: PartijIdentificator, links: Links) -> JsonObject:
    """The identificator as the API shows it."""
    identificatie = identificator.identificatie
    return {
        "uuid": identificator.uuid,
        "url": links.item(NAME, identificator.uuid),
        "identificeerdePartij": links.reference("partijen", identificator.partij),
        "anderePartijIdentificator": identificator.andere,
        "partijIdentificator": {
            "codeObjecttype": identificatie.code_objecttype,
            "codeSoortObjectId": identificatie.soort.value,
            "objectId": identificatie.object_id,
            "codeRegister": identificatie.code_register,
        },
        "subIdentificatorVan": links.reference(NAME, identificator.parent),
    }


PARTIJ_IDENTIFICATOREN: Resource[PartijIdentificator] = Resource(
    name=NAME,
    schema_name="PartijIdentificator",
    kind=IDENTIFICATOREN,
    shape=PARTIJ_IDENTIFICATOR,
    filters=(
        Exact("anderePartijIdentificator", "andere"),
        Identified(
            "kenmerken",
            own={part: f"partijIdentificator{part[0].upper()}{part[1:]}" for part in (*CODES, "objectId")},
            parent={},
        ),
    ),
    render=render_identificator,
    create=create_identificator,
    update=update_identificator,
    remove=remove_identificator,
)
