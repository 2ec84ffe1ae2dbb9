import pytest

from register.model.contactnaam import Contactnaam


@pytest.mark.parametrize(
    ("naam", "volledig"),
    [
        (Contactnaam("J.", "Jan", "van der", "Berg"), "Jan van der Berg"),
        (Contactnaam(voorletters="J.", achternaam="Berg"), "J. Berg"),
        (Contactnaam(voornaam="Jan"), "Jan"),
        (Contactnaam(), ""),
    ],
)
def test_whole_name_has_no_gaps(naam: Contactnaam, volledig: str) -> None:
    assert naam.volledig() == volledig
