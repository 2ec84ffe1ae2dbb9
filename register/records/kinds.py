"""How each core record is kept as a document, and by which fields it is searched.

A value of an identificator is sealed wherever it is written, of every kind: the RSIN of a sole trader is that person's
BSN. What a partij repeats of its identificatoren is the same sealed text.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, Generic, Protocol, TypeVar

from register.model.actor import Actor, ActorKlantcontact
from register.model.adres import Adres
from register.model.contactgegevens import Organisatie, Persoon
from register.model.contactnaam import Contactnaam
from register.model.digitaal_adres import DigitaalAdres, SoortDigitaalAdres
from register.model.interne_taak import InterneTaak
from register.model.klantcontact import Betrokkene, Bijlage, Klantcontact, Onderwerpobject
from register.model.partij import Partij, SoortPartij
from register.model.partij_delen import Categorie, CategorieRelatie, Rekeningnummer, Vertegenwoordiging
from register.model.partij_identificator import Identificatie, PartijIdentificator, Soort
from register.model.sealing import index_of
from register.privacy import TENANT_KEYS, TenantKeys
from register.records.codec import Codec
from storage.documents import Collection, JsonObject

T = TypeVar("T")

CREATED = "created_ms"
_ADRES_SEARCHED = ("nummeraanduiding_id", "adresregel1", "adresregel2", "adresregel3", "land")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """A sort of record: where it is kept and how it is written and read."""

    collection: Collection
    encode: Callable[[T, TenantKeys], JsonObject]
    decode: Callable[[Mapping[str, Any], TenantKeys], T]
    key: Callable[[T], str]


@dataclass(frozen=True, slots=True)
class UniqueKey:
    """A claim on something of which there may be one; `id` is the blind index of it, `holder` who has it."""

    id: str
    holder: str


def _encode_partij(partij: Partij, keys: TenantKeys) -> JsonObject:
    return {
        "uuid": partij.uuid,
        "created_ms": partij.created_ms,
        "soort_partij": partij.soort_partij.value,
        "indicatie_actief": partij.indicatie_actief,
        "nummer": partij.nummer,
        "interne_notitie": partij.interne_notitie,
        "indicatie_geheimhouding": partij.indicatie_geheimhouding,
        "voorkeurstaal": partij.voorkeurstaal,
        "bezoekadres": _encode_plain(partij.bezoekadres),
        "correspondentieadres": _encode_plain(partij.correspondentieadres),
        "contactnaam": _encode_plain(partij.contactnaam),
        "naam": partij.naam,
        "werkte_voor_partij": partij.werkte_voor_partij,
        "digitale_adressen": list(partij.digitale_adressen),
        "voorkeurs_digitaal_adres": partij.voorkeurs_digitaal_adres,
        "rekeningnummers": list(partij.rekeningnummers),
        "voorkeurs_rekeningnummer": partij.voorkeurs_rekeningnummer,
        "identificatoren": [_encode_identificator(each, keys) for each in partij.identificatoren],
        "kenmerken": list(partij.kenmerken()),
    }


def _decode_partij(body: Mapping[str, Any], keys: TenantKeys) -> Partij:
    bezoekadres, correspondentieadres = body["bezoekadres"], body["correspondentieadres"]
    contactnaam = body["contactnaam"]
    return Partij(
        uuid=body["uuid"],
        created_ms=body["created_ms"],
        soort_partij=SoortPartij(body["soort_partij"]),
        indicatie_actief=body["indicatie_actief"],
        nummer=body["nummer"],
        interne_notitie=body["interne_notitie"],
        indicatie_geheimhouding=body["indicatie_geheimhouding"],
        voorkeurstaal=body["voorkeurstaal"],
        bezoekadres=None if bezoekadres is None else Adres(**bezoekadres),
        correspondentieadres=None if correspondentieadres is None else Adres(**correspondentieadres),
        contactnaam=None if contactnaam is None else Contactnaam(**contactnaam),
        naam=body["naam"],
        werkte_voor_partij=body["werkte_voor_partij"],
        digitale_adressen=tuple(body["digitale_adressen"]),
        voorkeurs_digitaal_adres=body["voorkeurs_digitaal_adres"],
        rekeningnummers=tuple(body.get("rekeningnummers", ())),
        voorkeurs_rekeningnummer=body.get("voorkeurs_rekeningnummer"),
        identificatoren=tuple(_decode_identificator(each, keys) for each in body["identificatoren"]),
    )


def _encode_identificator(identificator: PartijIdentificator, keys: TenantKeys) -> JsonObject:
    identificatie = identificator.identificatie
    return {
        "uuid": identificator.uuid,
        "created_ms": identificator.created_ms,
        "soort": identificatie.soort.value,
        "sealed": keys.encrypt("partij_identificator", identificator.uuid, identificatie.object_id),
        "andere": identificator.andere,
        "partij": identificator.partij,
        "parent": identificator.parent,
        "kenmerken": list(identificator.kenmerken),
    }


def _decode_identificator(body: Mapping[str, Any], keys: TenantKeys) -> PartijIdentificator:
    object_id = keys.decrypt("partij_identificator", body["uuid"], body["sealed"])
    return PartijIdentificator(
        uuid=body["uuid"],
        created_ms=body["created_ms"],
        identificatie=Identificatie(Soort(body["soort"]), object_id),
        andere=body["andere"],
        partij=body["partij"],
        parent=body["parent"],
        kenmerken=tuple(body["kenmerken"]),
    )


def _encode_plain(group: Adres | Contactnaam | None) -> JsonObject | None:
    """The parts of a group by name; a copy of the fields is all there is to it."""
    return None if group is None else {each.name: getattr(group, each.name) for each in fields(group)}


def _encode_adres(adres: DigitaalAdres, _keys: TenantKeys) -> JsonObject:
    plain = {each.name: getattr(adres, each.name) for each in fields(adres)}
    return {
        **plain,
        "soort_digitaal_adres": adres.soort_digitaal_adres.value,
        "partij_kenmerken": list(adres.partij_kenmerken),
    }


def _decode_adres(body: Mapping[str, Any], _keys: TenantKeys) -> DigitaalAdres:
    return DigitaalAdres(
        **{
            **body,
            "soort_digitaal_adres": SoortDigitaalAdres(body["soort_digitaal_adres"]),
            "partij_kenmerken": tuple(body["partij_kenmerken"]),
        }
    )


PARTIJEN: Kind[Partij] = Kind(
    Collection(
        "register_partijen",
        fields=(
            CREATED,
            "uuid",
            "nummer",
            "soort_partij",
            "indicatie_actief",
            "indicatie_geheimhouding",
            "werkte_voor_partij",
            *(f"bezoekadres.{part}" for part in _ADRES_SEARCHED),
            *(f"correspondentieadres.{part}" for part in _ADRES_SEARCHED),
        ),
        array_fields=("kenmerken",),
    ),
    _encode_partij,
    _decode_partij,
    lambda partij: partij.uuid,
)

IDENTIFICATOREN: Kind[PartijIdentificator] = Kind(
    Collection("register_partij_identificatoren", fields=(CREATED, "andere", "parent"), array_fields=("kenmerken",)),
    _encode_identificator,
    _decode_identificator,
    lambda identificator: identificator.uuid,
)

DIGITALE_ADRESSEN: Kind[DigitaalAdres] = Kind(
    Collection(
        "register_digitale_adressen",
        fields=(
            CREATED,
            "adres",
            "soort_digitaal_adres",
            "omschrijving",
            "is_standaard_adres",
            "referentie",
            "verificatie_datum",
            "partij",
            "partij_soort",
            "betrokkene",
        ),
        array_fields=("partij_kenmerken",),
    ),
    _encode_adres,
    _decode_adres,
    lambda adres: adres.uuid,
)

UNIQUE_KEYS: Kind[UniqueKey] = Kind(
    Collection("register_unique_keys"),
    lambda key, _keys: {"id": key.id, "holder": key.holder},
    lambda body, _keys: UniqueKey(body["id"], body["holder"]),
    lambda key: key.id,
)


class _Record(Protocol):
    @property
    def uuid(self) -> str: ...


R = TypeVar("R", bound=_Record)


def _plain_kind(name: str, cls: type[R], fields: tuple[str, ...] = (), array_fields: tuple[str, ...] = ()) -> Kind[R]:
    """A kind whose body follows from the class."""
    codec = Codec(cls)
    collection = Collection(f"register_{name}", (CREATED, *fields), array_fields)
    return Kind(collection, codec.encode, codec.decode, lambda record: record.uuid)


def _identificator_fields(name: str, object_id: str = "object_id") -> tuple[str, ...]:
    parts = (object_id, "code_objecttype", "code_register", "code_soort_object_id")
    return tuple(f"{name}.{part}" for part in parts)


KLANTCONTACTEN: Kind[Klantcontact] = _plain_kind(
    "klantcontacten",
    Klantcontact,
    (
        "uuid",
        "nummer",
        "referentienummer",
        "kanaal",
        "onderwerp",
        "inhoud",
        "reactie",
        "indicatie_contact_gelukt",
        "vertrouwelijk",
        "plaatsgevonden_op",
    ),
    ("leidde_tot_interne_taken", "had_betrokkenen"),
)
BETROKKENEN: Kind[Betrokkene] = _plain_kind(
    "betrokkenen",
    Betrokkene,
    (
        "uuid",
        "rol",
        "had_klantcontact",
        "was_partij",
        "organisatienaam",
        "contactnaam.voorletters",
        "contactnaam.voornaam",
        "contactnaam.voorvoegsel_achternaam",
        "contactnaam.achternaam",
    ),
    ("digitale_adressen",),
)
ONDERWERPOBJECTEN: Kind[Onderwerpobject] = _plain_kind(
    "onderwerpobjecten",
    Onderwerpobject,
    (
        "uuid",
        "klantcontact",
        "was_klantcontact",
        *_identificator_fields("onderwerpobjectidentificator", index_of("object_id")),
    ),
)
BIJLAGEN: Kind[Bijlage] = _plain_kind(
    "bijlagen",
    Bijlage,
    ("was_bijlage_van_klantcontact", *_identificator_fields("bijlageidentificator")),
)
ACTOREN: Kind[Actor] = _plain_kind(
    "actoren",
    Actor,
    ("uuid", "naam", "soort_actor", "indicatie_actief", *_identificator_fields("actoridentificator")),
)
ACTOR_KLANTCONTACTEN: Kind[ActorKlantcontact] = _plain_kind(
    "actor_klantcontacten", ActorKlantcontact, ("actor", "klantcontact")
)
INTERNE_TAKEN: Kind[InterneTaak] = _plain_kind(
    "interne_taken",
    InterneTaak,
    ("nummer", "referentienummer", "status", "toegewezen_op", "aanleidinggevend_klantcontact"),
    ("toegewezen_aan_actoren",),
)
VERTEGENWOORDIGINGEN: Kind[Vertegenwoordiging] = _plain_kind(
    "vertegenwoordigingen", Vertegenwoordiging, ("vertegenwoordigende_partij", "vertegenwoordigde_partij")
)
CATEGORIEEN: Kind[Categorie] = _plain_kind("categorieen", Categorie, ("uuid", "naam"))
CATEGORIE_RELATIES: Kind[CategorieRelatie] = _plain_kind(
    "categorie_relaties", CategorieRelatie, ("partij", "categorie", "begin_datum", "eind_datum")
)
REKENINGNUMMERS: Kind[Rekeningnummer] = _plain_kind(
    "rekeningnummers", Rekeningnummer, ("uuid", "iban", "bic", "partij")
)

CONTACTGEGEVENS_PERSONEN: Kind[Persoon] = _plain_kind("contactgegevens_personen", Persoon)
CONTACTGEGEVENS_ORGANISATIES: Kind[Organisatie] = _plain_kind("contactgegevens_organisaties", Organisatie)

COLLECTIONS: tuple[Collection, ...] = (
    TENANT_KEYS,
    UNIQUE_KEYS.collection,
    *(
        kind.collection
        for kind in (
            PARTIJEN,
            IDENTIFICATOREN,
            DIGITALE_ADRESSEN,
            KLANTCONTACTEN,
            BETROKKENEN,
            ONDERWERPOBJECTEN,
            BIJLAGEN,
            ACTOREN,
            ACTOR_KLANTCONTACTEN,
            INTERNE_TAKEN,
            VERTEGENWOORDIGINGEN,
            CATEGORIEEN,
            CATEGORIE_RELATIES,
            REKENINGNUMMERS,
            CONTACTGEGEVENS_PERSONEN,
            CONTACTGEGEVENS_ORGANISATIES,
        )
    ),
)
