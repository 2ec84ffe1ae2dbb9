"""X.509 for the federation: thumbprints, identity, trust, key custody, TLS contexts and a development CA."""
