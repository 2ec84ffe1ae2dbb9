"""Hash profiles."""

import pytest

from gateway.fsc.profile import HashProfile, describe_profiles, not_allowed, profiles_for

ALL = tuple(HashProfile)


@pytest.mark.parametrize("version", ["", "1.0.0", "2.0", "2.0.1", "3.0.0"])
def test_no_profile_is_for_an_unknown_version(version: str) -> None:
    assert profiles_for(version, ALL) == ()


def test_the_version_tells_the_generations_apart() -> None:
    assert profiles_for("2.0.0", ALL) == (HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES)
    assert profiles_for(None, ALL) == (HashProfile.FSC_DEVELOP, HashProfile.FSC_1_1)


def test_only_allowed_profiles_count_in_the_order_of_the_group() -> None:
    allowed = (HashProfile.FSC_1_1, HashProfile.FSC_2_0, HashProfile.FSC_DEVELOP)
    assert profiles_for(None, allowed) == (HashProfile.FSC_1_1, HashProfile.FSC_DEVELOP)


def test_a_profile_is_described_with_the_version_of_its_contracts() -> None:
    assert describe_profiles([HashProfile.FSC_1_1]) == "fsc-1.1 (no fsc_version)"
    both = (HashProfile.FSC_2_0, HashProfile.FSC_DEVELOP)
    assert describe_profiles(both) == "fsc-2.0 (fsc_version 2.0.0) or fsc-develop (no fsc_version)"


def test_what_a_group_could_allow_too() -> None:
    assert not_allowed(None, [HashProfile.FSC_2_0, HashProfile.FSC_1_1]) == (HashProfile.FSC_DEVELOP,)
    assert not_allowed("2.0.0", ALL) == not_allowed("3.0.0", []) == ()
