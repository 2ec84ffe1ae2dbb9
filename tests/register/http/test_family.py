from register.families.klantinteracties.family import KLANTINTERACTIES


def test_resources_are_found_by_their_path() -> None:
    assert list(KLANTINTERACTIES.by_name) == [each.name for each in KLANTINTERACTIES.resources]
