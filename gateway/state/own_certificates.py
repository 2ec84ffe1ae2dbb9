"""Every certificate a tenant ever signed with: its public part, for as long as something it signed is alive.

Rotation may be as blunt as overwriting two files: what the old certificate signed must stay verifiable, so its public
part is kept in the store and published in the JWKS until the last Contract or token it signed has ended (DESIGN 3).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.custody import KeyPair
from certs.thumbprint import CertificateThumbprint, certificate_thumbprint
from gateway.state.changes import Change, Tell, Topic, tell_nobody
from storage.documents import Collection, Document, Documents, Query, Range
from storage.errors import Conflict

OWN_CERTIFICATES = Collection("own_certificates", fields=("retain_until",))
COLLECTIONS = (OWN_CERTIFICATES,)

AHEAD_S = 3600
"""How much longer than asked a certificate is kept, in seconds."""


@dataclass(frozen=True, slots=True)
class OwnCertificate:
    """A certificate of ours and until when (at least) something that it signed is alive."""

    chain: tuple[x509.Certificate, ...]
    retain_until: int

    @property
    def certificate(self) -> x509.Certificate:
        """The leaf."""
        return self.chain[0]


class OwnCertificates:
    """The certificates of one tenant: in the store, and in memory for those who verify our own signatures."""

    def __init__(self, documents: Documents, *, token_ttl_s: int, tell: Tell = tell_nobody) -> None:
        """`tell` is told of each write, for other processes."""
        self._documents = documents
        self._tell = tell
        self._token_ttl_s = token_ttl_s
        self._known: dict[CertificateThumbprint, OwnCertificate] = {}

    async def load(self, pairs: Iterable[KeyPair], *, now: int) -> None:
        """Remember the configured certificates and read back the earlier ones that are still needed."""
        for pair in pairs:
            await self._keep(pair.thumbprint, pair.chain, pair.not_after + self._token_ttl_s)
        await self.catch_up(now=now)

    async def catch_up(self, *, now: int) -> None:
        """Read back every certificate that is still needed, also what other processes wrote."""
        cursor = ""
        while True:
            query = Query(where=(Range("retain_until", gt=now),), cursor=cursor)
            page = await self._documents.find(OWN_CERTIFICATES, query)
            for document in page.documents:
                self._know(document)
            cursor = page.next_cursor
            if not cursor:
                return

    async def refresh(self, thumbprint: str) -> None:
        """Read back one certificate, which another process has just used or taken into use."""
        document = await self._documents.get(OWN_CERTIFICATES, thumbprint)
        if document is not None:
            self._know(document)

    async def retain(self, pair: KeyPair, until: int) -> None:
        """Something that `pair` is about to sign lives until `until`; durable before it is signed.

        Kept a while longer than asked, so that a row of tokens, each of which lives a second longer, costs one write.
        """
        known = self._known.get(pair.thumbprint)
        if known is None or known.retain_until < until:
            await self._keep(pair.thumbprint, pair.chain, until + AHEAD_S)

    def get(self, thumbprint: CertificateThumbprint) -> x509.Certificate | None:
        """The certificate with this thumbprint: how our own tokens are verified."""
        known = self._known.get(thumbprint)
        return None if known is None else known.certificate

    def published(self, now: int) -> list[tuple[x509.Certificate, ...]]:
        """The chains that the JWKS lists at `now`."""
        return [own.chain for own in self._known.values() if own.retain_until > now]

    async def _keep(self, thumbprint: CertificateThumbprint, chain: tuple[x509.Certificate, ...], until: int) -> None:
        while True:
            document = await self._documents.get(OWN_CERTIFICATES, thumbprint)
            if document is not None:
                until = max(until, document.body["retain_until"])
            body = {"chain": [one.public_bytes(Encoding.PEM).decode() for one in chain], "retain_until": until}
            if document is None or document.body != body:
                try:
                    expected = None if document is None else document.revision
                    await self._documents.put(OWN_CERTIFICATES, thumbprint, body, expected=expected)
                except Conflict:
                    continue
            self._known[thumbprint] = OwnCertificate(chain, until)
            if document is None or document.body != body:
                self._tell(Change(Topic.CERTIFICATE, thumbprint))
            return

    def _know(self, document: Document) -> None:
        """Know what was read; another may have retained it for longer since."""
        retain_until = document.body["retain_until"]
        known = self._known.get(CertificateThumbprint(document.id))
        if known is not None:
            own = OwnCertificate(known.chain, max(known.retain_until, retain_until))
        else:
            chain = tuple(x509.load_pem_x509_certificates("".join(document.body["chain"]).encode()))
            own = OwnCertificate(chain, retain_until)
        self._known[certificate_thumbprint(own.certificate)] = own
