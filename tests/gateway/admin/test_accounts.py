"""Accounts: who may sign in, and that an unknown name is as slow as a wrong password."""

import pytest

from gateway.admin import accounts as module
from gateway.admin.accounts import COLLECTIONS, MAX_PASSWORD, Account, AccountRefused, Accounts, Role
from storage.documents import INSTALLATION, Query
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments

PASSWORD = "correct horse battery"


@pytest.fixture
async def store() -> MemoryDocuments:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return store


@pytest.fixture
def accounts(store: MemoryDocuments) -> Accounts:
    return Accounts(store)


async def test_nobody_can_sign_in_until_an_account_is_made(accounts: Accounts) -> None:
    assert await accounts.all() == []
    assert await accounts.sign_in("jan", PASSWORD) is None
    assert await accounts.sign_in("nobody", "nobody has this password") is None


async def test_the_right_password_signs_in_and_no_other(accounts: Accounts) -> None:
    made = await accounts.add("jan", PASSWORD, Role.ADMIN, now=5)
    assert made == Account("jan", Role.ADMIN, 5)
    assert await accounts.sign_in("jan", PASSWORD) == made
    for name, password in (("jan", PASSWORD + "x"), ("jan", ""), ("Jan", PASSWORD), ("", PASSWORD), ("jan ", PASSWORD)):
        assert await accounts.sign_in(name, password) is None


async def test_the_password_is_nowhere_to_be_read(store: MemoryDocuments, accounts: Accounts) -> None:
    await accounts.add("jan", PASSWORD, Role.VIEWER, now=5)
    page = await store.for_tenant(INSTALLATION).find(COLLECTIONS[0], Query())
    assert PASSWORD not in str(page)
    assert page.documents[0].body["password"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


@pytest.mark.parametrize("name", ["", " jan", "jan ", "j:an", "j\nan", "j\x00", "a" * 101, "\ud800"])
async def test_a_name_that_cannot_be_used_is_refused(accounts: Accounts, name: str) -> None:
    with pytest.raises(AccountRefused, match="account name"):
        await accounts.add(name, PASSWORD, Role.ADMIN, now=5)


@pytest.mark.parametrize("password", ["", "short", "a" * 11, "a" * (MAX_PASSWORD + 1)])
async def test_a_password_that_cannot_be_used_is_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(AccountRefused, match="password"):
        await accounts.add("jan", password, Role.ADMIN, now=5)


async def test_a_name_is_used_once(accounts: Accounts) -> None:
    await accounts.add("jan", PASSWORD, Role.VIEWER, now=5)
    with pytest.raises(AccountRefused, match="already"):
        await accounts.add("jan", "another password", Role.ADMIN, now=6)
    signed_in = await accounts.sign_in("jan", PASSWORD)
    assert signed_in is not None
    assert signed_in.role is Role.VIEWER


async def test_a_removed_account_signs_in_no_more(accounts: Accounts) -> None:
    await accounts.add("jan", PASSWORD, Role.ADMIN, now=5)
    await accounts.add("piet", PASSWORD, Role.VIEWER, now=6)
    await accounts.remove("jan")
    assert await accounts.sign_in("jan", PASSWORD) is None
    assert [one.name for one in await accounts.all()] == ["piet"]
    with pytest.raises(AccountRefused, match="no account"):
        await accounts.remove("jan")


async def test_an_unknown_name_is_verified_like_any_other(accounts: Accounts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both take the one slow step, over a hash of the same cost."""
    seen: list[str] = []
    real = module._matches

    def watch(hashed: str, password: str) -> bool:
        seen.append(hashed.rsplit("$", 2)[0])
        return real(hashed, password)

    monkeypatch.setattr(module, "_matches", watch)
    await accounts.add("jan", PASSWORD, Role.ADMIN, now=5)
    await accounts.sign_in("jan", "wrong")
    await accounts.sign_in("unknown", "wrong")
    assert len(seen) == 2
    assert seen[0] == seen[1]


async def test_an_endless_password_is_wrong_without_being_hashed(accounts: Accounts) -> None:
    await accounts.add("jan", PASSWORD, Role.ADMIN, now=5)
    assert await accounts.sign_in("jan", "a" * 100_000) is None


async def test_a_store_that_is_away_is_told(store: MemoryDocuments, accounts: Accounts) -> None:
    store.available = False
    for call in (accounts.all(), accounts.sign_in("jan", PASSWORD), accounts.remove("jan")):
        with pytest.raises(StoreUnavailable):
            await call
