"""Local accounts for the console listener: nobody can sign in until one is added; passwords as Argon2id (RFC 9106)."""

import asyncio
import os
from dataclasses import dataclass
from enum import StrEnum

from cryptography.exceptions import InvalidKey
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from storage.documents import INSTALLATION, Collection, DocumentStore, Query
from storage.errors import Conflict

ACCOUNTS = Collection("accounts")
COLLECTIONS = (ACCOUNTS,)

MIN_PASSWORD = 12
MAX_PASSWORD = 1024
MAX_NAME = 100

_MEMORY_KIB = 19 * 1024
_ITERATIONS = 2
_LANES = 1
_HASHES_AT_ONCE = 2


class Role(StrEnum):
    """What an account may do: look, or also change."""

    ADMIN = "admin"
    VIEWER = "viewer"


class AccountRefused(Exception):
    """The account cannot be made or removed as asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Account:
    """Somebody who may sign in. `created_at` is Unix seconds."""

    name: str
    role: Role
    created_at: int


class Accounts:
    """The accounts of the installation."""

    def __init__(self, store: DocumentStore) -> None:
        self._documents = store.for_tenant(INSTALLATION)
        self._slots = asyncio.Semaphore(_HASHES_AT_ONCE)
        self._nobody = _hash("nobody has this password")

    async def add(self, name: str, password: str, role: Role, *, now: int) -> Account:
        """Make an account. Raises: AccountRefused, StoreUnavailable."""
        if not (0 < len(name) <= MAX_NAME and name.isprintable() and ":" not in name and name == name.strip()):
            raise AccountRefused(f"an account name has 1 to {MAX_NAME} printable characters and no colon")
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise AccountRefused(f"a password has {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        async with self._slots:
            hashed = await asyncio.to_thread(_hash, password)
        body = {"password": hashed, "role": role.value, "created_at": now}
        try:
            await self._documents.put(ACCOUNTS, name, body, expected=None)
        except Conflict as error:
            raise AccountRefused(f"there is an account {name} already: remove it first") from error
        return Account(name, role, now)

    async def remove(self, name: str) -> None:
        """Remove an account. Raises: AccountRefused when there is none, StoreUnavailable."""
        document = await self._documents.get(ACCOUNTS, name)
        if document is None:
            raise AccountRefused(f"there is no account {name}")
        await self._documents.delete(ACCOUNTS, name, expected=document.revision)

    async def all(self) -> list[Account]:
        """Every account, by name. Raises: StoreUnavailable."""
        page = await self._documents.find(ACCOUNTS, Query(limit=1000))
        return [Account(one.id, Role(one.body["role"]), one.body["created_at"]) for one in page.documents]

    async def sign_in(self, name: str, password: str) -> Account | None:
        """The account when the password is right; as slow for a name that does not exist. Raises: StoreUnavailable."""
        if len(password) > MAX_PASSWORD:
            return None
        document = await self._documents.get(ACCOUNTS, name)
        hashed = self._nobody if document is None else document.body["password"]
        async with self._slots:
            right = await asyncio.to_thread(_matches, hashed, password)
        if document is None or not right:
            return None
        return Account(name, Role(document.body["role"]), document.body["created_at"])


def _hash(password: str) -> str:
    kdf = Argon2id(salt=os.urandom(16), length=32, iterations=_ITERATIONS, lanes=_LANES, memory_cost=_MEMORY_KIB)
    return kdf.derive_phc_encoded(password.encode())


def _matches(hashed: str, password: str) -> bool:
    try:
        Argon2id.verify_phc_encoded(password.encode(), hashed)
    except InvalidKey:
        return False
    return True
