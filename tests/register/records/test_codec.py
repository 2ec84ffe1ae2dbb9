import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hypothesis import given
from hypothesis import strategies as st

from register.model.sealing import index_of, sealed
from register.privacy import TenantKeys
from register.records.codec import Codec

KEYS = TenantKeys("t", {1: b"a" * 32}, b"i" * 32)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)


class Kleur(StrEnum):
    ROOD = "rood"
    BLAUW = "blauw"


@dataclass(frozen=True)
class Deel:
    naam: str = ""
    kleur: Kleur | None = None
    geheim: str = sealed("deel")


@dataclass(frozen=True)
class Ding:
    uuid: str
    getal: int = 0
    vlag: bool | None = None
    kleur: Kleur = Kleur.ROOD
    deel: Deel | None = None
    delen: tuple[Deel, ...] = ()
    namen: tuple[str, ...] = ()
    los: Mapping[str, str] = field(default_factory=dict)
    bsn: str = sealed("ding")


CODEC = Codec(Ding)
delen = st.builds(Deel, texts, st.none() | st.sampled_from(Kleur), texts)
dingen = st.builds(
    Ding,
    texts,
    st.integers(),
    st.none() | st.booleans(),
    st.sampled_from(Kleur),
    st.none() | delen,
    st.lists(delen, max_size=2).map(tuple),
    st.lists(texts, max_size=2).map(tuple),
    st.dictionaries(texts, texts, max_size=2),
    texts,
)


@given(dingen)
def test_what_is_written_is_read_back(ding: Ding) -> None:
    body = json.loads(json.dumps(CODEC.encode(ding, KEYS)))
    assert CODEC.decode(body, KEYS) == ding


def test_what_is_sealed_is_found_by_its_index_and_shown_nowhere() -> None:
    ding = Ding("u", bsn="999990019", deel=Deel(geheim="999990019"))
    body = CODEC.encode(ding, KEYS)
    assert "999990019" not in json.dumps(body)
    assert "999990019" not in repr(ding)
    assert body[index_of("bsn")] == KEYS.blind_index("ding", "999990019")
    assert body["deel"][index_of("geheim")] == KEYS.blind_index("deel", "999990019")
    assert CODEC.encode(Ding("u", bsn="999990019"), KEYS)["bsn"] != body["bsn"]


def test_a_body_that_is_older_than_a_field_is_read() -> None:
    assert CODEC.decode({"uuid": "u"}, KEYS) == Ding("u")
