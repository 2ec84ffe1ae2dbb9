"""What the bench needs on the machine: programs, installed where it may, and the shim for wrk, compiled."""

import os
import subprocess
from pathlib import Path

from bench.dataplane.processes import BenchFailed, tool

_PACKAGES = {"haproxy": "haproxy", "nginx": "nginx-light", "wrk": "wrk", "gcc": "gcc", "taskset": "util-linux"}
_SOURCE = Path(__file__).with_name("shim.c")


class Missing(Exception):
    """Programs are not installed; the message is the line to type."""


def install_missing() -> None:
    """Install what is missing when we may. Raises: Missing, BenchFailed."""
    missing = [package for name, package in _PACKAGES.items() if not _is_there(name)]
    if not missing:
        return
    install = ["apt-get", "install", "--yes", "--no-install-recommends", *missing]
    if os.geteuid() != 0 or not _is_there("apt-get"):
        raise Missing(f"install what is missing first: sudo apt-get update && sudo {' '.join(install)}")
    environ = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update"], install):
        done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603 - apt-get
        if done.returncode:
            raise BenchFailed(f"{' '.join(command)} failed: {done.stderr.strip()[-500:]}")


def compile_shim(folder: Path) -> Path:
    """The library that gives wrk a client certificate. Raises: BenchFailed."""
    library = folder / "shim.so"
    # Not linked with OpenSSL: wrk brings it.
    command = [tool("gcc"), "-O2", "-shared", "-fPIC", "-o", str(library), str(_SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - the compiler
    if done.returncode:
        raise BenchFailed(f"the shim does not compile (is libc6-dev installed?): {done.stderr.strip()[-500:]}")
    return library


def _is_there(name: str) -> bool:
    try:
        tool(name)
    except BenchFailed:
        return False
    return True
