from register.model.contactgegevens import Organisatie, Persoon, check_organisatie, check_persoon


def test_nothing_ends_before_it_begins() -> None:
    for begin, end, faults in (
        ("2000-01-02", "2000-01-01", 1),
        ("2000-01-01", "2000-01-01", 0),
        ("2000-01-01", None, 0),
    ):
        assert len(list(check_persoon(Persoon("u", 1, begin, end)))) == faults
        assert len(list(check_organisatie(Organisatie("u", 1, "x", begin, end)))) == faults
