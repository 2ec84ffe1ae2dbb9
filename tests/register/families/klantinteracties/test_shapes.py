"""The declared shapes against limits that the published OpenAPI has."""

from typing import Any

import pytest

from register.errors import Faults
from register.families.klantinteracties.parts import CONTACTNAAM
from register.families.klantinteracties.shapes import DIGITAAL_ADRES, NAMEN, PARTIJ
from register.http.fields import Shape
from register.http.shapes import ADRES
from register.model.partij import SoortPartij


def faults_of(shape: Shape, body: dict[str, Any]) -> dict[str, str]:
    faults = Faults()
    shape.read_attributes(body, faults, partial=True)
    return {each.name: each.code for each in faults.params}


@pytest.mark.parametrize(
    ("shape", "name", "length"),
    [
        *((ADRES, name, 80) for name in ("adresregel1", "adresregel2", "adresregel3")),
        *((ADRES, name, 255) for name in ("straatnaam", "stad")),
        (ADRES, "huisnummertoevoeging", 20),
        *((CONTACTNAAM, name, 10) for name in ("voorletters", "voorvoegselAchternaam")),
        *((CONTACTNAAM, name, 200) for name in ("voornaam", "achternaam")),
        (NAMEN[SoortPartij.ORGANISATIE], "naam", 200),
        (PARTIJ, "interneNotitie", 1000),
        (DIGITAAL_ADRES, "adres", 80),
        (DIGITAAL_ADRES, "omschrijving", 40),
        (DIGITAAL_ADRES, "referentie", 50),
    ],
)
def test_lengths(shape: Shape, name: str, length: int) -> None:
    assert faults_of(shape, {name: "x" * length}) == {}
    assert faults_of(shape, {name: "x" * (length + 1)}) == {name: "max_length"}


@pytest.mark.parametrize(
    ("shape", "name", "good", "bad"),
    [
        (ADRES, "postcode", ["1234 AB", ""], ["1234AB", "0234 AB", "1234 ab"]),
        (ADRES, "nummeraanduidingId", ["0" * 16, ""], ["0" * 15, "x" * 16]),
        (ADRES, "land", ["NL", ""], ["nl", "N", "NLD"]),
        (ADRES, "huisnummer", [1, 99999], [0, 100000, "12"]),
        (PARTIJ, "nummer", ["0123456789", "", "1"], ["12345678901", "a1", "-1"]),
        (PARTIJ, "voorkeurstaal", ["nld", ""], ["nl", "NLD", "nl1"]),
        (PARTIJ, "indicatieActief", [True, False], ["true", None]),
        (PARTIJ, "soortPartij", ["persoon", "organisatie", "contactpersoon"], ["klant", None]),
        (DIGITAAL_ADRES, "referentie", ["portaal-voorkeur_1", ""], ["a b", "a/b"]),
        (DIGITAAL_ADRES, "verificatieDatum", ["2024-01-31"], ["2024-1-31", "2024-02-30"]),
    ],
)
def test_patterns_and_bounds(shape: Shape, name: str, good: list[Any], bad: list[Any]) -> None:
    assert [value for value in good if faults_of(shape, {name: value})] == []
    assert [value for value in bad if not faults_of(shape, {name: value})] == []


@pytest.mark.parametrize("name", ["nummer", "indicatieGeheimhouding", "bezoekadres", "correspondentieadres"])
def test_what_may_be_null(name: str) -> None:
    assert faults_of(PARTIJ, {name: None}) == {}


def test_lists_have_an_end() -> None:
    items: list[dict[str, Any]] = [{}] * 21
    assert faults_of(PARTIJ, {"partijIdentificatoren": items}) == {"partijIdentificatoren": "max_length"}
