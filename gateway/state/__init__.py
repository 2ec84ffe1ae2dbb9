"""What every role of a hosted Peer knows: its tenant, its Contracts, the other Peers."""
