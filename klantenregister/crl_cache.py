"""The last good CRLs of each URL, kept in the document store: a start without a network knows what was revoked.

Shape: one document for each URL, `{url, lists: [DER], issuers: [DER], etag, last_modified}`, DER in base64. With the
lists go the certificates of their issuers: until an issuer is known, nothing tells its list from a forged one.
Nothing that is read back is believed for being ours: signatures are verified again, issuers lead to a Trust Anchor.
"""

import base64
import binascii
import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.crl import RevocationList, parse_crls
from certs.errors import InvalidTrustMaterial
from klantenregister.crl_fetching import NO_VALIDATORS, Validators
from storage.documents import Collection, Document, Documents, JsonObject
from storage.errors import Conflict, StoreError

CRLS = Collection("crls")
COLLECTIONS = (CRLS,)

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CachedCrls:
    """What a URL gave when it was last good."""

    lists: tuple[RevocationList, ...] = ()
    issuers: tuple[x509.Certificate, ...] = ()
    validators: Validators = NO_VALIDATORS


class CrlCache:
    """Over the documents of the installation. Without the store nothing is cached and nothing fails."""

    def __init__(self, documents: Documents) -> None:
        self._documents = documents

    async def load(self, url: str) -> CachedCrls:
        """What was saved for `url`; nothing when there is nothing that can be read."""
        try:
            document = await self._documents.get(CRLS, _id_of(url))
        except StoreError:
            _log.warning("crl_cache_unavailable", extra={"url": url})
            return CachedCrls()
        return CachedCrls() if document is None else _read(document)

    async def save(self, url: str, cached: CachedCrls) -> bool:
        """Keep this for `url`; returns whether it is kept. Durability: kept means on disk."""
        try:
            while True:
                present = await self._documents.get(CRLS, _id_of(url))
                expected = None if present is None else present.revision
                try:
                    await self._documents.put(CRLS, _id_of(url), _body(url, cached), expected=expected)
                except Conflict:  # another process of ours fetched it too
                    continue
                return True
        except (StoreError, ValueError):  # ValueError: beyond the size of a document
            _log.warning("crl_cache_unavailable", extra={"url": url})
            return False


def _id_of(url: str) -> str:
    return hashlib.sha256(url.encode()).hexdigest()


def _body(url: str, cached: CachedCrls) -> JsonObject:
    return {
        "url": url,
        "lists": _texts([one.der() for one in cached.lists]),
        "issuers": _texts([one.public_bytes(Encoding.DER) for one in cached.issuers]),
        "etag": cached.validators.etag,
        "last_modified": cached.validators.last_modified,
    }


def _read(document: Document) -> CachedCrls:
    body = document.body
    try:
        return CachedCrls(
            tuple(crl for der in _ders(body["lists"]) for crl in parse_crls(der)),
            tuple(x509.load_der_x509_certificate(der) for der in _ders(body["issuers"])),
            Validators(_text(body["etag"]), _text(body["last_modified"])),
        )
    except (KeyError, TypeError, ValueError, InvalidTrustMaterial):
        _log.warning("crl_cache_unreadable", extra={"document": document.id})
        return CachedCrls()


def _text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise TypeError("not text")


def _texts(ders: Sequence[bytes]) -> list[str]:
    return [base64.b64encode(der).decode("ascii") for der in ders]


def _ders(texts: Sequence[str]) -> list[bytes]:
    try:
        return [base64.b64decode(text, validate=True) for text in texts]
    except binascii.Error as error:
        raise ValueError("not base64") from error
