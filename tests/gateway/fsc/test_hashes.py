"""Content hashes and grant hashes."""

import copy
import hashlib
import json
import struct
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    InvalidContract,
    SignatureContractContentHashMismatch,
    UnknownHashAlgorithmHash,
    UrlPathContentHashMismatch,
)
from gateway.fsc.contract import ParsedContract, parse_contract_content
from gateway.fsc.grants import DomainNameIdentification, Grant
from gateway.fsc.hashes import (
    check_path_hash,
    compute_all,
    compute_hashes,
    explain_mismatch,
    grant_aliases,
    match_profile,
    signed_under,
)
from gateway.fsc.jcs import canonicalise, parse_json
from gateway.fsc.profile import HashProfile
from tests.gateway.fsc import samples
from tests.gateway.fsc.samples import CONSUMER, DELEGATOR, DIRECTORY, PROVIDER, SERVICE, SERVICE_DELEGATOR, THUMBPRINT

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "fsc_core_example.json").read_text())
ALL = tuple(HashProfile)
JCS_PROFILES = (HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES, HashProfile.FSC_DEVELOP)

members = st.dictionaries(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).map(lambda name: "x-" + name),
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e9, 1e9) | st.text("aé😂\n"),
    min_size=1,
    max_size=4,
)


def sha3(data: bytes) -> str:
    return urlsafe_b64encode(hashlib.sha3_512(data).digest()).decode().rstrip("=")


@pytest.mark.parametrize("name", ["union", "flat"])
def test_the_canonical_form_of_the_example(name: str) -> None:
    example = VECTORS["contents"][name]
    assert len(canonicalise(example["content"])) == example["canonical_length"]


@pytest.mark.parametrize("vector", VECTORS["hashes"], ids=lambda vector: f"{vector['profile']}-{vector['content']}")
def test_the_hashes_of_the_example(vector: dict[str, Any]) -> None:
    parsed = parse_contract_content(VECTORS["contents"][vector["content"]]["content"])
    hashes = compute_hashes(parsed, HashProfile(vector["profile"]))
    assert hashes.profile == vector["profile"]
    assert hashes.content_hash == vector["content_hash"]
    assert list(hashes.grant_hashes) == vector["grant_hashes"]


@pytest.mark.parametrize(
    ("grant", "hash_type"),
    [
        (samples.publication(), 2),
        (samples.connection(), 3),
        (samples.delegated_connection(), 4),
        (samples.delegated_publication(), 5),
    ],
)
@pytest.mark.parametrize("profile", ALL)
def test_a_grant_hash_has_the_type_of_its_grant(grant: Grant, hash_type: int, profile: HashProfile) -> None:
    hashes = compute_hashes(samples.contract(grant, profile=profile), profile)
    assert hashes.content_hash.startswith("$1$1$")
    assert hashes.grant_hashes[0].startswith(f"$1${hash_type}$")
    assert len(hashes.grant_hashes[0]) == len("$1$1$") + 86


SCOPE = samples.GROUP.encode() + samples.IV.bytes
CONNECTED = PROVIDER.encode() + SERVICE.encode()
OUTWAY = CONSUMER.encode() + THUMBPRINT.encode()
ONE, TWO, THREE, FOUR = (struct.pack("<i", number) for number in (1, 2, 3, 4))
HTTP_1, HTTP_2 = b"PROTOCOL_TCP_HTTP_1.1", b"PROTOCOL_TCP_HTTP_2"


@pytest.mark.parametrize(
    ("grant", "fields"),
    [
        (samples.publication(), ONE + DIRECTORY.encode() + CONNECTED + HTTP_1),
        (samples.delegated_publication(), FOUR + DIRECTORY.encode() + CONNECTED + HTTP_2 + DELEGATOR.encode()),
        (samples.connection(), TWO + OUTWAY + ONE + CONNECTED),
        (samples.connection_to_delegated_service(), TWO + OUTWAY + TWO + CONNECTED + SERVICE_DELEGATOR.encode()),
        (samples.delegated_connection(), THREE + OUTWAY + ONE + CONNECTED + DELEGATOR.encode()),
        (
            samples.connection(properties={"b": 1.0, "a": "x"}),
            TWO + OUTWAY + ONE + CONNECTED + hashlib.sha3_512(b'{"a":"x","b":1}').digest(),
        ),
    ],
)
def test_1_1_hashes_the_fields_in_the_order_of_the_schema(grant: Grant, fields: bytes) -> None:
    hashes = compute_hashes(samples.contract(grant, profile=HashProfile.FSC_1_1), HashProfile.FSC_1_1)
    assert hashes.grant_hashes == (f"$1${grant.kind.hash_type}${sha3(SCOPE + fields)}",)
    instants = struct.pack("<qqq", samples.NOT_BEFORE, samples.NOT_AFTER, samples.CREATED_AT)
    assert hashes.content_hash == "$1$1$" + sha3(SCOPE + instants + hashes.grant_hashes[0].encode())


def test_the_order_of_grants_counts_in_2_0_and_not_in_1_1() -> None:
    grants = (samples.connection(), samples.delegated_connection())
    for profile, counts in ((HashProfile.FSC_2_0, True), (HashProfile.FSC_1_1, False)):
        one = compute_hashes(samples.contract(*grants, profile=profile), profile)
        other = compute_hashes(samples.contract(*reversed(grants), profile=profile), profile)
        assert (one.content_hash != other.content_hash) is counts
        assert (set(one.grant_hashes) != set(other.grant_hashes)) is counts


@given(st.randoms())
def test_the_order_of_members_never_counts(random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, dict):
            names = list(value)
            random.shuffle(names)
            return {name: shuffled(value[name]) for name in names}
        return [shuffled(item) for item in value] if isinstance(value, list) else value

    for profile in ALL:
        content = samples.content(samples.delegated_connection(), profile=profile)
        received = parse_json(json.dumps(shuffled(content), indent=1).encode())
        assert compute_hashes(parse_contract_content(received), profile) == compute_hashes(
            parse_contract_content(content), profile
        )


@given(members, st.sampled_from(["content", "validity", "item", "data", "service", "outway"]))
def test_a_member_that_we_do_not_know_is_hashed_as_received(extra: dict[str, Any], place: str) -> None:
    for profile in JCS_PROFILES:
        plain = samples.content(profile=profile)
        changed = copy.deepcopy(plain)
        item = changed["grants"][0]
        places = {"content": changed, "item": item, "validity": changed["validity"], "data": item["data"]}
        places |= {name: item["data"][name] for name in ("service", "outway")}
        places[place].update(extra)
        hashes = compute_hashes(parse_contract_content(changed), profile)
        assert hashes.content_hash == "$1$1$" + sha3(canonicalise(changed))
        assert hashes.content_hash != compute_hashes(parse_contract_content(plain), profile).content_hash


@given(st.integers(0, 2**52), st.integers(0, 2**52))
def test_1_1_covers_the_instants(not_before: int, created_at: int) -> None:
    plain = samples.content(profile=HashProfile.FSC_1_1)
    changed = copy.deepcopy(plain)
    changed["validity"]["not_before"], changed["created_at"] = not_before, created_at
    one, other = (compute_hashes(parse_contract_content(content), HashProfile.FSC_1_1) for content in (plain, changed))
    assert (one.content_hash == other.content_hash) is (plain == changed)
    assert one.grant_hashes == other.grant_hashes


def test_only_profiles_that_the_version_leaves_possible_are_computed_in_the_order_of_the_group() -> None:
    assert [one.profile for one in compute_all(samples.contract(), ALL)] == ["fsc-2.0", "fsc-2.0-rawbytes"]
    flat = samples.contract(profile=HashProfile.FSC_DEVELOP)
    assert [one.profile for one in compute_all(flat, ALL[::-1])] == ["fsc-1.1", "fsc-develop"]
    assert compute_all(flat, [HashProfile.FSC_2_0]) == ()


def domain_name_without_version() -> ParsedContract:
    content = samples.content(samples.connection(DomainNameIdentification(domain_name="outway.example.nl")))
    content.pop("fsc_version")
    return parse_contract_content(content)


def test_1_1_has_no_form_for_a_domain_name_and_the_others_still_count() -> None:
    parsed = domain_name_without_version()
    assert [one.profile for one in compute_all(parsed, ALL)] == ["fsc-develop"]
    with pytest.raises(InvalidContract, match="domain name"):
        compute_hashes(parsed, HashProfile.FSC_1_1)


def test_1_1_has_no_form_for_an_iv_that_is_no_uuid() -> None:
    content = samples.content(profile=HashProfile.FSC_1_1)
    content["iv"] = "06338364"
    with pytest.raises(InvalidContract, match="/iv is not a UUID"):
        compute_hashes(parse_contract_content(content), HashProfile.FSC_1_1)


def test_every_grant_is_known_by_the_hashes_of_every_profile() -> None:
    parsed = samples.contract(samples.connection(), samples.delegated_connection())
    hashes = compute_all(parsed, ALL)
    aliases = grant_aliases(hashes)
    assert [len(one) for one in aliases] == [2, 2]
    assert aliases[1] == {one.grant_hashes[1] for one in hashes}
    assert grant_aliases(()) == ()


def test_the_profile_of_a_signer_is_found_by_its_hash() -> None:
    hashes = compute_all(samples.contract(profile=HashProfile.FSC_DEVELOP), ALL)
    for one in hashes:
        assert match_profile(hashes, one.content_hash) is one
        check_path_hash(hashes, one.content_hash)


def test_a_hash_that_no_profile_computes_is_refused_with_what_each_computed() -> None:
    hashes = compute_all(samples.contract(profile=HashProfile.FSC_DEVELOP), ALL)
    for wrong in ("$1$1$" + "A" * 86, "no hash at all", hashes[0].content_hash + "=="):
        with pytest.raises(SignatureContractContentHashMismatch) as refused:
            match_profile(hashes, wrong)
        with pytest.raises(UrlPathContentHashMismatch) as refused_path:
            check_path_hash(hashes, wrong)
        for one in hashes:
            assert f"{one.content_hash} (profile {one.profile})" in refused.value.message
            assert f"{one.content_hash} (profile {one.profile})" in refused_path.value.message


def test_a_hash_by_another_algorithm_is_refused_by_name() -> None:
    hashes = compute_all(samples.contract(), ALL)
    for check in (match_profile, check_path_hash):
        with pytest.raises(UnknownHashAlgorithmHash, match="hash algorithm 2 is unknown"):
            check(hashes, "$2$1$abc")


def test_the_refusal_says_when_no_profile_applies() -> None:
    with pytest.raises(SignatureContractContentHashMismatch, match="no allowed profile"):
        match_profile((), "$1$1$abc")


def test_a_mismatch_names_the_profile_that_is_not_allowed() -> None:
    parsed = samples.contract(profile=HashProfile.FSC_DEVELOP)
    by_1_1 = compute_hashes(parsed, HashProfile.FSC_1_1).content_hash
    text = explain_mismatch(parsed, by_1_1, [HashProfile.FSC_2_0, HashProfile.FSC_DEVELOP])
    assert "by profile fsc-1.1, which this Group does not allow" in text
    assert "group.hash_profiles" in text


def test_a_mismatch_with_every_profile_says_what_is_allowed() -> None:
    text = explain_mismatch(samples.contract(), "$1$1$" + "A" * 86, ALL)
    assert text.startswith("this Group allows fsc-2.0 (fsc_version 2.0.0) or ")


@given(st.permutations(ALL), st.sampled_from(ALL))
def test_the_hashes_that_are_signed_come_first_and_the_others_keep_their_order(
    order: list[HashProfile], signed: HashProfile
) -> None:
    parsed = samples.contract(profile=HashProfile.FSC_DEVELOP)
    hashes = [compute_hashes(parsed, profile) for profile in order]
    arranged = signed_under(hashes, signed)
    assert arranged[0].profile is signed
    assert list(arranged[1:]) == [one for one in hashes if one.profile is not signed]
