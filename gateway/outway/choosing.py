"""What there is to choose from right now, and what was chosen from it a moment ago.

A selection depends on the selectors, the configuration, the Contracts in the view and the second it is made in. As long
as none of them changes it is not made again: most requests find theirs.
"""

from typing import TypeAlias

from certs.custody import KeyPair
from certs.identity import dns_names_of
from gateway.outway.selection import Choices, OutwayIdentity, SelectedGrant, Selector, select_grant
from gateway.state.local_peer import LocalPeer
from gateway.state.tenant import Tenant

_MAX_REMEMBERED = 1_000

_Basis: TypeAlias = tuple[Tenant, int, int]


class Chooser:
    """Chooses for the Outway of one tenant."""

    def __init__(self, peer: LocalPeer) -> None:
        self._peer = peer
        self._identities: tuple[tuple[KeyPair, ...], tuple[OutwayIdentity, ...]] = ((), ())
        self._basis: _Basis | None = None
        self._choices: Choices | None = None
        self._selected: dict[Selector, SelectedGrant] = {}

    def choices(self) -> Choices:
        """What there is to choose from now. Raises: NoValidCertificate."""
        peer = self._peer
        tenant, changes, now = peer.tenant, peer.contracts.changes, peer.clock.now()
        basis = self._basis
        if self._choices is None or basis is None or basis[0] is not tenant or basis[1:] != (changes, now):
            identities = self._identified(tenant.outgoing_pairs(now))
            self._choices = Choices(peer.contracts.view, tenant.connections, identities, now)
            self._basis = (tenant, changes, now)
            self._selected.clear()
        return self._choices

    def select(self, selector: Selector) -> SelectedGrant | None:
        """The Grant that `selector` means now. Raises: InvalidRequest, NoValidCertificate."""
        choices = self.choices()
        selected = self._selected.get(selector)
        if selected is None:
            selected = select_grant(selector, choices)
            if selected is not None and len(self._selected) < _MAX_REMEMBERED:
                self._selected[selector] = selected
        return selected

    def _identified(self, pairs: tuple[KeyPair, ...]) -> tuple[OutwayIdentity, ...]:
        if self._identities[0] != pairs:
            peer_id = self._peer.peer_id
            known = tuple(OutwayIdentity(peer_id, pair, dns_names_of(pair.certificate)) for pair in pairs)
            self._identities = (pairs, known)
        return self._identities[1]
