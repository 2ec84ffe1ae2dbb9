"""What is not a ratio to HAProxy: Outway to Service end to end, large bodies, cold start, memory."""

import contextlib
import hashlib
import statistics
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.dataplane.calls import ask
from bench.dataplane.federation import INWAY_HOST, Negotiated, Variant
from bench.dataplane.figures import Run, median_of, table
from bench.dataplane.processes import BenchFailed
from bench.dataplane.rivals import DOWNLOAD_BYTES
from bench.dataplane.series import Group, Pace, say
from bench.dataplane.wrk import Candidate, Load, Wrk
from bench.site import CONSUMER, PROVIDER, SERVICE

_END_TO_END = frozenset({"e2e_added_p50_ms"})
_START = frozenset({"cold_start_s", "idle_rss_mb"})
_LARGE = frozenset({"upload_20mb_s", "download_50mb_s", "large_growth_mb"})
NAMES = _END_TO_END | _START | _LARGE

UPLOAD_BYTES = 20_000_000
_STARTS = 3
_SETTLE_S = 2.0
_TRANSACTION = "0192f0c1-2b3c-7d4e-8f90-a1b2c3d4e5f6"


def end_to_end(group: Group, negotiated: Negotiated, wrk: Wrk, pace: Pace, wanted: frozenset[str]) -> dict[str, float]:
    """What Outway and Inway, both with a durable log, add to the median of a call by 8 connections on both cores."""
    if not wanted & _END_TO_END:
        return {}
    say("end to end: Outway, Inway and Service")
    federation = group.federation
    header = {"BENCH_HEADER": f"Fsc-Service: {PROVIDER.peer_id}/{SERVICE}\r\n"}
    direct = Candidate("direct", f"http://127.0.0.1:{federation.service_port}", [], header)
    both = [negotiated.consumer, negotiated.provider]
    through = Candidate("outway-inway", f"http://127.0.0.1:{federation.consumer['outway']}", both, header)
    rounds: dict[str, list[Run]] = {direct.name: [], through.name: []}
    for count in range(pace.rounds + 1):
        for candidate in (direct, through):
            run = wrk.run(candidate, Load(connections=8), seconds=pace.seconds, is_pinned=False)
            if count:
                rounds[candidate.name].append(run)
    print("\n".join(["end to end, 8 connections, both logs, everything on both cores:", *table(rounds, "direct"), ""]))
    if failed := sum(run.failed for run in rounds["outway-inway"]):
        raise BenchFailed(f"{failed} requests failed end to end")
    return {"e2e_added_p50_ms": median_of(rounds["outway-inway"], "p50_ms") - median_of(rounds["direct"], "p50_ms")}


def of_one_program(group: Group, wanted: frozenset[str]) -> dict[str, float]:
    """Cold start and memory of a whole program with every role, and large bodies through its Inway."""
    figures: dict[str, float] = {}
    starts: list[float] = []
    if wanted & _START:
        say("cold start and memory")
        for number in range(_STARTS):
            with group.federation.variant(f"start-{number}", workers=1, is_logging=True) as variant:
                starts.append(variant.start_s)
                if number == 0:
                    time.sleep(_SETTLE_S)
                    figures["idle_rss_mb"] = variant.program.memory_mb()
        figures["cold_start_s"] = statistics.median(starts)
    if wanted & _LARGE:
        say("20 MB up, 50 MB down")
        with group.federation.variant("large", workers=1, is_logging=True) as variant:
            figures |= _large_bodies(group, variant)
    return figures


def _large_bodies(group: Group, variant: Variant) -> dict[str, float]:
    service = group.federation.folder.parent / "service" / "files" / "download"
    sent, expected = b"0123456789abcdef" * (UPLOAD_BYTES // 16), hashlib.sha256(service.read_bytes()).digest()
    headers = {"Fsc-Authorization": f"Bearer {group.tokens.given}", "Fsc-Transaction-Id": _TRANSACTION}
    caller, port = group.federation.caller(CONSUMER), variant.ports["inway"]
    ask(caller, INWAY_HOST, port, "GET", "/", headers=headers)
    before, begin = variant.program.memory_mb(), time.monotonic()
    with _watching(variant) as largest:
        up = ask(caller, INWAY_HOST, port, "POST", "/digest", headers=headers, body=sent)
        between = time.monotonic()
        down = ask(caller, INWAY_HOST, port, "GET", "/files/download", headers=headers)
        end = time.monotonic()
    if up.status != 200 or up.body.decode() != hashlib.sha256(sent).hexdigest():
        raise BenchFailed(f"the upload did not arrive whole: {up.status} {up.body[:200]!r}")
    if down.status != 200 or len(down.body) != DOWNLOAD_BYTES or hashlib.sha256(down.body).digest() != expected:
        raise BenchFailed(f"the download did not arrive whole: {down.status}, {len(down.body)} bytes")
    return {
        "upload_20mb_s": between - begin,
        "download_50mb_s": end - between,
        "large_growth_mb": max(0.0, max(largest) - before),
    }


@contextlib.contextmanager
def _watching(variant: Variant) -> Iterator[list[float]]:
    """Collect the memory of a program while the block runs."""
    seen, is_over = [variant.program.memory_mb()], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.02):
            seen.append(variant.program.memory_mb())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield seen
    finally:
        is_over.set()
        thread.join()


class _Digest(BaseHTTPRequestHandler):
    """Answers an upload with its SHA-256."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        left, digest = int(self.headers["Content-Length"]), hashlib.sha256()
        while left and (part := self.rfile.read(min(left, 1 << 16))):
            digest.update(part)
            left -= len(part)
        body = digest.hexdigest().encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def digests(port: int) -> Iterator[None]:
    """Serve the digests of uploads until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", port), _Digest)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
