"""Ports and back ends for documents, append-only logs and caches. Knows no FSC and no klant."""
