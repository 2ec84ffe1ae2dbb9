from register.model.identificator import GeslotenIdentificator, Objectidentificator


def test_the_value_of_what_can_be_a_person_is_not_shown() -> None:
    assert "999990019" not in repr(GeslotenIdentificator("999990019", "natuurlijk_persoon"))
    assert "doc-1" in repr(Objectidentificator("doc-1"))
