"""What keeps a BSN unreadable at rest: keys per tenant, encryption, and an index that can only be asked for equality.

Standard: REGISTER.md section 4.2; DESIGN.md section 9. AES-256-GCM (NIST SP 800-38D), HMAC-SHA-256 (RFC 2104).

Each tenant has a random data key and a random index key, wrapped by the master key of the installation and kept as one
installation document. A sealed text names the version of the data key that made it, so that a later key can take over
while older texts stay readable.
"""

import base64
import binascii
import hmac
import os
from collections.abc import Mapping

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from storage.documents import INSTALLATION, Collection, DocumentStore, JsonObject
from storage.errors import Conflict

TENANT_KEYS = Collection("register_tenant_keys")
KEY_LENGTH = 32
_NONCE_LENGTH = 12


class PrivacyError(Exception):
    """Keys or sealed texts cannot be opened: another master key, or a record that was tampered with."""


class TenantKeys:
    """Seals, opens and indexes sensitive values of one tenant. Shows nothing of its keys."""

    __slots__ = ("_ciphers", "_current", "_index_key", "_tenant")

    def __init__(self, tenant: str, data_keys: Mapping[int, bytes], index_key: bytes) -> None:
        self._tenant = tenant
        self._ciphers = {version: AESGCM(key) for version, key in data_keys.items()}
        self._current = max(data_keys)
        self._index_key = index_key

    def encrypt(self, kind: str, record_id: str, value: str) -> str:
        """Seal `value` so that it opens only for this tenant, kind and record.

        Shape: `<key version>.<base64 of nonce and ciphertext>`.
        """
        nonce = os.urandom(_NONCE_LENGTH)
        sealed = self._ciphers[self._current].encrypt(nonce, value.encode(), self._bound_to(kind, record_id))
        return f"{self._current}.{_to_text(nonce + sealed)}"

    def decrypt(self, kind: str, record_id: str, sealed: str) -> str:
        """Open what `encrypt` made for the same kind and record. Raises: PrivacyError."""
        version, _, text = sealed.partition(".")
        try:
            content = _from_text(text)
            opened = self._ciphers[int(version)].decrypt(
                content[:_NONCE_LENGTH], content[_NONCE_LENGTH:], self._bound_to(kind, record_id)
            )
            return opened.decode()
        except (InvalidTag, KeyError, ValueError) as error:
            raise PrivacyError(f"a sealed {kind} cannot be opened with the keys of this tenant") from error

    def blind_index(self, kind: str, value: str) -> str:
        """Text that is equal for equal values of one kind within this tenant, and otherwise tells nothing."""
        return _to_url_text(hmac.digest(self._index_key, f"{kind}\0{value}".encode(), "sha256"))

    def fingerprint(self, content: bytes) -> str:
        """Text that changes with `content` and by which nobody can check a guess of the content."""
        return _to_url_text(hmac.digest(self._index_key, b"fingerprint\0" + content, "sha256")[:18])

    def _bound_to(self, kind: str, record_id: str) -> bytes:
        return f"{self._tenant}\0{kind}\0{record_id}".encode()


class Keyring:
    """The keys of every tenant, made at first use and then remembered."""

    def __init__(self, store: DocumentStore, master_key: bytes) -> None:
        if len(master_key) != KEY_LENGTH:
            raise ValueError(f"the master key must be {KEY_LENGTH} bytes; generate a new one or restore the right file")
        self._documents = store.for_tenant(INSTALLATION)
        self._master = AESGCM(master_key)
        self._known: dict[str, TenantKeys] = {}

    async def keys(self, tenant: str) -> TenantKeys:
        """The keys of `tenant`.

        Durability: new keys are stored before they are first used; of two processes that make them at once, one wins
        and both use what it stored. Raises: PrivacyError, StoreUnavailable.
        """
        known = self._known.get(tenant)
        if known is None:
            known = self._unwrap(tenant, await self._load_or_create(tenant))
            self._known[tenant] = known
        return known

    async def _load_or_create(self, tenant: str) -> JsonObject:
        document = await self._documents.get(TENANT_KEYS, tenant)
        if document is None:
            body = {
                "data_keys": {"1": self._wrap(tenant, "data", "1", os.urandom(KEY_LENGTH))},
                "index_key": self._wrap(tenant, "index", "1", os.urandom(KEY_LENGTH)),
            }
            try:
                document = await self._documents.put(TENANT_KEYS, tenant, body, expected=None)
            except Conflict:
                document = await self._documents.get(TENANT_KEYS, tenant)
        if document is None:
            raise PrivacyError("the keys of a tenant were removed while they were being made; try again")
        return document.body

    def _wrap(self, tenant: str, purpose: str, version: str, key: bytes) -> str:
        nonce = os.urandom(_NONCE_LENGTH)
        return _to_text(nonce + self._master.encrypt(nonce, key, f"{tenant}\0{purpose}\0{version}".encode()))

    def _unwrap(self, tenant: str, body: JsonObject) -> TenantKeys:
        def opened(purpose: str, version: str, wrapped: str) -> bytes:
            content = _from_text(wrapped)
            bound_to = f"{tenant}\0{purpose}\0{version}".encode()
            return self._master.decrypt(content[:_NONCE_LENGTH], content[_NONCE_LENGTH:], bound_to)

        try:
            data_keys = {int(version): opened("data", version, text) for version, text in body["data_keys"].items()}
            return TenantKeys(tenant, data_keys, opened("index", "1", body["index_key"]))
        except (InvalidTag, KeyError, ValueError) as error:
            raise PrivacyError(
                f"the keys of tenant {tenant} do not open with this master key; restore the key file that made them"
            ) from error


def _to_text(content: bytes) -> str:
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def _from_text(text: str) -> bytes:
    return binascii.a2b_base64(text, strict_mode=True)


def _to_url_text(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")
