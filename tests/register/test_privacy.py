import asyncio
import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from register.privacy import TENANT_KEYS, Keyring, PrivacyError, TenantKeys
from register.records.kinds import COLLECTIONS
from storage.documents import INSTALLATION
from storage.errors import StoreUnavailable
from storage.memory import MemoryDocuments

MASTER = b"m" * 32
KEYS = TenantKeys("t", {1: b"a" * 32}, b"i" * 32)


async def opened() -> MemoryDocuments:
    store = MemoryDocuments()
    await store.open(COLLECTIONS)
    return store


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_is_sealed_opens_again(value: str) -> None:
    assert KEYS.decrypt("kind", "id", KEYS.encrypt("kind", "id", value)) == value


def test_a_sealed_text_shows_nothing_and_is_never_the_same() -> None:
    first, second = (KEYS.encrypt("kind", "id", "999990019") for _ in range(2))
    assert first != second
    assert "999990019" not in first
    assert b"999990019" not in base64.b64decode(first.partition(".")[2])


@pytest.mark.parametrize(("kind", "record"), [("other", "id"), ("kind", "other")])
def test_a_sealed_text_opens_nowhere_else(kind: str, record: str) -> None:
    with pytest.raises(PrivacyError):
        KEYS.decrypt(kind, record, KEYS.encrypt("kind", "id", "x"))


def test_another_tenant_opens_nothing_even_with_the_same_key() -> None:
    other = TenantKeys("u", {1: b"a" * 32}, b"i" * 32)
    with pytest.raises(PrivacyError):
        other.decrypt("kind", "id", KEYS.encrypt("kind", "id", "x"))


@given(st.text(max_size=60))
def test_junk_is_refused_with_our_own_error(junk: str) -> None:
    with pytest.raises(PrivacyError):
        KEYS.decrypt("kind", "id", junk)


def test_a_changed_text_is_refused() -> None:
    sealed = KEYS.encrypt("kind", "id", "value")
    changed = sealed[:10] + ("A" if sealed[10] != "A" else "B") + sealed[11:]
    with pytest.raises(PrivacyError):
        KEYS.decrypt("kind", "id", changed)


def test_a_newer_key_seals_and_the_older_still_opens() -> None:
    older = KEYS.encrypt("kind", "id", "x")
    rotated = TenantKeys("t", {1: b"a" * 32, 2: b"b" * 32}, b"i" * 32)
    newer = rotated.encrypt("kind", "id", "x")
    assert newer.startswith("2.")
    assert rotated.decrypt("kind", "id", older) == rotated.decrypt("kind", "id", newer) == "x"
    with pytest.raises(PrivacyError):
        KEYS.decrypt("kind", "id", newer)


def test_the_blind_index_is_equal_for_equal_values_of_one_kind_and_tenant() -> None:
    assert KEYS.blind_index("bsn", "1") == KEYS.blind_index("bsn", "1")
    different = {
        KEYS.blind_index("bsn", "1"),
        KEYS.blind_index("bsn", "2"),
        KEYS.blind_index("rsin", "1"),
        TenantKeys("t", {1: b"a" * 32}, b"j" * 32).blind_index("bsn", "1"),
        KEYS.fingerprint(b"bsn\x001"),
    }
    assert len(different) == 5


def test_keys_are_in_no_repr() -> None:
    assert "aaaa" not in repr(KEYS)
    assert "iiii" not in repr(KEYS)


async def test_keys_are_made_once_and_found_again() -> None:
    store = await opened()
    sealed = (await Keyring(store, MASTER).keys("t")).encrypt("kind", "id", "x")
    again = Keyring(store, MASTER)
    assert (await again.keys("t")).decrypt("kind", "id", sealed) == "x"
    assert await again.keys("t") is await again.keys("t")


async def test_many_first_uses_at_once_end_with_one_key() -> None:
    store = await opened()
    rings = [Keyring(store, MASTER) for _ in range(10)]
    keys = await asyncio.gather(*(ring.keys("t") for ring in rings))
    assert len({each.blind_index("bsn", "1") for each in keys}) == 1


async def test_tenants_have_different_keys() -> None:
    ring = Keyring(await opened(), MASTER)
    assert (await ring.keys("t")).blind_index("b", "1") != (await ring.keys("u")).blind_index("b", "1")


async def test_another_master_key_is_told_apart() -> None:
    store = await opened()
    await Keyring(store, MASTER).keys("t")
    with pytest.raises(PrivacyError, match="master key"):
        await Keyring(store, b"x" * 32).keys("t")


async def test_keys_of_one_tenant_cannot_be_given_to_another() -> None:
    store = await opened()
    await Keyring(store, MASTER).keys("t")
    installation = store.for_tenant(INSTALLATION)
    document = await installation.get(TENANT_KEYS, "t")
    assert document is not None
    await installation.put(TENANT_KEYS, "u", document.body, expected=None)
    with pytest.raises(PrivacyError):
        await Keyring(store, MASTER).keys("u")


async def test_the_stored_keys_are_wrapped() -> None:
    store = await opened()
    await Keyring(store, MASTER).keys("t")
    document = await store.for_tenant(INSTALLATION).get(TENANT_KEYS, "t")
    assert document is not None
    wrapped = base64.b64decode(document.body["index_key"])
    assert len(wrapped) == 12 + 32 + 16


async def test_a_store_that_is_down_says_so() -> None:
    store = await opened()
    await store.close()
    with pytest.raises(StoreUnavailable):
        await Keyring(store, MASTER).keys("t")


def test_a_master_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Keyring(MemoryDocuments(), b"short")
