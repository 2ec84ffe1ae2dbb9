"""The Manager: Contracts and their signatures, tokens, Peers, Services and logs, for every hosted Peer (FSC Core)."""
