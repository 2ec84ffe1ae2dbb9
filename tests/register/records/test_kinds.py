import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from register.model.adres import Adres
from register.model.contactnaam import Contactnaam
from register.model.digitaal_adres import DigitaalAdres, SoortDigitaalAdres
from register.model.partij import Partij, SoortPartij
from register.model.partij_identificator import Identificatie, PartijIdentificator, Soort
from register.privacy import TenantKeys
from register.records.kinds import (
    COLLECTIONS,
    DIGITALE_ADRESSEN,
    IDENTIFICATOREN,
    PARTIJEN,
    UNIQUE_KEYS,
    Kind,
    UniqueKey,
)

KEYS = TenantKeys("t", {1: b"a" * 32}, b"i" * 32)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
names = st.none() | texts
identificatoren = st.builds(
    PartijIdentificator,
    texts,
    st.integers(0, 2**53),
    st.builds(Identificatie, st.sampled_from(Soort), texts),
    texts,
    names,
    names,
    st.lists(texts, max_size=2).map(tuple),
)
adressen = st.none() | st.builds(Adres, texts, texts, st.none() | st.integers(1, 99999), texts)
partijen = st.builds(
    Partij,
    texts,
    st.integers(0, 2**53),
    st.sampled_from(SoortPartij),
    st.booleans(),
    nummer=names,
    indicatie_geheimhouding=st.none() | st.booleans(),
    bezoekadres=adressen,
    correspondentieadres=adressen,
    contactnaam=st.none() | st.builds(Contactnaam, texts, texts, texts, texts),
    werkte_voor_partij=names,
    digitale_adressen=st.lists(texts, max_size=2).map(tuple),
    voorkeurs_digitaal_adres=names,
    identificatoren=st.lists(identificatoren, max_size=2).map(tuple),
)
digitale_adressen = st.builds(
    DigitaalAdres,
    texts,
    st.integers(0, 2**53),
    texts,
    st.sampled_from(SoortDigitaalAdres),
    verificatie_datum=names,
    partij=names,
    partij_kenmerken=st.lists(texts, max_size=2).map(tuple),
)
SAMPLES: list[tuple[Kind[Any], st.SearchStrategy[Any]]] = [
    (PARTIJEN, partijen),
    (IDENTIFICATOREN, identificatoren),
    (DIGITALE_ADRESSEN, digitale_adressen),
    (UNIQUE_KEYS, st.builds(UniqueKey, texts, texts)),
]


@given(st.one_of(*(st.tuples(st.just(kind), records) for kind, records in SAMPLES)))
def test_a_record_survives_being_a_document(sample: tuple[Kind[Any], Any]) -> None:
    kind, record = sample
    body = json.loads(json.dumps(kind.encode(record, KEYS)))
    assert kind.decode(body, KEYS) == record


def test_no_value_of_an_identificator_is_written_in_clear() -> None:
    for soort in Soort:
        identificator = PartijIdentificator("i", 1, Identificatie(soort, "999990019"))
        partij = Partij("p", 1, SoortPartij.PERSOON, indicatie_actief=True, identificatoren=(identificator,))
        assert "999990019" not in json.dumps(IDENTIFICATOREN.encode(identificator, KEYS))
        assert "999990019" not in json.dumps(PARTIJEN.encode(partij, KEYS))


@given(partijen, digitale_adressen, identificatoren)
def test_documents_have_the_fields_that_they_are_searched_by(
    partij: Partij, adres: DigitaalAdres, identificator: PartijIdentificator
) -> None:
    samples: list[tuple[Kind[Any], Any]] = [
        (PARTIJEN, partij),
        (DIGITALE_ADRESSEN, adres),
        (IDENTIFICATOREN, identificator),
    ]
    for kind, record in samples:
        body = kind.encode(record, KEYS)
        for path in kind.collection.fields:
            first, _, rest = path.partition(".")
            assert first in body
            assert not rest or body[first] is None or rest in body[first]
        assert all(isinstance(body[path], list) for path in kind.collection.array_fields)


def test_collections_are_named_once_and_for_the_register() -> None:
    collection_names = [each.name for each in COLLECTIONS]
    assert len(set(collection_names)) == len(collection_names)
    assert all(name.startswith("register_") for name in collection_names)
