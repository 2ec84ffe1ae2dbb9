from register.errors import Faults
from register.families.klantinteracties.parts import NUMMER, TAAL, identificator_filters
from register.http.filters import Exact, Sealed


def test_an_identificator_is_asked_for_by_its_four_parts() -> None:
    plain = identificator_filters("x", "f")
    assert {name for each in plain for name in each.parameters} == {
        "xCodeObjecttype",
        "xCodeRegister",
        "xCodeSoortObjectId",
        "xObjectId",
    }
    assert isinstance(plain[-1], Exact)
    assert isinstance(identificator_filters("x", "f", purpose="p")[-1], Sealed)


def test_a_number_is_digits_and_a_language_three_letters() -> None:
    faults = Faults()
    assert (NUMMER.read("007", "n", faults), TAAL.read("nld", "t", faults)) == ("007", "nld")
    NUMMER.read("7a", "n", faults)
    TAAL.read("NLD", "t", faults)
    assert {each.name for each in faults.params} == {"n", "t"}
