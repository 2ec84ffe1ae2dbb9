"""Which hash profiles another Peer speaks, what that means for contracts with it, and how to say that it does not fit.

Standard: FSC Core, Peer information (`fsc_version`) and Contracts; decisions in FSC.md 5.2 and 12 #8.

What a Peer signed is believed before what it tells: `manager.yaml` lets GET /peer say 1.0.0 only, so Peers of every
generation say so. Any other version is told deliberately, and widens what its contracts showed.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.errors import SignatureContractContentHashMismatch, UnknownFscVersion, UrlPathContentHashMismatch
from gateway.fsc.profile import HashProfile, describe_profiles

SAID_BY_ALL = "1.0.0"
"""The one version that the schema of GET /peer allows."""

_VERSION = re.compile(r"[0-9A-Za-z.+-]{1,32}", re.ASCII)
_GENERATION_2 = frozenset({HashProfile.FSC_2_0, HashProfile.FSC_2_0_RAWBYTES})
_BY_MAJOR = {"1": frozenset({HashProfile.FSC_DEVELOP, HashProfile.FSC_1_1}), "2": _GENERATION_2}
_DIFFER = frozenset(
    {UnknownFscVersion.code, SignatureContractContentHashMismatch.code, UrlPathContentHashMismatch.code}
)


def parse_fsc_version(text: str) -> str:
    """Read a version as a Peer tells it. Raises: ValueError."""
    if not _VERSION.fullmatch(text):
        raise ValueError("must be 1 to 32 letters, digits, dots, plus signs or hyphens")
    return text


@dataclass(frozen=True, slots=True)
class PeerVersion:
    """What is known of the generation that a Peer speaks.

    `hash_profile` is that of its newest signature, None when it signed nothing yet; `fsc_version` is what it told GET
    /peer, "" when it told nothing.
    """

    hash_profile: HashProfile | None = None
    fsc_version: str = ""

    def profiles(self) -> frozenset[HashProfile] | None:
        """The hash profiles that the Peer speaks as far as we know; None when nothing is known.

        The two of 2.0 have the same content hash, so that a signature never tells them apart.
        """
        told = _BY_MAJOR.get(self.fsc_version.partition(".")[0], frozenset()) if self.fsc_version else None
        if self.hash_profile is None:
            return told
        signed = _GENERATION_2 if self.hash_profile in _GENERATION_2 else frozenset({self.hash_profile})
        return signed if told is None or self.fsc_version == SAID_BY_ALL else signed | told


def choose_profile(allowed: Sequence[HashProfile], parties: Iterable[PeerVersion]) -> HashProfile:
    """The profile for a contract with these Peers: the first allowed one that each of them speaks.

    A Peer of which nothing is known objects to none; when none suits all, it is the first allowed one.
    """
    spoken = [profiles for one in parties if (profiles := one.profiles()) is not None]
    return next((profile for profile in allowed if all(profile in one for one in spoken)), allowed[0])


def version_problem(version: PeerVersion, allowed: Sequence[HashProfile]) -> str:
    """Why contracts with the Peer will fail, and the remedy; "" when nothing that is known says so."""
    spoken = version.profiles()
    if spoken is None or spoken.intersection(allowed):
        return ""
    if version.hash_profile is not None:
        found = f"its contracts are of hash profile {version.hash_profile}"
    elif version.fsc_version == SAID_BY_ALL:
        found = f"it says that it speaks FSC {SAID_BY_ALL} (Peers of later versions may say so too: its contracts tell)"
    else:
        found = f"it says that it speaks FSC {version.fsc_version}"
    ours = describe_profiles(allowed)
    if not spoken:
        return f"{found}, for which there is no hash profile here: ask the Peer for contracts of {ours}"
    missing = " or ".join(profile for profile in HashProfile if profile in spoken)
    return (
        f"{found}, this Group allows {ours}: add {missing} to group.hash_profiles, or ask the Peer for what is allowed"
    )


def is_for_version(refusal: str) -> bool:
    """Decide whether the text of a failed delivery tells that the other Manager does not take this generation."""
    return any(code in refusal for code in _DIFFER)


def explain_refusal(code: str, profile: HashProfile) -> str:
    """What the error code of another Manager says about versions, and the remedy; "" when it says nothing of them.

    Shape: `profile` is that of the contract which was refused.
    """
    if code not in _DIFFER:
        return ""
    return (
        f"the versions differ: this Peer does not take contracts of {describe_profiles([profile])}; add the profile "
        f"that it uses to group.hash_profiles and offer the contract anew, or ask the Peer to allow {profile}"
    )
