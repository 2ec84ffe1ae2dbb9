from register.http.links import Links

LINKS = Links("https://x.test/api")


def test_urls_are_below_the_root() -> None:
    assert LINKS.collection("partijen") == "https://x.test/api/partijen"
    assert LINKS.item("partijen", "1") == "https://x.test/api/partijen/1"


def test_a_reference_is_an_id_with_its_url_or_null() -> None:
    assert LINKS.reference("partijen", "1") == {"uuid": "1", "url": "https://x.test/api/partijen/1"}
    assert LINKS.reference("partijen", None) is None
