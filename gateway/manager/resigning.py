"""Signing again: an accept whose certificate ends before the Contract does is made anew with the present certificate.

Standard: FSC Core, Certificates / Renewal: else the Contract can no longer be verified once that certificate has ended.
The certificate that signed before stays published until the Contract ends (`OwnCertificates.retain`), so a Peer that
has not got the new signature yet can still verify the old one.
"""

import asyncio
import logging

from cryptography import x509

from certs.custody import KeyPair
from certs.identity import PeerId
from certs.thumbprint import CertificateThumbprint
from gateway.fsc.signature import SignatureType, parse_signature
from gateway.state.contracts import ContractRecord
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import NoValidCertificate

_log = logging.getLogger(__name__)

LOOK_AGAIN_S = 3_600
"""Another process of ours may have signed with the earlier certificate after this one looked."""
_AT_A_TIME = 50
"""Contracts looked at before others get their turn."""


class Resigner:
    """Keeps the accepts of one hosted Peer verifiable for as long as their Contracts live."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._looked: tuple[CertificateThumbprint, int] | None = None

    async def look(self) -> bool:
        """Sign again what needs it, once for each certificate and every hour. Raises: StoreError."""
        try:
            present = self._peer.signing_pair()
        except NoValidCertificate:
            return True  # that is told where it hurts: nothing can be signed or served now
        now = self._peer.clock.now()
        if self._looked is not None and self._looked[0] == present.thumbprint and now - self._looked[1] < LOOK_AGAIN_S:
            return True
        signed = 0
        for number, record in enumerate(self._peer.contracts.view.alive()):
            if number % _AT_A_TIME == 0:
                await asyncio.sleep(0)
            signer = self._signer(record)
            if signer is not None and is_outlived(record, signer, present):
                await self._sign_again(record)
                signed += 1
        if signed:
            extra = {"peer_id": self._peer.peer_id, "contracts": signed, "certificate": present.thumbprint}
            _log.info("contracts_signed_again", extra=extra)
        self._looked = (present.thumbprint, now)
        return True

    def _signer(self, record: ContractRecord) -> x509.Certificate | None:
        """The certificate under our accept; one that this process does not know may be newer than its own."""
        jws = our_accept(record, self._peer.peer_id)
        return None if jws is None else self._peer.certificates.get(parse_signature(jws).thumbprint)

    async def _sign_again(self, record: ContractRecord) -> None:
        us = self._peer.peer_id
        before = our_accept(record, us)
        if before is None:
            return
        now, signed_at = self._peer.clock.now(), parse_signature(before).payload.signed_at
        jws = await self._peer.sign(record.parsed, record.hashes[0], SignatureType.ACCEPT, after=signed_at)
        await self._peer.contracts.update(
            record.content_hash, lambda current: current.signed_again(us, before, jws, now=now)
        )


def our_accept(record: ContractRecord, us: PeerId) -> str | None:
    """Our accept as we hold it."""
    return record.signatures.get(SignatureType.ACCEPT, {}).get(us)


def is_outlived(record: ContractRecord, signer: x509.Certificate, present: KeyPair) -> bool:
    """Whether the Contract ends after the certificate that signed it, and the present certificate lasts longer."""
    ends_at = int(signer.not_valid_after_utc.timestamp())
    return ends_at < record.content.not_after and ends_at < present.not_after
