"""Which list takes the place of which: every way to be turned away, then every way to come in."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.authority import DevelopmentAuthority
from certs.crl import RevocationList, parse_crls
from certs.crl_succession import Succession, succeed
from certs.custody import KeyPair
from certs.issuing import DAY_S, make_crl
from tests.certs.material import crl_with, scope


@pytest.fixture(scope="session")
def forger(now: int) -> DevelopmentAuthority:
    """A CA of the same name with a key of its own."""
    return DevelopmentAuthority.create("fsc.example.test", now=now)


def edition(issuer: KeyPair, made_at: int, *serial_numbers: int) -> RevocationList:
    (crl,) = parse_crls(make_crl(issuer, serial_numbers, this_update=made_at, next_update=made_at + DAY_S))
    return crl


def offer(
    issuer: KeyPair, held: tuple[RevocationList, ...], *offered: RevocationList
) -> tuple[tuple[RevocationList, ...], tuple[str, ...]]:
    succession = succeed(held, offered, is_genuine=lambda one: one.is_signed_by(issuer.certificate))
    return succession.lists, succession.refusals


def test_an_older_list_does_not_replace_a_newer_one(authority: DevelopmentAuthority, now: int) -> None:
    held, older = edition(authority.intermediate, now), edition(authority.intermediate, now - 1)
    lists, (refusal,) = offer(authority.intermediate, (held,), older)
    assert lists == (held,)
    assert "development CA is older than the one at hand" in refusal


def test_a_forged_list_does_not_replace_a_genuine_one_however_new(
    authority: DevelopmentAuthority, forger: DevelopmentAuthority, now: int
) -> None:
    held, forged = edition(authority.intermediate, now), edition(forger.intermediate, now + DAY_S)
    lists, (refusal,) = offer(authority.intermediate, (held,), forged)
    assert lists == (held,)
    assert "is not signed by its issuer" in refusal


def test_a_list_of_another_issuer_does_not_drop_what_is_held(
    authority: DevelopmentAuthority, stranger: DevelopmentAuthority, now: int
) -> None:
    # Whoever stands between us and a URL may answer with any list that some CA of the Group did sign.
    held, other = edition(authority.intermediate, now), edition(authority.root, now)
    everyone = [authority.intermediate.certificate, authority.root.certificate]
    result = succeed((held,), (other,), is_genuine=lambda one: any(map(one.is_signed_by, everyone)))
    assert result == Succession((held, other), ())


def test_of_two_lists_that_nobody_verifies_the_last_is_kept(forger: DevelopmentAuthority, now: int) -> None:
    first, second = edition(forger.intermediate, now), edition(forger.intermediate, now - 5)
    nobody = DevelopmentAuthority.create("nobody", now=now).root
    assert offer(nobody, (first,), second) == ((second,), ())


def test_a_genuine_list_replaces_a_forged_one_however_old(
    authority: DevelopmentAuthority, forger: DevelopmentAuthority, now: int
) -> None:
    forged, genuine = edition(forger.intermediate, now + DAY_S), edition(authority.intermediate, now)
    assert offer(authority.intermediate, (forged,), genuine) == ((genuine,), ())


def test_a_newer_list_replaces_an_older_one(authority: DevelopmentAuthority, now: int) -> None:
    held, newer = edition(authority.intermediate, now), edition(authority.intermediate, now + 1, 7)
    assert offer(authority.intermediate, (held,), newer) == ((newer,), ())


def test_lists_of_different_scope_stand_beside_each_other(authority: DevelopmentAuthority) -> None:
    (users,) = parse_crls(crl_with(authority.intermediate, scope(users=True)))
    (authorities,) = parse_crls(crl_with(authority.intermediate, scope(authorities=True)))
    assert offer(authority.intermediate, (users,), authorities) == ((users, authorities), ())


@settings(max_examples=25, deadline=None)
@given(offsets=st.lists(st.integers(-5, 5), min_size=1, max_size=6))
def test_in_whatever_order_editions_come_the_newest_is_held(offsets: list[int]) -> None:
    held: tuple[RevocationList, ...] = ()
    for offset in offsets:
        held, _ = offer(_ISSUER, held, edition(_ISSUER, _NOW + offset))
    (one,) = held
    assert one.this_update == _NOW + max(offsets)


_NOW = 1_800_000_000
_ISSUER = DevelopmentAuthority.create("editions", now=_NOW).intermediate
