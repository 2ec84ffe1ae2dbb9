from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.model.digitaal_adres import (
    DigitaalAdres,
    SoortDigitaalAdres,
    check_adres,
    check_referentie,
    check_standaard,
    is_email,
    is_telefoonnummer,
    normalised,
    without_default,
)

EMAIL, TELEFOON, OVERIG = SoortDigitaalAdres.EMAIL, SoortDigitaalAdres.TELEFOONNUMMER, SoortDigitaalAdres.OVERIG


def adres(uuid: str, text: str = "a@example.nl", soort: SoortDigitaalAdres = EMAIL, **extra: object) -> DigitaalAdres:
    return replace(DigitaalAdres(uuid, 1, text, soort), **extra)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "number", ["0612345678", "0201234567", "+31612345678", "0031612345678", "0881234567", "+999999999"]
)
def test_telephone_numbers_that_can_be_called(number: str) -> None:
    assert is_telefoonnummer(number)


@pytest.mark.parametrize(
    "number",
    [
        "",
        "0800123456",
        "0900123456",
        "1400",
        "14020",
        "061234567",
        "06123456789",
        "+3161234",
        "06-12345678",
        "0012345",
        "+1234567890123456",
        "0612345678\n",
        "٠٦١٢٣٤٥٦٧٨",
        "0012345678901234",
    ],
)
def test_telephone_numbers_that_are_refused(number: str) -> None:
    assert not is_telefoonnummer(number)


@pytest.mark.parametrize(
    "address", ["a@example.nl", "jan.de-boer+x@mail.example.co", "o'neil@xn--ls8h.example", "_@a.nl"]
)
def test_email_addresses(address: str) -> None:
    assert is_email(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "invalid",
        "@example.nl",
        "a@",
        "a@nl",
        "a b@example.nl",
        "a@exa mple.nl",
        ".a@example.nl",
        "a.@example.nl",
        "a..b@example.nl",
        "a@example..nl",
        "a@-example.nl",
        "a@example-.nl",
        "a@example.n",
        "a@127.0.0.1",
        "a@b@c",
        "a@example.nl\n",
        f"{'a' * 65}@example.nl",
        "a@" + "b" * 64 + ".nl",
    ],
)
def test_what_is_no_email_address(address: str) -> None:
    assert not is_email(address)


@given(st.text(max_size=40))
def test_any_text_is_judged_without_failing(text: str) -> None:
    for soort in SoortDigitaalAdres:
        assert set(check_adres(soort, text)) <= set(check_adres(soort, "never an address"))


@pytest.mark.parametrize(
    ("soort", "text", "faults"), [(EMAIL, "invalid", 1), (TELEFOON, "invalid", 1), (OVERIG, "whatever", 0)]
)
def test_only_what_is_known_of_a_kind_is_checked(soort: SoortDigitaalAdres, text: str, faults: int) -> None:
    assert len(list(check_adres(soort, text))) == faults


def test_a_default_belongs_to_a_partij() -> None:
    assert [each.name for each in check_standaard(adres("1", is_standaard_adres=True))] == ["isStandaardAdres"]
    assert not list(check_standaard(adres("1", is_standaard_adres=True, partij="p")))


def test_a_referentie_is_used_once_for_a_kind() -> None:
    mine = adres("1", referentie="portaal")
    assert [each.code for each in check_referentie(mine, [mine, adres("2", referentie="portaal")])] == ["unique"]
    assert not list(check_referentie(mine, [mine, adres("2", referentie="ander")]))
    assert not list(check_referentie(mine, [adres("2", "0612345678", TELEFOON, referentie="portaal")]))
    assert not list(check_referentie(adres("1"), [adres("2")]))


@pytest.mark.parametrize("number", ["0612345678", "0031612345678", "+31612345678"])
def test_one_number_in_three_notations_is_one_number(number: str) -> None:
    assert normalised(adres("1", number, TELEFOON)) == (TELEFOON, "+31612345678")


def test_addresses_differ_by_kind_and_email_not_by_case() -> None:
    assert normalised(adres("1", "A@Example.NL")) == normalised(adres("2", "a@example.nl"))
    assert normalised(adres("1", "a@example.nl", OVERIG)) != normalised(adres("1", "a@example.nl"))
    assert normalised(adres("1", "A", OVERIG)) != normalised(adres("1", "a", OVERIG))


def test_a_chosen_default_takes_it_from_the_others_of_its_kind() -> None:
    chosen, other = adres("1", is_standaard_adres=True), adres("2", is_standaard_adres=True)
    phone = adres("3", "0612345678", TELEFOON, is_standaard_adres=True)
    assert not without_default(other, chosen).is_standaard_adres
    assert without_default(phone, chosen) == phone
    assert without_default(chosen, chosen) == chosen
    assert without_default(other, replace(chosen, is_standaard_adres=False)) == other
