"""The Outway: the forward proxy by which a tenant's applications use Services of other Peers (FSC Core, Outway)."""
