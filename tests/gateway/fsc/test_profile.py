"""Hash profiles."""

import pytest

from gateway.fsc.profile import HashProfile, profiles_for

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
