"""The official FSC test-suite, played from outside.

The program runs as `klantenregister serve`; the other Peers are played here, over mutual TLS, with code of their own
for everything that the standard defines: canonical JSON, hashes, signatures, key sets, tokens. Nothing of `gateway` is
used, so that a mistake in the program cannot hide behind the same mistake in its test.

    credential.py  a certificate with its key, what it signs, and how to verify what others signed
    contract.py    the content of Contracts, their hashes
    wire.py        HTTPS as client and as server
    peer.py        a Peer that is played: Manager, Inway, and all the calls it makes
    program.py     the program under test, as the other Peers and its own applications see it
    group.py       the Group: who issues certificates, who takes part
"""
