"""Hash profiles: the generations of contract shape and contract hash that exist side by side.

Standard: FSC Core 1.1, the develop text and 2.0, sections Content hash and Grant hash. The texts leave room in places;
each profile is one complete reading. A Group allows a list of them: the first is used to create, all are accepted.
"""

from collections.abc import Sequence
from enum import StrEnum

FSC_VERSION = "2.0.0"


class HashProfile(StrEnum):
    """One reading of how a contract looks and how its hashes are made."""

    FSC_2_0 = "fsc-2.0"
    """`fsc_version` and the identification union; a grant hash covers the content hash as text, then the grant."""
    FSC_2_0_RAWBYTES = "fsc-2.0-rawbytes"
    """As FSC_2_0, but a grant hash covers the 64 bytes of the content digest, then the grant."""
    FSC_DEVELOP = "fsc-develop"
    """Flat Outway, no `fsc_version`; hashes as FSC_2_0."""
    FSC_1_1 = "fsc-1.1"
    """Flat Outway, no `fsc_version`; hashes over concatenated fields instead of canonical JSON."""

    @property
    def fsc_version(self) -> str | None:
        """The `fsc_version` of a content of this generation; None: it has none."""
        return FSC_VERSION if self in (HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES) else None


def profiles_for(fsc_version: str | None, allowed: Sequence[HashProfile]) -> tuple[HashProfile, ...]:
    """Those of the allowed profiles that a content with this `fsc_version` can be of."""
    return tuple(profile for profile in allowed if profile.fsc_version == fsc_version)


def describe_profiles(profiles: Sequence[HashProfile]) -> str:
    """The profiles for a person, each with the `fsc_version` of its contracts."""
    return " or ".join(
        f"{one} ({'no fsc_version' if one.fsc_version is None else f'fsc_version {one.fsc_version}'})"
        for one in profiles
    )


def not_allowed(fsc_version: str | None, allowed: Sequence[HashProfile]) -> tuple[HashProfile, ...]:
    """The profiles for this `fsc_version` that a Group could add to the allowed ones."""
    return tuple(one for one in profiles_for(fsc_version, tuple(HashProfile)) if one not in allowed)
