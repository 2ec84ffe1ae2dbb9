from dataclasses import FrozenInstanceError

import pytest

from register.model.adres import Adres


def test_an_address_without_parts_is_empty_and_cannot_be_changed() -> None:
    adres = Adres()
    assert (adres.straatnaam, adres.huisnummer, adres.land) == ("", None, "")
    with pytest.raises(FrozenInstanceError):
        adres.land = "NL"  # type: ignore[misc]
