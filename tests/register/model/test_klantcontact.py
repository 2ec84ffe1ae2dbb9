import pytest

from register.model.klantcontact import Klantcontact, check_klantcontact


@pytest.mark.parametrize("gelukt", [None, False, True])
@pytest.mark.parametrize("verder", [False, True])
def test_after_a_contact_that_succeeded_nothing_more_is_done(gelukt: bool | None, verder: bool) -> None:
    contact = Klantcontact("u", 1, indicatie_contact_gelukt=gelukt, verdere_actie_ondernomen=verder)
    assert len(list(check_klantcontact(contact))) == (1 if gelukt and verder else 0)
