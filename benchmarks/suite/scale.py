# SPDX-License-Identifier: MIT
"""The service with few containers and with many: its memory, its CPU, and what each operation takes."""
import contextlib
import json
import pathlib
import resource
import subprocess
import time

import figures
from machine import Silo, end_process, json_lines, process_tree, run

PREFIX = r"\bench\share"
STARTS_A_MINUTE = 200
SHARE = "/unc/bench/share "  # as it ends in a mount table


def memory(pids):
    """Resident bytes, and those counted by how many share them."""
    total = {"Rss": 0, "Pss": 0}
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
                key, _, rest = line.partition(":")
                if key in total:
                    total[key] += int(rest.split()[0]) * 1024
    return {"rss_bytes": total["Rss"], "pss_bytes": total["Pss"]}


def cpu_ns(pids):
    """Time on a CPU so far: of those that live, and in ticks of children that have ended."""
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            total += int(pathlib.Path(f"/proc/{pid}/schedstat").read_text(encoding="ascii").split()[0])
    return total


def ended_children_ns(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[13]) + int(fields[14])) * 10_000_000


def busy_ns(pid):
    return cpu_ns(process_tree(pid)) + ended_children_ns(pid)


def wakeups(pids):
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total


def forks():
    """Of the whole machine, so far."""
    with open("/proc/stat", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("processes"))


def idle(pid, seconds):
    """What others start meanwhile is not our doing, but wakes the service: their number is kept with the figure."""
    before, woken, forked = busy_ns(pid), wakeups(process_tree(pid)), forks()
    time.sleep(seconds)
    return {
        "seconds": seconds,
        "cpu_ms": (busy_ns(pid) - before) / 1e6,
        "wakeups": wakeups(process_tree(pid)) - woken,
        "forks_of_others": forks() - forked,
    }


def has_share(silo):
    with contextlib.suppress(OSError):
        return SHARE in pathlib.Path(f"/proc/{silo.pid}/mountinfo").read_text(encoding="utf-8")
    return False


def publish(silos):
    """One prefix: what it takes to make, in how many silos it then is at once, what it takes to undo."""
    process = subprocess.Popen(
        silos[0].command("/bench/volume-create", f"--prefix={PREFIX}", "--hold"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        first = process.stdout.readline()
        if not first:
            raise RuntimeError("volume-create ended without having published")
        seen = sum(1 for silo in silos if has_share(silo))
        process.stdin.write("\n")
        process.stdin.close()
        line = json.loads(first + process.stdout.read())
    finally:
        end_process(process)
        process.stdout.close()
    left = sum(1 for silo in silos if has_share(silo))
    return {**line, "seen_in": seen / len(silos), "left_in": left / len(silos)}


def timed(command):
    begin = time.monotonic()
    run(*command)
    return (time.monotonic() - begin) * 1000


def one_injection(machine):
    silo = Silo(machine, "/bench/first")
    after = silo.first_line()["after_us"]
    silo.process.wait()
    silo.end()
    return after


def injections(machine, count):
    return figures.distribution([one_injection(machine) for _ in range(count)])


def operations(machine, silos, count):
    """What the service does for one container, while so many are there."""
    disk = json_lines(silos[0].run("/bench/volume-create", f"--count={count}", "Z:"))
    network = [publish(silos) for _ in range(max(2, count // 3))]
    result = {
        "devices_us": injections(machine, count),
        "volume_create_us": figures.distribution([line["create_us"] for line in disk]),
        "volume_destroy_us": figures.distribution([line["destroy_us"] for line in disk]),
        "publish_us": figures.distribution([line["create_us"] for line in network]),
        "unpublish_us": figures.distribution([line["destroy_us"] for line in network]),
        "published_in_silos": min(line["seen_in"] for line in network),
        "left_in_silos": max(line["left_in"] for line in network),
        "status_ms": figures.distribution([timed([machine.linfsp, "status"]) for _ in range(count)]),
        "silos_ms": figures.distribution([timed([machine.linfsp, "silos", "--json"]) for _ in range(count)]),
    }
    return result


def hold_volumes(silo, count):
    """For as long as the container lives; nsenter's child is in it, and goes with it."""
    for letter in "DEFGHIJK"[:count]:
        process = subprocess.Popen(
            silo.command("/bench/volume-create", "--hold", f"{letter}:"),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        silo.holders.append(process)
        if not process.stdout.readline():
            raise RuntimeError(f"a container did not get volume {letter}:")


def come_and_go(machine, pid, seconds):
    """Containers that start and end, STARTS_A_MINUTE, beside those that stay."""
    before, had, values = busy_ns(pid), machine.service.status()["silos"], []
    begin = time.monotonic()
    while time.monotonic() < begin + seconds:
        values.append(one_injection(machine))
        time.sleep(max(0.0, begin + len(values) * 60 / STARTS_A_MINUTE - time.monotonic()))
    return {
        "containers": len(values),
        "a_minute": len(values) * 60 / (time.monotonic() - begin),
        "devices_us": figures.distribution(values),
        "cpu_ms_each": (busy_ns(pid) - before) / 1e6 / len(values),
        "silos_left": machine.service.status()["silos"] - had,
    }


def grow(machine, silos, wanted, pid, volumes):
    """Starts containers until so many are there; returns what that cost the service for each."""
    before, begin, had = busy_ns(pid), time.monotonic(), len(silos)
    while len(silos) < wanted:
        silo = Silo(machine, "/bench/first", "--stay")
        silos.append(silo)
        if not silo.first_line()["there"]:
            raise RuntimeError(f"container {len(silos)} did not get its devices")
        hold_volumes(silo, volumes)
    started = len(silos) - had
    return {
        "started": started,
        "cpu_ms_each": (busy_ns(pid) - before) / 1e6 / started,
        "wall_ms_each": (time.monotonic() - begin) * 1000 / started,
    }


def measure(machine, plan, say):
    machine.service.start()
    pid = machine.service.status()["pid"]
    silos, stages = [], []
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))  # each container takes a few descriptors here
    try:
        for wanted in plan.stages:
            say(f"the service with {wanted} containers")
            growth = grow(machine, silos, wanted, pid, plan.volumes)
            stage = {"silos": len(silos), "growth": growth, "operations": operations(machine, silos, plan.repeats)}
            stage["service_says"] = machine.service.status()["silos"]
            say(f"the service with {wanted} containers, idle for {plan.idle} s")
            stage["idle"] = idle(pid, plan.idle)
            stage["memory"] = memory(process_tree(pid))
            stages.append(stage)
        say(f"{STARTS_A_MINUTE} containers a minute come and go")
        churn = come_and_go(machine, pid, plan.churn)
    finally:
        for silo in silos:
            silo.process.terminate()
        for silo in silos:
            silo.end()
    return {"stages": stages, "volumes_each": plan.volumes, "come_and_go": churn}
