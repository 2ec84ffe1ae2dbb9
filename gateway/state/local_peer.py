"""One hosted Peer while the program runs: its tenant, and the state its roles share."""

from certs.custody import KeyPair
from certs.identity import PeerId
from clock import Clock
from gateway.fsc.contract import ParsedContract
from gateway.fsc.hashes import ContractHashes
from gateway.fsc.signature import SignaturePayload, SignatureType, sign_contract
from gateway.http.client import ContextFor, PeerClient
from gateway.http.json_client import JsonClient
from gateway.state.announced import AnnouncedAddress
from gateway.state.changes import Tell, tell_nobody
from gateway.state.contract_store import ContractStore
from gateway.state.notices import Notices
from gateway.state.own_certificates import OwnCertificates
from gateway.state.peers import PeerBook
from gateway.state.policy import PolicyAnswers
from gateway.state.tenant import Tenant
from gateway.state.transactions import TransactionRecords


class LocalPeer:
    """A Peer that this program hosts. `tenant` is replaced as a whole when the configuration changes."""

    def __init__(
        self,
        tenant: Tenant,
        *,
        contracts: ContractStore,
        peers: PeerBook,
        announced: AnnouncedAddress,
        certificates: OwnCertificates,
        client: PeerClient,
        json_client: JsonClient,
        log: TransactionRecords,
        clock: Clock,
        outgoing_context: ContextFor,
        tell: Tell = tell_nobody,
        is_looked_after: bool = True,
    ) -> None:
        """`tell` reaches the other processes that serve it; `is_looked_after`: its background work is done here."""
        self.tenant = tenant
        self.contracts = contracts
        self.peers = peers
        self.announced = announced
        self.certificates = certificates
        self.client = client
        self.json_client = json_client
        self.log = log
        self.clock = clock
        self.outgoing_context = outgoing_context
        self.tell = tell
        self.is_looked_after = is_looked_after
        self.policy = PolicyAnswers(clock.now)
        self.notices = Notices()

    @property
    def peer_id(self) -> PeerId:
        """Who we are in the Group."""
        return self.tenant.peer_id

    def signing_pair(self) -> KeyPair:
        """The certificate that signs now. Raises: NoValidCertificate."""
        return self.tenant.signing_pair(self.clock.now())

    async def sign(self, parsed: ParsedContract, hashes: ContractHashes, kind: SignatureType, *, after: int = 0) -> str:
        """Our signature of this kind over the Contract, as a compact JWS. Raises: NoValidCertificate, StoreError.

        Units: `after` is the instant of an earlier signature that this one replaces, so it is dated later than that.
        Durability: the certificate is retained until the Contract ends before the signature exists.
        """
        pair = self.signing_pair()
        await self.certificates.retain(pair, parsed.content.not_after)
        payload = SignaturePayload(hashes.content_hash, kind, max(self.clock.now(), after + 1))
        return sign_contract(payload, pair.private_key, pair.thumbprint)
