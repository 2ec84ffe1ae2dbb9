"""The index of publications against a plain sort of the same."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.fsc.contract import parse_contract_content
from gateway.fsc.hashes import compute_all
from gateway.fsc.profile import HashProfile
from gateway.state.contracts import ContractRecord
from gateway.state.publication_index import PublicationIndex
from tests.gateway.harness import (
    CONSUMER,
    DIRECTORY,
    FOREIGN,
    PROVIDER,
    connection,
    delegated_publication,
    key_pair,
    make_content,
    publication,
)

NOW = 1_800_000_000


def record(*services: str, created_at: int = NOW) -> ContractRecord:
    """A Contract that publishes these Services."""
    grants = [publication(DIRECTORY, PROVIDER, one) for one in services]
    parsed = parse_contract_content(make_content(*grants, now=NOW, created_at=created_at))
    return ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,)))


def names(index: PublicationIndex, *, descending: bool = False) -> list[str]:
    return [one.grant.service_name for one in index.following(None, descending=descending)]


def test_publications_of_both_kinds_are_known_and_nothing_else() -> None:
    index = PublicationIndex()
    for number, grant in enumerate(
        (
            publication(DIRECTORY, PROVIDER, "own"),
            delegated_publication(DIRECTORY, PROVIDER, FOREIGN, "delegated"),
            connection(key_pair(CONSUMER), CONSUMER, PROVIDER, service="connection"),
        )
    ):
        parsed = parse_contract_content(make_content(grant, now=NOW, created_at=NOW + number))
        index.add(ContractRecord(parsed, compute_all(parsed, (HashProfile.FSC_2_0,))))
    assert names(index) == ["own", "delegated"]
    assert names(index, descending=True) == ["delegated", "own"]


def test_the_same_grant_twice_in_a_contract_is_listed_and_forgotten_twice() -> None:
    index, double, other = PublicationIndex(), record("brp", "brp"), record("kvk", created_at=NOW + 1)
    index.add(double)
    index.add(other)
    assert names(index) == ["brp", "brp", "kvk"]
    index.remove(double)
    assert names(index) == ["kvk"]


RECORDS = [record("s-a", "s-b", created_at=NOW + number % 3) for number in range(6)]


@settings(max_examples=100)
@given(
    steps=st.lists(st.sampled_from(RECORDS), max_size=20),
    descending=st.booleans(),
    begin=st.none() | st.sampled_from([one for held in RECORDS for one in held.grant_hashes]),
)
def test_what_follows_a_place_is_what_a_plain_sort_says(
    steps: list[ContractRecord], descending: bool, begin: str | None
) -> None:
    index, known = PublicationIndex(), dict[str, ContractRecord]()
    for step in steps:  # a record that is known already is removed
        if known.pop(step.content_hash, None) is not None:
            index.remove(step)
        else:
            known[step.content_hash] = step
            index.add(step)
    places = sorted(
        ((one.content.created_at, grant_hash) for one in known.values() for grant_hash in one.grant_hashes),
        reverse=descending,
    )
    after = next(
        ((one.content.created_at, begin) for one in RECORDS if begin is not None and begin in one.grant_hashes), None
    )
    expected = [one for one in places if after is None or (one < after if descending else one > after)]
    assert [one.place for one in index.following(after, descending=descending)] == expected
