from dataclasses import replace

from register.model.contactnaam import Contactnaam
from register.model.digitaal_adres import DigitaalAdres, SoortDigitaalAdres
from register.model.partij import (
    MAX_DIGITALE_ADRESSEN,
    Partij,
    SoortPartij,
    check_number_of_addresses,
    check_one_of_each_kind,
    check_voorkeur,
    describe,
    fitting_its_kind,
    with_address,
    with_identificator,
    without_address,
    without_identificator,
)
from register.model.partij_identificator import Identificatie, PartijIdentificator, Soort

PARTIJ = Partij("p", 1, SoortPartij.PERSOON, indicatie_actief=True)


def identificator(uuid: str, soort: Soort = Soort.BSN) -> PartijIdentificator:
    return PartijIdentificator(uuid, 1, Identificatie(soort, uuid), kenmerken=(soort.value, f"{soort}={uuid}"))


def test_a_partij_keeps_only_the_names_of_its_kind() -> None:
    everything = replace(PARTIJ, contactnaam=Contactnaam("J."), naam="BV", werkte_voor_partij="o")
    organisatie = fitting_its_kind(replace(everything, soort_partij=SoortPartij.ORGANISATIE))
    persoon = fitting_its_kind(everything)
    contactpersoon = fitting_its_kind(replace(everything, soort_partij=SoortPartij.CONTACTPERSOON))
    assert (organisatie.contactnaam, organisatie.naam, organisatie.werkte_voor_partij) == (None, "BV", None)
    assert (persoon.contactnaam, persoon.naam, persoon.werkte_voor_partij) == (Contactnaam("J."), "", None)
    assert (contactpersoon.contactnaam, contactpersoon.naam) == (Contactnaam("J."), "")
    assert contactpersoon.werkte_voor_partij == "o"


def test_one_identificator_of_a_kind() -> None:
    both = [identificator("1"), identificator("2", Soort.RSIN)]
    assert not list(check_one_of_each_kind(both))
    assert [each.code for each in check_one_of_each_kind([*both, identificator("3")])] == ["duplicated"]


def test_identificatoren_are_replaced_in_place_added_and_removed() -> None:
    partij = with_identificator(with_identificator(PARTIJ, identificator("1")), identificator("2", Soort.RSIN))
    changed = with_identificator(partij, replace(identificator("1"), andere="x"))
    assert [each.andere for each in changed.identificatoren] == ["x", ""]
    assert [each.uuid for each in without_identificator(changed, "1").identificatoren] == ["2"]
    assert without_identificator(changed, "9") == changed


def test_marks_of_all_identificatoren_each_once() -> None:
    partij = with_identificator(with_identificator(PARTIJ, identificator("1")), identificator("2"))
    assert partij.kenmerken() == ("bsn", "bsn=1", "bsn=2")


def test_the_preferred_address_is_one_of_its_own_and_goes_with_it() -> None:
    partij = replace(with_address(PARTIJ, "a"), voorkeurs_digitaal_adres="a")
    assert not list(check_voorkeur(partij))
    assert without_address(partij, "a").voorkeurs_digitaal_adres is None
    assert without_address(partij, "b") == partij
    assert [each.name for each in check_voorkeur(replace(PARTIJ, voorkeurs_digitaal_adres="b"))] == [
        "voorkeursDigitaalAdres"
    ]
    assert with_address(partij, "a") is partij


def test_there_is_an_end_to_the_addresses_of_a_partij() -> None:
    full = replace(PARTIJ, digitale_adressen=tuple(str(each) for each in range(MAX_DIGITALE_ADRESSEN)))
    assert not list(check_number_of_addresses(full))
    assert list(check_number_of_addresses(with_address(full, "one more")))


def test_an_address_repeats_what_its_partij_is_searched_by_and_forgets_it_again() -> None:
    partij = with_identificator(PARTIJ, identificator("1"))
    adres = DigitaalAdres("a", 1, "a@example.nl", SoortDigitaalAdres.EMAIL)
    described = describe(adres, partij)
    assert (described.partij, described.partij_soort) == ("p", "persoon")
    assert described.partij_kenmerken == ("bsn", "bsn=1")
    assert describe(described, None) == adres
