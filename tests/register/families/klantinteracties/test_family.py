from typing import Any

from register.families.klantinteracties.family import KLANTINTERACTIES
from register.http.resource import Maker, Resource

RESOURCES = {
    "actoren",
    "actorklantcontacten",
    "betrokkenen",
    "bijlagen",
    "categorie-relaties",
    "categorieen",
    "digitaleadressen",
    "internetaken",
    "klantcontacten",
    "maak-klantcontact",
    "onderwerpobjecten",
    "partij-identificatoren",
    "partijen",
    "rekeningnummers",
    "vertegenwoordigingen",
}


def test_the_family_is_where_clients_look_for_it() -> None:
    assert (KLANTINTERACTIES.name, KLANTINTERACTIES.version) == ("klantinteracties", "0.9.0")
    assert KLANTINTERACTIES.base_path == "/klantinteracties/api/v1"
    assert set(KLANTINTERACTIES.by_name) == RESOURCES


def test_everything_that_may_be_expanded_leads_somewhere() -> None:
    for resource in KLANTINTERACTIES.resources:
        for path in resource.expand if isinstance(resource, Resource) else ():
            at: Maker[Any] = resource
            for name in path.split("."):
                assert isinstance(at, Resource)
                at = KLANTINTERACTIES.by_name[at.relations[name].target]
