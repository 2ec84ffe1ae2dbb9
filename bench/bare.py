"""The yardstick: the one signature operation that nothing of ours can do without, in a loop, with `cryptography` alone.

A token needs one private-key signature; a submitted Contract that a rule accepts needs one verification and one
signature. The loops run in the driver, on the core of the program and between its rounds, so both meet the same
machine.
"""

import os
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from time import process_time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from certs.custody import PrivateKey

_SAMPLE = b"x" * 700
"""As long as the signing input of an access token."""
_BATCH_S = 0.02


@dataclass(frozen=True, slots=True)
class Bare:
    """CPU seconds of one operation."""

    sign_s: float
    verify_s: float


def measure_bare(key: PrivateKey, *, core: int, batches: int = 7) -> Bare:
    """Sign and verify as the signatures of FSC do (RS512 for RSA, ES256 for P-256): the median batch of each."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        sign, verify = _operations(key)
        return Bare(_seconds_each(sign, batches), _seconds_each(verify, batches))
    finally:
        os.sched_setaffinity(0, before)


def _operations(key: PrivateKey) -> tuple[Callable[[], object], Callable[[], object]]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        curve, algorithm = key, ec.ECDSA(hashes.SHA256())
        made = curve.sign(_SAMPLE, algorithm)
        return (
            lambda: curve.sign(_SAMPLE, algorithm),
            lambda: curve.public_key().verify(made, _SAMPLE, algorithm),
        )
    rsa, pad, digest = key, padding.PKCS1v15(), hashes.SHA512()
    public = rsa.public_key()
    signature = rsa.sign(_SAMPLE, pad, digest)
    return lambda: rsa.sign(_SAMPLE, pad, digest), lambda: public.verify(signature, _SAMPLE, pad, digest)


def _seconds_each(operation: Callable[[], object], batches: int) -> float:
    operation()
    return statistics.median(_batch(operation) for _ in range(batches))


def _batch(operation: Callable[[], object]) -> float:
    count, begin = 0, process_time()
    while (spent_s := process_time() - begin) < _BATCH_S:
        for _ in range(10):
            operation()
        count += 10
    return spent_s / count
