"""The Inway: the reverse proxy by which other Peers use the Services of a tenant (FSC Core, Inway)."""
