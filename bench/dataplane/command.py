"""`make bench`: the data plane against HAProxy and nginx, in one run; exit 0 done, 1 failed, 2 something is missing."""

import argparse
import json
import os
import signal
import tempfile
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from bench.dataplane import extras, rivals
from bench.dataplane.federation import Federation
from bench.dataplane.plan import FIGURES, Series, Setting, plan
from bench.dataplane.processes import BenchFailed, free_ports
from bench.dataplane.series import Group, Pace, run_setting, say
from bench.dataplane.tokens import Tokens
from bench.dataplane.tools import Missing, compile_shim, install_missing
from bench.dataplane.wrk import Wrk
from bench.site import REPOSITORY, KeyKind

_FULL, _QUICK = Pace(rounds=5, seconds=2), Pace(rounds=1, seconds=1, repeats=0.0)


def main() -> int:
    """Measure, and print tables and figures."""
    signal.signal(signal.SIGTERM, _stop)
    arguments = _parser().parse_args()
    if len(os.sched_getaffinity(0)) < 2:
        say("needs two cores: one for a candidate, one for the load")
        return 1
    try:
        install_missing()
        figures = _measure(arguments)
    except Missing as missing:
        say(str(missing))
        return 2
    except BenchFailed as failed:
        say(str(failed))
        return 1
    except KeyboardInterrupt:
        return 130
    for name, value in figures.items():
        print(f"{name:32} {value:8.2f}")
    if arguments.json:
        print(json.dumps({name: round(value, 4) for name, value in figures.items()}))
    return 0


def _measure(arguments: argparse.Namespace) -> dict[str, float]:
    names = frozenset(arguments.only) if arguments.only else None
    pace = _QUICK if arguments.quick else _FULL
    pace = Pace(
        arguments.rounds or pace.rounds,
        arguments.seconds or pace.seconds,
        0.0 if arguments.no_repeats else pace.repeats,
    )
    wanted = list(plan(names))
    others = extras.NAMES if names is None else extras.NAMES & names
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
        bench = _Bench(Path(scratch), arguments.checkout.absolute(), pace)
        curve = [series for series in wanted if series.setting is not Setting.RSA_PIN]
        rsa = [series for series in wanted if series.setting is Setting.RSA_PIN]
        if curve or others:
            figures |= bench.measure(KeyKind.EC_P256, curve, others)
        if rsa:
            figures |= bench.measure(KeyKind.RSA_2048, rsa, frozenset())
    return figures


@dataclass(frozen=True, slots=True)
class _Bench:
    """Where the bench works, whose program it measures, and how long."""

    folder: Path
    checkout: Path
    pace: Pace

    def measure(self, kind: KeyKind, wanted: list[Series], others: frozenset[str]) -> dict[str, float]:
        """The figures of the series and others that use tokens signed with keys of this kind."""
        folder = self.folder / kind
        folder.mkdir()
        figures: dict[str, float] = {}
        port, digest_port = free_ports(2)
        with (
            rivals.service(folder / "service", port, digest_port) as service,
            extras.digests(digest_port),
        ):
            wrk = Wrk(compile_shim(folder), service)
            federation = Federation.make(folder / "group", kind, checkout=self.checkout, service_port=port)
            say(f"two programs negotiate a Contract ({kind})")
            with federation.negotiated() as negotiated:
                group = Group(federation, Tokens(federation, federation.ask_for_token(negotiated.grant_hash)))
                figures |= extras.end_to_end(group, negotiated, wrk, self.pace, others)
            for setting in Setting:
                mine = [series for series in wanted if series.setting is setting]
                for result in run_setting(group, setting, mine, wrk, self.pace) if mine else ():
                    print("\n".join(result.report()), flush=True)
                    figures |= result.figures()
            return figures | extras.of_one_program(group, others)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="bench.dataplane", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object of figures by name as the last line")
    parser.add_argument("--quick", action="store_true", help="one round of a second: whether it works, not how fast")
    parser.add_argument(
        "--only", action="append", choices=sorted({*FIGURES, *extras.NAMES}), metavar="NAME", help="only this figure"
    )
    parser.add_argument("--rounds", type=int, metavar="N", help="rounds of each series (5)")
    parser.add_argument("--seconds", type=int, metavar="S", help="length of a run (2)")
    parser.add_argument("--no-repeats", action="store_true", help="keep runs that strangers disturbed")
    parser.add_argument("--checkout", type=Path, default=REPOSITORY, help="measure the program of another checkout")
    return parser


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
