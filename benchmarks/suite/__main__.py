# SPDX-License-Identifier: MIT
"""./bench: runs the sections one after the other, prints a table, writes JSON and a plot.

benchmarks/README.md tells how to read them.
"""
import argparse
import contextlib
import json
import signal
import subprocess
import sys
import time
import types

import budgets
import data
import injection
import mounting
import plot
import scale
import shares
import table
import variants
import workloads
from machine import Machine, Missing, take_turn
from progress import Progress

SECTIONS = {
    "data": data.measure,
    "injection": injection.measure,
    "mounting": mounting.measure,
    "scale": scale.measure,
    "shares": shares.measure,
    "io_uring": variants.measure_uring,
    "round-trips": variants.measure_round_trips,
    "folders": variants.measure_folders,
    "winfsp": variants.measure_winfsp,
    "workloads": workloads.measure,
}
FULL = {
    "rounds": 3,
    "seconds": 0.2,
    "containers": 60,
    "mounts": 6,
    "repeats": 30,
    "idle": 4,
    "silos": 1000,
    "entries": 10000,
    "volumes": 2,
    "shares": False,
    "churn": 15,
    "publications": 300,
    "first_accesses": 300,
    "many_shares": 10000,
    "abuse_rounds": 3,
    "tree": 4000,
}
QUICK = {
    "rounds": 2,
    "seconds": 0.05,
    "containers": 20,
    "mounts": 2,
    "repeats": 6,
    "idle": 1,
    "silos": 40,
    "entries": 2000,
    "volumes": 2,
    "shares": False,
    "churn": 3,
    "publications": 20,
    "first_accesses": 40,
    "many_shares": 200,
    "abuse_rounds": 1,
    "tree": 800,
}


def arguments():
    parser = argparse.ArgumentParser(prog="./bench", description="Measures LinFsp against its peers, in one run.")
    parser.add_argument("--quick", action="store_true", help="a few minutes; good for finding out whether it works")
    parser.add_argument("--json", metavar="FILE", help="all figures, with the samples they come from")
    parser.add_argument("--svg", metavar="FILE", help="a plot of the operations")
    parser.add_argument("--only", metavar="SECTION,...", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--rounds", type=int, help="of the operations")
    parser.add_argument("--seconds", type=float, help="of each operation in a round")
    parser.add_argument("--operations", metavar="NAME,...", help="only these operations")
    parser.add_argument("--targets", metavar="NAME,...", help="only these file systems")
    parser.add_argument("--containers", type=int, help="to start, of each kind")
    parser.add_argument("--silos", type=int, help="at most, at once")
    parser.add_argument("--volumes", type=int, help="that stay, in each of the containers of the section scale")
    parser.add_argument("--shares", action="store_true", help="of these every second one is a network volume")
    parser.add_argument("--churn", type=float, help="seconds for which 200 containers a minute come and go")
    parser.add_argument("--scale", action="store_true", help="the section scale alone, and 200 containers a minute for five minutes")
    parser.add_argument("--workloads", action="store_true", help="the section workloads alone: untar, git, a build and the like")
    parser.add_argument("--pin", action="store_true", help="pin each client thread to a CPU")
    parser.add_argument("--build", required=True, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.scale:
        given.only, given.churn = given.only or "scale", given.churn or 300
    if given.workloads:
        given.only = given.only or "workloads"
    given.sections = given.only.split(",") if given.only else list(SECTIONS)
    unknown = set(given.sections) - set(SECTIONS)
    if unknown:
        parser.error(f"no such section: {', '.join(unknown)}")
    given.operations = given.operations.split(",") if given.operations else data.OPERATIONS
    unknown = set(given.operations) - set(data.OPERATIONS)
    if unknown:
        parser.error(f"no such operation: {', '.join(unknown)}")
    given.targets = given.targets.split(",") if given.targets else None
    return given


def make_plan(given):
    plan = types.SimpleNamespace(**(QUICK if given.quick else FULL), threads=(1, 2), pin=given.pin)
    plan.operations, plan.targets, plan.shares = given.operations, given.targets, given.shares
    for name in ("rounds", "seconds", "containers", "silos", "volumes", "churn"):
        if getattr(given, name):
            setattr(plan, name, getattr(given, name))
    plan.stages = sorted({count for count in (1, 10, 100, 500) if count < plan.silos} | {plan.silos})
    return plan


def measure(given, plan):
    failures = {}
    mode = "quick" if given.quick else "full"
    progress = Progress(given.sections, mode)
    with contextlib.ExitStack() as stack:
        take_turn(stack)
        begin = time.monotonic()
        progress.begin()
        machine = Machine(given.build, stack)
        results = {"machine": machine.facts(), "mode": mode, "plan": vars(plan).copy()}
        results["seconds_of"] = {}
        for name in given.sections:
            started = time.monotonic()
            progress.enter(name)
            try:
                results[name] = SECTIONS[name](machine, plan, progress.say)
            except SystemExit:  # what has been measured is still worth having
                failures[name] = "ended by a signal, and all behind it"
                break
            except Missing as missing:
                machine.skipped[name] = str(missing)
            except (
                RuntimeError,
                OSError,
                subprocess.TimeoutExpired,
            ) as error:  # the other sections are still worth having
                failures[name] = f"{type(error).__name__}: {error}"
            results["seconds_of"][name] = time.monotonic() - started
        progress.end()
        results["skipped"] = machine.skipped
    results["failed"] = failures
    results["budgets"] = budgets.judge(results)
    results["seconds"] = time.monotonic() - begin
    return results


def main():
    given = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    results = measure(given, make_plan(given))
    if given.json:
        with open(given.json, "w", encoding="utf-8") as file:
            json.dump(results, file, indent=1, ensure_ascii=False)
    if given.svg and "data" in results:
        with open(given.svg, "w", encoding="utf-8") as file:
            file.write(plot.draw(results))
    print(table.everything(results))
    each = ", ".join(f"{name} {seconds:.0f}" for name, seconds in results["seconds_of"].items())
    print(f"took {results['seconds']:.0f} s ({each})")
    return 1 if results["failed"] else 0


sys.exit(main())
