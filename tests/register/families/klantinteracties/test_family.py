from register.families.klantinteracties.family import KLANTINTERACTIES


def test_the_family_is_where_clients_look_for_it() -> None:
    assert (KLANTINTERACTIES.name, KLANTINTERACTIES.version) == ("klantinteracties", "0.9.0")
    assert KLANTINTERACTIES.base_path == "/klantinteracties/api/v1"
    assert set(KLANTINTERACTIES.by_name) == {"partijen", "partij-identificatoren", "digitaleadressen"}
