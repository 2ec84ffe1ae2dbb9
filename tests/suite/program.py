"""The program under test: a process of its own, as the other Peers and its own applications see it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tests.e2e import federation
from tests.e2e.processes import fill_disk, make_room
from tests.suite.credential import Credential, peer_id_of
from tests.suite.wire import Answer, call


@dataclass(frozen=True)
class Program:
    """One `klantenregister serve` that is one Peer."""

    process: federation.Program
    credential: Credential

    @property
    def peer_id(self) -> str:
        """The Peer ID."""
        return peer_id_of(self.credential.certificate)

    @property
    def key_thumbprint(self) -> str:
        """The thumbprint of the key with which its Outway connects."""
        return self.credential.key_thumbprint

    @property
    def manager_url(self) -> str:
        """Where its Manager is."""
        return self.process.manager

    @property
    def inway_url(self) -> str:
        """Where its Inway is."""
        return self.process.inway

    def application(self, path: str = "/", *, method: str = "GET", **headers: str) -> Answer:
        """What an application of this Peer gets from the Outway."""
        sent = {name.replace("_", "-"): text for name, text in headers.items()}
        return call(None, method, f"http://127.0.0.1:{self.process.ports['outway']}{path}", headers=sent)

    @contextmanager
    def without_log(self) -> Iterator[None]:
        """Nothing can be written to its transaction log: no file of the process can grow, as on a full disk."""
        process = self.process.process
        assert process is not None
        fill_disk(process.pid)
        try:
            yield
        finally:
            make_room(process.pid)
