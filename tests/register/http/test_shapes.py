from register.errors import Faults
from register.http.shapes import ADRES, OWN


def test_what_an_address_must_look_like() -> None:
    faults = Faults()
    ADRES.read({"postcode": "1234AB", "land": "nl", "nummeraanduidingId": "1", "huisnummer": 0}, "a", faults)
    assert {each.name for each in faults.params} == {"a.postcode", "a.land", "a.nummeraanduidingId", "a.huisnummer"}


def test_nobody_writes_what_a_record_is_called() -> None:
    assert all(each.read_only for each in OWN)
