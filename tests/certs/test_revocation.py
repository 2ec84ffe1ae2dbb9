"""What CRLs say while they are replaced; what one list can say is tested through `certs.trust`."""

import pytest

from certs.authority import DevelopmentAuthority
from certs.crl import parse_crls
from certs.custody import KeyPair
from certs.errors import CertificateRevoked, RevocationUnknown
from certs.revocation import FOR_EVER, CrlState, Revocation, RevocationMode, RevocationStatus
from tests.certs.conftest import CONSUMER_ID


@pytest.fixture
def own(now: int) -> DevelopmentAuthority:
    return DevelopmentAuthority.create("own", now=now)


@pytest.fixture
def pair(own: DevelopmentAuthority) -> KeyPair:
    return own.issue(peer_id=CONSUMER_ID, name="Gemeente Voorbeeld", dns_names=["a.test"])


def lists_of(own: DevelopmentAuthority, *, until: int | None = None) -> tuple[bytes, bytes]:
    return own.crl_pem(next_update=until), own.root_crl_pem()


def revocation_of(mode: RevocationMode, *crls: bytes) -> Revocation:
    return Revocation([one for data in crls for one in parse_crls(data)], mode)


def test_lists_that_replace_others_count_at_once(own: DevelopmentAuthority, pair: KeyPair, now: int) -> None:
    revocation = revocation_of(RevocationMode.SOFT, *lists_of(own))
    chain = (*pair.chain, own.root.certificate)
    revocation.check(chain, now)

    own.revoke(pair.certificate)
    revocation.use(parse_crls(own.crl_pem()))
    with pytest.raises(CertificateRevoked):
        revocation.check(chain, now)

    revocation.use(())
    revocation.check(chain, now)


def test_how_long_an_answer_stays_true(own: DevelopmentAuthority, pair: KeyPair, now: int) -> None:
    chain, until = (*pair.chain, own.root.certificate), now + 100
    assert revocation_of(RevocationMode.OFF).check(chain, now) == FOR_EVER
    assert revocation_of(RevocationMode.SOFT, *lists_of(own, until=until)).check(chain, now) == FOR_EVER
    hard = revocation_of(RevocationMode.HARD, *lists_of(own, until=until))
    assert hard.check(chain, now) == until
    hard.check(chain, until)
    with pytest.raises(RevocationUnknown, match="is stale"):
        hard.check(chain, until + 1)


def test_issuers_are_known_even_when_the_check_fails(own: DevelopmentAuthority, pair: KeyPair, now: int) -> None:
    # Otherwise the first list that comes in, the remedy, could not be told from a forged one.
    hard = revocation_of(RevocationMode.HARD)
    with pytest.raises(RevocationUnknown):
        hard.check((*pair.chain, own.root.certificate), now)
    crl, root_crl = (parse_crls(data)[0] for data in lists_of(own))
    assert hard.issuers_of(crl) == (own.intermediate.certificate,)
    assert hard.issuers_of(root_crl) == (own.root.certificate,)


def test_the_status_follows_the_lists(own: DevelopmentAuthority, now: int) -> None:
    revocation = revocation_of(RevocationMode.SOFT)
    revocation.meet([own.root.certificate])
    missing = RevocationStatus("own development root", CrlState.MISSING, None)
    assert revocation.status(now) == (missing,)
    revocation.use(parse_crls(own.root_crl_pem(next_update=now + 9)))
    assert revocation.status(now) == (RevocationStatus("own development root", CrlState.CURRENT, now + 9),)
    assert revocation.status(now + 10) == (RevocationStatus("own development root", CrlState.STALE, now + 9),)
