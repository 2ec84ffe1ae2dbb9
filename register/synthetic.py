"""People who do not exist, for demonstrations and measurements: the same ones for the same seed.

Their BSNs pass the eleven test. The first 9,090 lie in 9999xxxxx, from which none is given out; a larger number of
people continues just below that range. Addresses are at example.nl, telephone numbers in the block 06 0000 0000 and up.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from random import Random

from register.families.klantinteracties.digitale_adressen import DIGITALE_ADRESSEN
from register.families.klantinteracties.partijen import PARTIJEN
from register.http.operations import read_change
from register.privacy import Keyring
from register.records.unit import Unit, transact
from storage.documents import DocumentStore, JsonObject

_WEIGHTS = (9, 8, 7, 6, 5, 4, 3, 2)
_HIGHEST_PREFIX = 99_999_999
_BATCH = 200

_VOORNAMEN_TEKST = (
    "Daan Bram Luuk Sem Jesse Thijs Ruben Hendrik Joost Wouter Maarten Pieter Emma Sanne Fleur Lotte Anouk Noor Eva "
    "Marijke Ingrid Femke Saskia Yasmina Mohamed Fatima Ravi Anjali Tomasz Elif Serkan João Chloë Renée André"
)
_VOORNAMEN = tuple(_VOORNAMEN_TEKST.split())
_VOORVOEGSELS: dict[str, str] = {
    "": "Jansen Bakker Visser Smit Meijer Mulder Bos Vos Peters Hendriks Yılmaz Kowalski Özdemir Ramdin",
    "de": "Vries Boer Groot Jong Bruijn Wit Graaf",
    "van": "Dijk Leeuwen Beek Vliet Dam",
    "van den": "Berg Heuvel Bosch Brink",
}
_ACHTERNAMEN = tuple((voorvoegsel, naam) for voorvoegsel, namen in _VOORVOEGSELS.items() for naam in namen.split())
_STRATEN = ("Dorpsstraat", "Kerkstraat", "Molenweg", "Schoolstraat", "Stationsweg", "Beatrixlaan", "Kanaalkade")
_STEDEN = ("Voorbeeld", "Nieuw-Voorbeeld", "Voorbeeld aan de IJssel")


@dataclass(frozen=True, slots=True)
class SyntheticPerson:
    """One person, as bodies of the klantinteracties API: the partij with its BSN, and its digital addresses."""

    bsn: str = field(repr=False)
    partij: JsonObject = field(repr=False)
    adressen: tuple[JsonObject, ...] = field(repr=False)


def synthetic_bsns() -> Iterator[str]:
    """Numbers that pass the eleven test, from 999999999 downwards."""
    for prefix in range(_HIGHEST_PREFIX, 0, -1):
        text = f"{prefix:08d}"
        last = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text, strict=True)) % 11
        if last < 10:
            yield f"{text}{last}"


def synthetic_people(number: int, *, seed: int = 1) -> Iterator[SyntheticPerson]:
    """`number` people; the first ones are the same whatever the number."""
    random = Random(seed)  # noqa: S311 - nothing here is a secret, and the same seed must give the same people
    for place, bsn in enumerate(islice(synthetic_bsns(), number)):
        yield _person(random, place, bsn)


async def load_people(
    store: DocumentStore, keyring: Keyring, tenant: str, number: int, *, now_ms: int, seed: int = 1
) -> int:
    """Add `number` people to an empty register of `tenant`, many in one write; returns how many were added.

    They go through the same shapes and actions as an API call. Raises: ValidatieFout when they are there already.
    """
    documents, keys = store.for_tenant(tenant), await keyring.keys(tenant)
    people = synthetic_people(number, seed=seed)
    added = 0
    while batch := list(islice(people, _BATCH)):

        async def decide(unit: Unit, batch: list[SyntheticPerson] = batch, first: int = added) -> None:
            for place, person in enumerate(batch, start=first):
                await _add(unit, person, now_ms=now_ms + place)

        await transact(documents, keys, decide)
        added += len(batch)
    return added


async def _add(unit: Unit, person: SyntheticPerson, *, now_ms: int) -> None:
    partij = await PARTIJEN.create(unit, read_change(PARTIJEN, person.partij, partial=False, now_ms=now_ms))
    for adres in person.adressen:
        body = {**adres, "verstrektDoorPartij": {"uuid": partij.uuid}}
        await DIGITALE_ADRESSEN.create(unit, read_change(DIGITALE_ADRESSEN, body, partial=False, now_ms=now_ms))


def _person(random: Random, place: int, bsn: str) -> SyntheticPerson:
    voornaam, (voorvoegsel, achternaam) = random.choice(_VOORNAMEN), random.choice(_ACHTERNAMEN)
    partij = {
        "soortPartij": "persoon",
        "indicatieActief": True,
        "indicatieGeheimhouding": random.random() < 0.02,
        "voorkeurstaal": "nld",
        "partijIdentificatie": {
            "contactnaam": {
                "voorletters": f"{voornaam[0]}.",
                "voornaam": voornaam,
                "voorvoegselAchternaam": voorvoegsel,
                "achternaam": achternaam,
            }
        },
        "bezoekadres": {
            "straatnaam": random.choice(_STRATEN),
            "huisnummer": random.randint(1, 250),
            "postcode": f"{random.randint(1000, 9999)} {random.choice('ABCDEFGH')}{random.choice('ABCDEFGH')}",
            "stad": random.choice(_STEDEN),
        },
        "partijIdentificatoren": [
            {
                "partijIdentificator": {
                    "codeObjecttype": "natuurlijk_persoon",
                    "codeSoortObjectId": "bsn",
                    "objectId": bsn,
                    "codeRegister": "brp",
                }
            }
        ],
    }
    email = {"soortDigitaalAdres": "email", "adres": f"persoon{place}@example.nl", "isStandaardAdres": True}
    telefoon = {"soortDigitaalAdres": "telefoonnummer", "adres": f"06{place:08d}", "isStandaardAdres": True}
    return SyntheticPerson(bsn, partij, (email, telefoon) if random.random() < 0.8 else (email,))
