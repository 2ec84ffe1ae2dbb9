"""What other Peers speak, and how a difference is said."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import (
    InvalidContract,
    SignatureContractContentHashMismatch,
    UnknownFscVersion,
    UrlPathContentHashMismatch,
)
from gateway.fsc.profile import HashProfile
from gateway.fsc.versions import (
    PeerVersion,
    choose_profile,
    explain_refusal,
    is_for_version,
    parse_fsc_version,
    version_problem,
)

NEW, RAW, DEVELOP, OLD = HashProfile
UNKNOWN = PeerVersion()

profiles = st.sampled_from(HashProfile)
groups = st.lists(profiles, min_size=1, max_size=4, unique=True)
told = st.sampled_from(["", "1.0.0", "1.1.0", "2.0.0", "2.4", "3", "x"])
versions = st.builds(PeerVersion, st.none() | profiles, told)


@pytest.mark.parametrize(
    ("version", "spoken"),
    [
        (UNKNOWN, None),
        (PeerVersion(fsc_version="2.0.0"), {NEW, RAW}),
        (PeerVersion(fsc_version="2.5"), {NEW, RAW}),
        (PeerVersion(fsc_version="1.0.0"), {DEVELOP, OLD}),
        (PeerVersion(fsc_version="3.0.0"), set()),
        (PeerVersion(OLD), {OLD}),
        (PeerVersion(DEVELOP), {DEVELOP}),
        (PeerVersion(NEW), {NEW, RAW}),
        (PeerVersion(RAW), {NEW, RAW}),
        (PeerVersion(OLD, "2.0.0"), {OLD, NEW, RAW}),
        (PeerVersion(OLD, "1.1.0"), {OLD, DEVELOP}),
        (PeerVersion(OLD, "3.0.0"), {OLD}),
    ],
)
def test_contracts_and_versions_tell_what_a_peer_speaks(version: PeerVersion, spoken: Any) -> None:
    assert version.profiles() == spoken


def test_a_peer_that_tells_what_all_tell_is_believed_by_its_contracts() -> None:
    assert PeerVersion(NEW, "1.0.0").profiles() == frozenset({NEW, RAW})
    assert version_problem(PeerVersion(NEW, "1.0.0"), [NEW]) == ""


@pytest.mark.parametrize("text", ["1.0.0", "2", "2.0.0-rc.1+build", "v" * 32])
def test_a_version_is_a_short_word(text: str) -> None:
    assert parse_fsc_version(text) == text


@pytest.mark.parametrize("text", ["", "2 0", "2.0\n", "\x1b[2J", "v" * 33, "²"])
def test_anything_else_is_no_version(text: str) -> None:
    with pytest.raises(ValueError, match="1 to 32"):
        parse_fsc_version(text)


@pytest.mark.parametrize(
    ("allowed", "parties", "chosen"),
    [
        ([NEW, OLD], [], NEW),
        ([NEW, OLD], [UNKNOWN], NEW),
        ([NEW, OLD], [PeerVersion(OLD)], OLD),
        ([OLD, NEW], [PeerVersion(NEW), UNKNOWN], NEW),
        ([NEW, DEVELOP, OLD], [PeerVersion(fsc_version="1.1.0"), PeerVersion(OLD)], OLD),
        ([NEW, OLD], [PeerVersion(OLD), PeerVersion(OLD, "2.0.0")], OLD),
        ([NEW, OLD], [PeerVersion(OLD), PeerVersion(NEW)], NEW),
        ([NEW], [PeerVersion(OLD)], NEW),
        ([NEW, OLD], [PeerVersion(fsc_version="3.0.0")], NEW),
    ],
)
def test_the_first_profile_that_suits_all_is_chosen(
    allowed: list[HashProfile], parties: list[PeerVersion], chosen: HashProfile
) -> None:
    assert choose_profile(allowed, parties) is chosen


@given(groups, st.lists(versions, max_size=4))
def test_the_choice_is_allowed_and_suits_all_if_any_does(
    allowed: list[HashProfile], parties: list[PeerVersion]
) -> None:
    chosen = choose_profile(allowed, parties)
    assert chosen in allowed

    def suits(profile: HashProfile) -> bool:
        return all(known is None or profile in known for known in (one.profiles() for one in parties))

    assert suits(chosen) is any(suits(profile) for profile in allowed)


@given(groups, versions)
def test_a_problem_is_told_exactly_when_nothing_allowed_is_spoken(
    allowed: list[HashProfile], version: PeerVersion
) -> None:
    problem = version_problem(version, allowed)
    spoken = version.profiles()
    assert bool(problem) is (spoken is not None and not spoken & set(allowed))
    if problem and spoken:
        assert any(f"add {profile}" in problem for profile in spoken)
        assert "group.hash_profiles" in problem


def test_a_problem_names_both_sides_and_the_remedy() -> None:
    assert version_problem(PeerVersion(OLD), [NEW]) == (
        "its contracts are of hash profile fsc-1.1, this Group allows fsc-2.0 (fsc_version 2.0.0): add fsc-1.1 to "
        "group.hash_profiles, or ask the Peer for what is allowed"
    )
    told = version_problem(PeerVersion(fsc_version="1.0.0"), [NEW])
    assert "it says that it speaks FSC 1.0.0 (Peers of later versions may say so too" in told
    assert "add fsc-develop or fsc-1.1 to group.hash_profiles" in told
    future = version_problem(PeerVersion(fsc_version="3.0.0"), [OLD])
    assert future == (
        "it says that it speaks FSC 3.0.0, for which there is no hash profile here: ask the Peer for contracts of "
        "fsc-1.1 (no fsc_version)"
    )


@pytest.mark.parametrize(
    "code", [UnknownFscVersion.code, SignatureContractContentHashMismatch.code, UrlPathContentHashMismatch.code]
)
def test_a_refusal_for_the_version_is_explained(code: str) -> None:
    text = explain_refusal(code, NEW)
    assert text.startswith("the versions differ: this Peer does not take contracts of fsc-2.0 (fsc_version 2.0.0); ")
    assert "group.hash_profiles" in text


@pytest.mark.parametrize("code", ["", "x", InvalidContract.code])
def test_other_refusals_have_nothing_to_do_with_versions(code: str) -> None:
    assert explain_refusal(code, NEW) == ""


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        ("", False),
        ("422 ERROR_CODE_INVALID_CONTRACT: no", False),
        ("the versions differ. It answered 422 ERROR_CODE_UNKNOWN_FSC_VERSION: no", True),
        ("422 ERROR_CODE_SIGNATURE_CONTRACT_CONTENT_HASH_MISMATCH: no", True),
    ],
)
def test_a_refusal_for_the_version_is_told_from_others(refusal: str, expected: bool) -> None:
    assert is_for_version(refusal) is expected
